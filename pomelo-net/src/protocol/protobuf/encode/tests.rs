//! Tests of writing protobuf.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::EncodeError;
use crate::protocol::protobuf::{Protos, Schema};

fn schema(message: Value) -> Schema {
    let protos = Protos::parse(&json!({ "r": message }), &Value::Null).unwrap();
    protos.server().message("r").unwrap().clone()
}

fn player() -> Schema {
    schema(json!({
        "required uInt32 id": 1,
        "optional string name": 2,
        "repeated int32 path": 3,
        "optional Point at": 4,
        "message Point": { "required sInt32 x": 1, "required sInt32 y": 2 },
    }))
}

#[derive(Serialize)]
struct Player {
    id: Id,
    name: Option<&'static str>,
    ignored: (bool, f32),
    path: Vec<i32>,
    at: Option<Point>,
}

#[derive(Serialize)]
struct Id(u64);

#[derive(Serialize)]
struct Point {
    x: i32,
    y: i32,
}

#[test]
fn a_struct_is_written_like_its_json() {
    let player = Player {
        id: Id(300),
        name: None,
        ignored: (true, 0.5),
        path: vec![-1, 2],
        at: Some(Point { x: 1, y: -1 }),
    };
    let by_struct = self::player().encode(&player).unwrap();
    assert_eq!(by_struct, &[8, 0xac, 2, 0x18, 2, 1, 4, 0x22, 4, 8, 2, 0x10, 1][..]);
    assert_eq!(by_struct, self::player().encode(&serde_json::to_value(&player).unwrap()).unwrap());
}

#[test]
fn maps_enums_and_numbers_as_keys_are_messages() {
    let schema = schema(json!({
        "optional uInt32 1": 1,
        "optional string Say": 2,
        "optional Move Move": 3,
        "message Move": { "required uInt32 x": 1 },
    }));
    #[derive(Serialize)]
    enum Event {
        Say(&'static str),
        Move { x: u8 },
    }
    assert_eq!(schema.encode(&BTreeMap::from([(1, 5), (2, 6)])).unwrap(), &[8, 5][..]);
    assert_eq!(schema.encode(&Event::Say("a")).unwrap(), &[0x12, 1, b'a'][..]);
    assert_eq!(schema.encode(&Event::Move { x: 7 }).unwrap(), &[0x1a, 2, 8, 7][..]);
}

#[test]
fn a_missing_field_is_named_by_its_path() {
    let missing = |field: &str| Err(EncodeError::Missing { field: field.to_owned() });
    assert_eq!(player().encode(&json!({ "name": "x" })), missing("id"));
    assert_eq!(player().encode(&json!({ "id": null })), missing("id"));
    assert_eq!(player().encode(&json!({ "id": 1, "at": { "x": 1 } })), missing("at.y"));
}

#[test]
fn a_wrong_type_is_named() {
    let error = |value| player().encode(&value).unwrap_err().to_string();
    assert_eq!(error(json!({ "id": true })), "field \"id\" must be uInt32, but it is a boolean");
    assert_eq!(error(json!({ "id": [1] })), "field \"id\" must be uInt32, but it is an array");
    assert_eq!(error(json!({ "id": "12abc" })), "field \"id\" must be uInt32, but it is a string");
    assert_eq!(error(json!({ "id": 1, "name": 7 })), "field \"name\" must be string, but it is a number");
    assert_eq!(error(json!({ "id": 1, "path": 7 })), "field \"path\" must be array, but it is a number");
    assert_eq!(error(json!({ "id": 1, "path": [null] })), "field \"path\" must be int32, but it is null");
    let nested = json!({ "id": 1, "at": { "x": {} } });
    assert_eq!(error(nested), "field \"at.x\" must be int32, but it is a message");
    assert_eq!(error(json!([])), "field \"\" must be message, but it is an array");
    assert_eq!(error(json!(null)), "field \"\" must be message, but it is null");
    assert_eq!(error(json!(1)), "field \"\" must be message, but it is a number");
}

#[test]
fn a_number_that_clients_would_read_as_another_is_refused() {
    for value in [json!({ "id": -1 }), json!({ "id": 1_u64 << 53 }), json!({ "id": 1e300 })] {
        assert!(matches!(player().encode(&value), Err(EncodeError::OutOfRange { .. })), "{value}");
    }
    let nan = BTreeMap::from([("id", f64::NAN)]);
    assert!(matches!(player().encode(&nan), Err(EncodeError::OutOfRange { .. })));
    assert!(player().encode(&json!({ "id": (1_u64 << 53) - 1 })).is_ok());
}

#[test]
fn lengths_and_counts_above_127_take_two_bytes() {
    let path = vec![0; 200];
    let bytes = player().encode(&json!({ "id": 1, "path": path })).unwrap();
    assert_eq!((&bytes[..5], bytes.len()), (&[8, 1, 0x18, 0xc8, 1][..], 205));
}

#[test]
fn what_is_too_deep_is_refused() {
    let protos = Protos::parse(&json!({ "message N": { "optional N n": 1 } }), &Value::Null).unwrap();
    let schema = protos.server().message("message N").unwrap();
    let nest = |depth| (0..depth).fold(json!({}), |inner, _| json!({ "n": inner }));
    assert!(schema.encode(&nest(63)).is_ok());
    assert!(matches!(schema.encode(&nest(64)), Err(EncodeError::TooDeep { .. })));
}

#[test]
fn more_than_128_fields_are_all_checked() {
    let message: serde_json::Map<String, Value> =
        (0..200).map(|tag| (format!("required uInt32 f{tag}"), json!(tag))).collect();
    let mut value: serde_json::Map<String, Value> =
        (0..200).map(|tag| (format!("f{tag}"), json!(1))).collect();
    let schema = schema(Value::Object(message));
    assert!(schema.encode(&value).is_ok());
    value.remove("f150");
    assert_eq!(schema.encode(&value), Err(EncodeError::Missing { field: "f150".to_owned() }));
}

#[cfg(feature = "server")]
#[test]
fn an_erased_value_is_written_like_the_value() {
    let value = Player { id: Id(1), name: Some("x"), ignored: (true, 0.5), path: vec![3], at: None };
    let erased: Box<dyn erased_serde::Serialize + '_> = Box::new(&value);
    assert_eq!(player().encode(&*erased), player().encode(&value));
    let missing: Box<dyn erased_serde::Serialize> = Box::new(json!({ "at": { "x": 1 }, "id": 1 }));
    assert!(player().encode(&*missing).unwrap_err().to_string().contains("at.y"));
}
