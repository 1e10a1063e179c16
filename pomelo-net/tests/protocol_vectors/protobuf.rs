//! Protobuf: schemas, encoding, decoding.

use pomelo_net::protocol::protobuf::{EncodeError, Protos, ProtosError, Schema};
use serde_json::{Value, json};

use super::js::Js;
use super::{bytes, each};

fn schema(vector: &Value) -> Option<Schema> {
    let protos = Protos::parse(&vector["protos"], &json!({})).unwrap();
    protos.server().message(vector["route"].as_str().unwrap()).cloned()
}

fn hex(value: &str) -> Vec<u8> {
    bytes(&json!(value))
}

/// What ours does where the original is broken; `None` if they must agree.
fn differs(name: &str, vector: &Value) -> Option<()> {
    let encode = || schema(vector).unwrap().encode(&Js::from(&vector["msg"]));
    let missing = |field: &str| Err(EncodeError::Missing { field: field.to_owned() });
    match name {
        "uInt32 \"12abc\" (parseInt)" => {
            assert!(matches!(encode(), Err(EncodeError::WrongType { .. })));
        }
        "bool true (not supported)" | "uInt64 (named, not supported)" => {
            let refused = Protos::parse(&vector["protos"], &json!({})).unwrap_err();
            assert!(matches!(refused, ProtosError::UnknownType { .. }));
        }
        "optional null string" => assert_eq!(encode().unwrap(), hex("")),
        "optional undefined" => assert_eq!(encode().unwrap(), hex("0801")),
        "required missing: null, and a push goes out with an empty body" => {
            assert_eq!(encode(), missing("b"))
        }
        "nested, required inside missing: null" => assert_eq!(encode(), missing("p.y")),
        "only optional fields and an empty message: null" => assert_eq!(encode().unwrap(), hex("")),
        "no proto for the route: null" => assert!(schema(vector).is_none()),
        "repeated double, many short values" => {
            let read: Js = schema(vector).unwrap().decode(&encode().unwrap()).unwrap();
            assert_eq!(read, Js::from(&vector["msg"]));
        }
        _ => return None,
    }
    Some(())
}

#[test]
fn values_are_written_and_read_alike() {
    each("protobuf", 97, |name, vector| {
        if differs(name, vector).is_some() {
            return;
        }
        let schema = schema(vector).unwrap();
        let written = schema.encode(&Js::from(&vector["msg"]));
        if vector.get("error").is_some() {
            assert!(written.is_err(), "{name}");
            return;
        }
        assert_eq!(written.unwrap(), bytes(&vector["hex"]), "{name}");
        let read: Js = schema.decode(&bytes(&vector["hex"])).unwrap();
        assert_eq!(read, Js::from(&vector["decoded"]), "{name}");
        if vector.get("browser_hex").is_some() {
            from_a_browser(name, vector, &schema);
        }
    });
}

fn from_a_browser(name: &str, vector: &Value, schema: &Schema) {
    let read = schema.decode::<Js>(&bytes(&vector["browser_hex"]));
    match name {
        "double 0" | "double -1" => assert!(read.is_err(), "{name}: the browser cuts it off"),
        "string lone surrogate" => {
            let text = Js::Text("x\u{fffd}\u{fffd}\u{fffd}y".to_owned());
            assert_eq!(read.unwrap(), Js::Object(vec![("v".to_owned(), text)]));
        }
        _ => assert_eq!(read.unwrap(), Js::from(&vector["decoded"]), "{name}"),
    }
}

#[test]
fn json_values_are_written_like_any_others() {
    each("protobuf", 97, |name, vector| {
        let has_marks = vector["msg"].to_string().contains('$');
        if has_marks || !vector["hex"].is_string() || differs(name, vector).is_some() {
            return;
        }
        let written = schema(vector).unwrap().encode(&vector["msg"]).unwrap();
        assert_eq!(written, bytes(&vector["hex"]), "{name}");
    });
}

#[test]
fn bytes_are_read_alike() {
    each("protobuf_decode", 12, |name, vector| {
        let read = schema(vector).unwrap().decode::<Js>(&bytes(&vector["hex"]));
        if vector.get("error").is_some() {
            assert!(read.is_err(), "{name}");
            return;
        }
        let expected = match name.starts_with("CESU-8") {
            true => Js::from(&json!({ "s": "😀" })),
            false => Js::from(&vector["decoded"]),
        };
        assert_eq!(read.unwrap(), expected, "{name}");
    });
}

#[test]
fn schemas_are_sent_alike() {
    each("protobuf_parse", 5, |name, vector| {
        let protos = Protos::parse(&vector["protos"], &json!({})).unwrap();
        let version = vector["md5_base64_of_client_then_server"].as_str().unwrap();
        assert_eq!(protos.version().as_str(), version, "{name}");
        let expected = format!(r#"{{"server":{},"client":{{}},"version":"{version}"}}"#, vector["parsed"]);
        assert_eq!(protos.json(), expected, "{name}");
    });
}
