//! Schemas out of a handshake.
//!
//! A server sends them parsed, `{"onChat":{"msg":{"option":"required","type":"string","tag":1},…}}`; the reader of
//! pomelo-net takes them as they stand in serverProtos.json, `{"onChat":{"required string msg":1,…}}`.

use crate::protocol::protobuf::{Protos, ProtosError};
use serde_json::{Map, Value};

/// What a handshake carries as `protos`.
///
/// # Errors
/// If a message names a type that there isn't, or is no object.
pub(super) fn read(protos: &Value) -> Result<Protos, ProtosError> {
    let side = |name: &str| protos.get(name).map_or(Value::Null, messages);
    Protos::parse(&side("server"), &side("client"))
}

fn messages(parsed: &Value) -> Value {
    let Value::Object(parsed) = parsed else { return parsed.clone() };
    parsed.iter().map(|(name, message)| (name.clone(), as_written(message))).collect::<Map<_, _>>().into()
}

/// One message; `__tags` says nothing that its fields don't.
fn as_written(message: &Value) -> Value {
    let Value::Object(parts) = message else { return message.clone() };
    let mut written = Map::new();
    for (name, part) in parts {
        match (name.as_str(), part) {
            ("__tags", _) => {}
            ("__messages", Value::Object(nested)) => {
                written
                    .extend(nested.iter().map(|(name, part)| (format!("message {name}"), as_written(part))));
            }
            _ => {
                let word = |key| part.get(key).and_then(Value::as_str).unwrap_or_default();
                let line = format!("{} {} {name}", word("option"), word("type"));
                written.insert(line, part.get("tag").cloned().unwrap_or_default());
            }
        }
    }
    written.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_server_sends_becomes_what_it_read() {
        let written = json!({
            "onChat": { "required string msg": 1, "repeated uInt32 ids": 2 },
            "onMove": { "optional Point at": 1, "message Point": { "required sInt32 x": 1 } },
        });
        let theirs = Protos::parse(&written, &json!({ "a.b.c": {} })).unwrap();
        let ours = read(&serde_json::from_str(theirs.json()).unwrap()).unwrap();
        assert_eq!(ours.json(), theirs.json());
    }

    #[test]
    fn a_server_without_schemas_is_fine() {
        assert!(read(&json!({})).unwrap().server().message("onChat").is_none());
    }

    #[test]
    fn nonsense_is_refused_or_left_out() {
        assert!(read(&json!({ "server": { "onChat": 7 } })).is_err());
        assert!(read(&json!({ "server": [] })).is_err());
        let odd = read(&json!({ "server": { "onChat": { "msg": 7 } } })).is_ok_and(|protos| {
            let schema = protos.server().message("onChat");
            schema.is_some() && protos.server().dropped().len() == 1
        });
        assert!(odd, "an entry that means nothing is left out, as pomelo does");
    }
}
