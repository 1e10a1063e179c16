//! Tests of reading protobuf.

use serde::Deserialize;
use serde_json::{Value, json};

use super::DecodeError;
use crate::protocol::protobuf::{Protos, Schema};
use crate::protocol::reader::ReadError;

fn protos() -> Protos {
    let player = json!({
        "required uInt32 id": 1,
        "optional string name": 2,
        "repeated int32 path": 3,
        "repeated Point points": 4,
        "optional Event event": 5,
        "message Point": { "required sInt32 x": 1, "optional double y": 2 },
        "message Event": { "optional string Say": 1, "optional Point Move": 2, "message Point": {
            "required sInt32 x": 1 } },
    });
    Protos::parse(&json!({ "player": player, "message N": { "optional N n": 1 } }), &Value::Null).unwrap()
}

fn player() -> Schema {
    protos().server().message("player").unwrap().clone()
}

#[derive(Deserialize, Debug, PartialEq)]
struct Player<'a> {
    id: u8,
    name: Option<&'a str>,
    path: Vec<i32>,
    points: Option<Vec<Point>>,
    event: Option<Event>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Point {
    x: i32,
    y: Option<f32>,
}

#[derive(Deserialize, Debug, PartialEq)]
enum Event {
    Say(String),
    Move { x: i8 },
}

#[test]
fn a_struct_is_read_and_text_is_borrowed() {
    let value = json!({ "id": 7, "name": "x", "path": [1, -2], "points": [{ "x": 1 }, { "x": -1, "y": 0.5 }],
        "event": { "Move": { "x": 3 } } });
    let bytes = player().encode(&value).unwrap();
    let read: Player<'_> = player().decode(&bytes).unwrap();
    let points = vec![Point { x: 1, y: None }, Point { x: -1, y: Some(0.5) }];
    let event = Some(Event::Move { x: 3 });
    let expected = Player { id: 7, name: Some("x"), path: vec![1, -2], points: Some(points), event };
    assert_eq!(read, expected);
    assert_eq!(player().decode::<Value>(&bytes).unwrap(), value);
}

#[test]
fn what_is_absent_is_empty_or_none() {
    let read: Player<'_> = player().decode(&[8, 1, 0x2a, 3, 0x0a, 1, b'a']).unwrap();
    let event = Some(Event::Say("a".to_owned()));
    assert_eq!(read, Player { id: 1, name: None, path: vec![], points: None, event });
    assert_eq!(player().decode::<Value>(&[8, 1]).unwrap(), json!({ "id": 1 }));
}

#[test]
fn arrays_in_pieces_are_joined_and_the_last_of_a_field_counts() {
    let bytes = [0x18, 1, 2, 8, 1, 0x22, 2, 8, 2, 0x18, 2, 4, 6, 8, 9, 0x22, 2, 8, 4];
    let read: Value = player().decode(&bytes).unwrap();
    assert_eq!(read, json!({ "path": [1, 2, 3], "id": 9, "points": [{ "x": 1 }, { "x": 2 }] }));
}

#[test]
fn what_is_broken_is_named() {
    let error = |bytes: &[u8]| player().decode::<Value>(bytes).unwrap_err();
    let broken = |field: &str| DecodeError::Broken { field: field.to_owned(), source: ReadError::Truncated };
    assert_eq!(error(&[8]), broken("id"));
    assert_eq!(error(&[0x80]), broken(""));
    assert_eq!(error(&[0x12, 5, b'a']), broken("name"));
    assert_eq!(error(&[0x22, 1, 8]), broken("points.x"));
    assert_eq!(error(&[0x58, 1]), DecodeError::UnknownTag { field: String::new(), tag: 11 });
    assert_eq!(error(&[0x22, 1, 0x78]), DecodeError::UnknownTag { field: "points".to_owned(), tag: 15 });
    let refused = player().decode::<Player<'_>>(&[8, 0x80, 4]).unwrap_err().to_string();
    assert_eq!(refused, "\"id\": invalid value: integer `512`, expected u8");
}

#[test]
fn a_count_that_lies_is_refused_before_anything_is_read() {
    let lie = [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2];
    let broken = DecodeError::Broken { field: "path".to_owned(), source: ReadError::Truncated };
    assert_eq!(player().decode::<Value>(&lie), Err(broken.clone()));
    assert_eq!(player().decode::<Value>(&[0x18, 5, 1]), Err(broken));
}

#[test]
fn what_is_too_deep_is_refused() {
    let protos = protos();
    let schema = protos.server().message("message N").unwrap();
    let nest = |depth: u8| {
        (0..depth).fold(Vec::new(), |inner: Vec<u8>, _| {
            let mut length = Vec::new();
            crate::protocol::varint::put(&mut length, inner.len() as u64);
            [&[10], &length[..], &inner].concat()
        })
    };
    assert!(schema.decode::<Value>(&nest(63)).is_ok());
    assert!(matches!(schema.decode::<Value>(&nest(64)), Err(DecodeError::TooDeep { .. })));
    assert!(matches!(schema.decode::<Value>(&nest(250)), Err(DecodeError::TooDeep { .. })));
}

#[cfg(feature = "server")]
#[test]
fn an_erased_deserializer_reads_the_same() {
    let player = player();
    let bytes = player.encode(&json!({ "id": 7, "name": "x" })).unwrap();
    let mut erased = <dyn erased_serde::Deserializer<'_>>::erase(player.deserializer(&bytes));
    let read: Player<'_> = erased_serde::deserialize(&mut erased).unwrap();
    assert_eq!(read, player.decode(&bytes).unwrap());
}
