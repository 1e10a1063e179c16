//! Fuzz targets of what servers, operators and strangers send a master, and what it sends them.

use std::fmt::Debug;

use bytes::BytesMut;
use pomelo_core::value::Incarnation;
use pomelo_fuzz::fuzz;
use pomelo_net::link::frame;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::login::Who;
use super::operator::Asked;
use super::server::{FromServer, ToServer};

/// Messages of each kind.
fn messages() -> Vec<String> {
    let info = json!({ "id": "chat-1", "serverType": "chat", "host": "h", "port": 1, "args": "a" });
    let incarnation = Incarnation::begin("chat-1");
    let member =
        json!({ "info": info, "incarnation": incarnation, "methods": { "r": { "m": 7 } }, "encodings": [] });
    let occupied = json!({ "host": "h", "pid": 1, "incarnation": incarnation });
    let messages = [
        json!({ "Register": { "member": member, "pid": 7, "added": [info], "told": ["chat-1"] } }),
        json!({ "Update": member }),
        json!({ "Up": { "member": member } }),
        json!("Beat"),
        json!("Goodbye"),
        json!({ "Links": [] }),
        json!({ "Expect": [info] }),
        json!({ "Gone": { "id": "chat-1", "incarnation": incarnation } }),
        json!({ "Ask": { "ask": u64::MAX } }),
        json!({ "Put": { "ask": 1, "question": { "module": "m", "user": "u", "level": "Look", "body": null, "within_ms": 5 } } }),
        json!({ "Told": { "ask": 1, "told": { "Ok": { "a": 1 } } } }),
        json!({ "Told": { "ask": 1, "told": { "Err": { "Denied": { "needed": "Everything" } } } } }),
        json!({ "Refused": { "reason": "no", "begin_after": incarnation, "occupied": occupied } }),
        json!({ "ask": 1, "request": "List" }),
        json!({ "ask": 1, "request": { "Log": { "id": "chat-1", "lines": 100 } } }),
        json!({ "ask": 1, "request": { "Start": { "env": "production", "servers": [info] } } }),
        json!({ "ask": 1, "request": { "Add": { "entry": { "id": "chat-2", "a": [1.5, null, "😀"] } } } }),
        json!({ "ask": 2, "request": { "Ask": { "to": { "type": "chat" }, "module": "m", "body": [1], "within_ms": 9 } } }),
        json!({ "Server": { "id": "chat-1", "server_type": "chat" } }),
        json!({ "Operator": { "user": "admin" } }),
    ];
    messages.iter().map(ToString::to_string).collect()
}

fn is_known(message: &str) -> bool {
    serde_json::from_str::<FromServer>(message).is_ok()
        || serde_json::from_str::<ToServer>(message).is_ok()
        || serde_json::from_str::<Asked>(message).is_ok()
        || serde_json::from_str::<Who>(message).is_ok()
}

#[test]
fn every_sample_is_a_message() {
    for message in messages() {
        assert!(is_known(&message), "{message}");
    }
}

/// What can be read can be written, and is then read as the same.
fn comes_back<T: Serialize + DeserializeOwned + Debug>(input: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(input) else { return };
    let written = serde_json::to_vec(&message).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(format!("{again:?}"), format!("{message:?}"));
}

#[test]
fn fuzz_master_messages() {
    fuzz("master messages", &messages(), |_, input| {
        comes_back::<FromServer>(input);
        comes_back::<ToServer>(input);
        comes_back::<Asked>(input);
        comes_back::<Who>(input);
    });
}

#[test]
fn fuzz_master_frames() {
    let framed = |message: &String| [&(message.len() as u32).to_be_bytes(), message.as_bytes()].concat();
    let frames: Vec<Vec<u8>> = messages().iter().map(framed).collect();
    let read = |pieces: &[&[u8]]| {
        let (mut input, mut found) = (BytesMut::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            loop {
                match frame::take(&mut input, super::STRANGER_FRAME_BYTES) {
                    Ok(Some(([], body))) => found.push(body),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error.to_string())),
                }
            }
        }
        (found, None)
    };
    fuzz("master frames", &frames, |random, input| {
        let whole = read(&[input]);
        assert!(whole.0.iter().all(|frame| frame.len() <= super::STRANGER_FRAME_BYTES));
        assert_eq!(read(&random.pieces(input)), whole);
    });
}
