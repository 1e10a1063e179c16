//! pomelo-protobuf as a codec of message bodies.
//!
//! It is what `use_protobuf` of a connector, and serverProtos.json and clientProtos.json in the
//! configuration, come to: a [`Codec`] for [`Encoding::Protobuf`](pomelo_core::wire::Encoding::Protobuf). A
//! route without a schema is JSON.
//!
//! ```
//! use pomelo_core::wire::{Codecs, Encoding};
//! use pomelo_net::protocol::protobuf::Protos;
//! use serde_json::{Value, json};
//!
//! let protos = Protos::parse(&json!({ "onMove": { "required uInt32 x": 1 } }), &Value::Null)?;
//! let codecs = Codecs::with_protobuf(protos);
//! let body = codecs.encode(Encoding::Protobuf, "onMove", &json!({ "x": 300 })).unwrap();
//! assert_eq!(&body.bytes[..], b"\x08\xac\x02");
//! # Ok::<(), pomelo_net::protocol::protobuf::ProtosError>(())
//! ```

use bytes::Bytes;
use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, ErrorKind, Result};
use pomelo_core::wire::Codec;
use serde_json::{Map, Value};

use crate::protocol::protobuf::{Protos, ProtosError};

/// Encodes what servers send by serverProtos.json and decodes what clients send by clientProtos.json.
impl Codec for Protos {
    fn encode(&self, route: &str, value: &dyn erased_serde::Serialize) -> Option<Result<Bytes>> {
        let schema = self.server().message(route)?;
        Some(schema.encode(value).map_err(|error| Error::of(ErrorKind::BadMessage, error)))
    }

    fn encode_known(&self, route: &str, value: &Value) -> Option<Bytes> {
        let schema = self.server().message(route)?;
        // What is no object has no fields.
        Some(
            value
                .as_object()
                .map_or_else(|| schema.encode_known(&Map::new()), |fields| schema.encode_known(fields)),
        )
    }

    fn decode(
        &self,
        route: &str,
        bytes: &[u8],
        visit: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<()>,
    ) -> Result<()> {
        let schema = self.client().message(route).ok_or_else(|| {
            Error::of(ErrorKind::BadMessage, format_args!("clientProtos.json has no message {route}"))
        })?;
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(schema.deserializer(bytes)))
    }
}

/// Reads the schemas of a configuration; on an error, says which file is wrong.
pub(crate) fn protos(config: &Config) -> Result<Protos, (&'static str, ProtosError)> {
    let server = config.server_protos.as_ref().unwrap_or(&Value::Null);
    let client = config.client_protos.as_ref().unwrap_or(&Value::Null);
    Protos::parse(server, client).map_err(|source| {
        // The error names message and field; the file is the one that can't be read by itself.
        let server_is_fine = Protos::parse(server, &Value::Null).is_ok();
        (if server_is_fine { "clientProtos.json" } else { "serverProtos.json" }, source)
    })
}

#[cfg(test)]
mod tests {
    use pomelo_core::wire::{Body, Codecs, Encoding};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn codecs(server: Value, client: Value) -> Codecs {
        Codecs::with_protobuf(Protos::parse(&server, &client).unwrap())
    }

    #[test]
    fn what_has_a_schema_is_protobuf_and_the_rest_is_json() {
        let codecs = codecs(json!({ "onMove": { "required uInt32 x": 1 } }), json!({}));
        let body = codecs.encode(Encoding::Protobuf, "onMove", &json!({ "x": 300 })).unwrap();
        assert_eq!((body.encoding, &body.bytes[..]), (Encoding::Protobuf, &b"\x08\xac\x02"[..]));
        let body = codecs.encode(Encoding::Protobuf, "onAdd", &json!({ "x": 300 })).unwrap();
        assert_eq!(body, Body::json(r#"{"x":300}"#));
        let body = codecs.encode(Encoding::Json, "onMove", &json!({ "x": 300 })).unwrap();
        assert_eq!(body.encoding, Encoding::Json);
    }

    #[test]
    fn a_value_that_does_not_fit_is_an_error_that_names_route_and_field() {
        let codecs = codecs(json!({ "onMove": { "required uInt32 x": 1 } }), json!({}));
        let error = codecs.encode(Encoding::Protobuf, "onMove", &json!({ "y": 1 })).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadMessage);
        assert!(error.message().starts_with("onMove: ") && error.message().contains('x'), "{error}");
    }

    #[test]
    fn a_response_in_json_is_fitted_to_the_schema_that_its_reader_has() {
        let schema = json!({ "required string name": 1, "optional uInt32 code": 2 });
        let codecs = codecs(json!({ "a.b.c": schema }), json!({}));
        let fitted =
            |text: &'static str| codecs.fit(Encoding::Protobuf, "a.b.c", &Body::json(text)).into_owned();
        let protobuf =
            |bytes: &'static [u8]| Body { encoding: Encoding::Protobuf, bytes: Bytes::from_static(bytes) };
        assert_eq!(fitted(r#"{"code":500,"message":"why"}"#), protobuf(b"\x10\xf4\x03"));
        for text in ["{}", "null", r#""text""#, r#"{"code":"none"}"#, "no JSON"] {
            assert_eq!(fitted(text), protobuf(b""));
        }
        // What has no schema, is for a reader of JSON or is by the schema already stays.
        let body = Body::json(r#"{"code":500}"#);
        assert_eq!(*codecs.fit(Encoding::Protobuf, "a.b.d", &body), body);
        assert_eq!(*codecs.fit(Encoding::Json, "a.b.c", &body), body);
        assert_eq!(*codecs.fit(Encoding::Protobuf, "a.b.c", &protobuf(b"x")), protobuf(b"x"));
    }

    #[test]
    fn clients_bodies_are_read_by_their_own_schemas() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Move {
            x: u32,
            name: String,
        }
        let schema =
            json!({ "area.playerHandler.move": { "required uInt32 x": 1, "optional string name": 2 } });
        let codecs = codecs(json!({}), schema);
        let body =
            |bytes: &'static [u8]| Body { encoding: Encoding::Protobuf, bytes: Bytes::from_static(bytes) };
        let read: Move = codecs.decode("area.playerHandler.move", &body(b"\x08\xac\x02\x12\x01a")).unwrap();
        assert_eq!(read, Move { x: 300, name: "a".into() });
        let error = codecs.decode::<Move>("area.playerHandler.move", &body(b"\x08\xac\x02")).unwrap_err();
        assert!(error.message().contains("name"), "{error}");
        let error = codecs.decode::<Move>("chat.chatHandler.send", &body(b"")).unwrap_err();
        assert!(error.message().contains("clientProtos.json"), "{error}");
    }
}
