//! The schemas of an application, both directions.

use std::collections::HashMap;

use serde_json::Value;

use super::definition::{Definitions, ProtosError};
use super::schema::{Schema, resolve};
use crate::protocol::version::Version;

/// The schemas of one direction, by route.
#[derive(Debug)]
pub struct ProtoSet {
    /// By route.
    schemas: HashMap<String, Schema>,
    /// For people: pomelo drops them without a word.
    dropped: Vec<String>,
}

impl ProtoSet {
    /// The schema for this route; without one, bodies of the route are JSON.
    pub fn message(&self, route: &str) -> Option<&Schema> {
        self.schemas.get(route)
    }

    /// Entries of the file that mean nothing (a misspelt option, a tag used twice) and were left out, as
    /// pomelo does silently; worth a warning.
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

/// `serverProtos.json` and `clientProtos.json`, read.
#[derive(Debug)]
pub struct Protos {
    /// serverProtos.json: pushes, and responses by the route of their request.
    server: ProtoSet,
    /// clientProtos.json: requests and notifies.
    client: ProtoSet,
    /// Of both together.
    version: Version,
    /// What clients get.
    json: String,
}

impl Protos {
    /// Reads both files; `null` is a file that does not exist.
    ///
    /// `server` is for what the server sends (pushes by their route, responses by the route of the
    /// request), `client` for what clients send.
    ///
    /// # Errors
    /// [`ProtosError`], naming the message and the field.
    pub fn parse(server: &Value, client: &Value) -> Result<Self, ProtosError> {
        let (server, server_json) = parse(server)?;
        let (client, client_json) = parse(client)?;
        let version = Version::of(&[&client_json, &server_json]);
        let json = format!(r#"{{"server":{server_json},"client":{client_json},"version":"{version}"}}"#);
        Ok(Self { server, client, version, json })
    }

    /// What the server sends.
    pub fn server(&self) -> &ProtoSet {
        &self.server
    }

    /// What clients send.
    pub fn client(&self) -> &ProtoSet {
        &self.client
    }

    /// The fingerprint: base64 of the MD5 sum of both files in parsed form, the client's first.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// What a handshake carries as `protos`, written once: `{server, client, version}`, each message as
    /// `{field: {option, type, tag}, …, __messages, __tags}`.
    pub fn json(&self) -> &str {
        &self.json
    }
}

fn parse(file: &Value) -> Result<(ProtoSet, String), ProtosError> {
    let definitions = if file.is_null() { Definitions::default() } else { Definitions::parse(file)? };
    let schemas = resolve(&definitions)?;
    let json = definitions.to_json();
    Ok((ProtoSet { schemas, dropped: definitions.dropped }, json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn directions_are_apart() {
        let protos = Protos::parse(&json!({ "onChat": {} }), &Value::Null).unwrap();
        assert!(protos.server().message("onChat").is_some());
        assert!(protos.client().message("onChat").is_none());
        assert!(protos.json().ends_with(&format!(r#""client":{{}},"version":"{}"}}"#, protos.version())));
    }

    #[test]
    fn an_unknown_type_is_named() {
        let refused = Protos::parse(&json!({ "r": { "message A": { "required bool v": 1 } } }), &json!({}));
        let message = refused.unwrap_err().to_string();
        assert_eq!(message, "message r.A: field v has the unknown type bool");
    }

    #[test]
    fn a_type_is_looked_for_where_clients_look() {
        let outer =
            json!({ "r": { "required B b": 1, "message A": {}, "message B": { "required A a": 1 } } });
        assert!(Protos::parse(&outer, &json!({})).is_err(), "clients don't look in the message around it");
        let root = json!({ "r": { "required N n": 1 }, "message N": { "optional N n": 1 } });
        assert!(Protos::parse(&root, &json!({})).is_ok());
    }

    #[test]
    fn what_means_nothing_is_listed() {
        let protos = Protos::parse(&json!({ "r": { "maybe uInt32 a": 2 } }), &json!({})).unwrap();
        assert_eq!(protos.server().dropped(), [r#"r: "maybe uInt32 a""#]);
    }
}
