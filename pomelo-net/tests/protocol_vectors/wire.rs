//! Packages, messages, text.

use bytes::{Bytes, BytesMut};
use pomelo_net::protocol::message::{Message, MessageKind, MessageRoute};
use pomelo_net::protocol::package::{MAX_BODY, Package, PackageError, PackageKind};
use pomelo_net::protocol::text;
use serde_json::Value;

use super::{bytes, each, js};

fn kind(vector: &Value) -> PackageKind {
    PackageKind::try_from(vector["type"].as_u64().unwrap() as u8).unwrap()
}

#[test]
fn packages_are_written_alike() {
    each("package_encode", 13, |name, vector| {
        if let Some(length) = vector["body_length"].as_u64() {
            let package = Package::encode(kind(vector), &vec![0x5a; length as usize]).unwrap();
            assert_eq!(package[..4], bytes(&vector["head_hex"]), "{name}");
            assert_eq!(package.len() as u64, vector["total_length"].as_u64().unwrap(), "{name}");
            return;
        }
        let package = Package::encode(kind(vector), &bytes(&vector["body_hex"])).unwrap();
        assert_eq!(package, bytes(&vector["hex"]), "{name}");
    });
}

#[test]
fn packages_are_read_alike() {
    const PADDED: [&str; 4] =
        ["head cut to one byte", "head cut to two bytes", "body shorter than announced", "trailing byte"];
    each("package_decode", 17, |name, vector| {
        let mut frame = Bytes::from(bytes(&vector["hex"]));
        let mut stream = BytesMut::from(&frame[..]);
        let mut read = Vec::new();
        let end = loop {
            match Package::decode_whole(&mut frame, MAX_BODY) {
                Ok(Some(package)) => read.push(package),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        for package in &read {
            assert_eq!(Package::decode(&mut stream, MAX_BODY).unwrap().as_ref(), Some(package), "{name}");
        }
        assert_eq!(Package::decode(&mut stream, MAX_BODY), Ok(None), "{name}");
        if PADDED.contains(&name) {
            assert_eq!(end, Err(PackageError::Truncated), "{name}");
            return;
        }
        assert_eq!(end, Ok(()), "{name}");
        let expected = vector["result"].as_array().unwrap().iter();
        let expected = expected.map(|package| (kind(package), bytes(&package["body_hex"])));
        let read = read.into_iter().map(|package| (package.kind, package.body.to_vec()));
        assert!(read.eq(expected), "{name}");
    });
}

fn message(vector: &Value) -> Message {
    let kind = match vector["type"].as_str().unwrap() {
        "request" => MessageKind::Request,
        "notify" => MessageKind::Notify,
        "response" => MessageKind::Response,
        "push" => MessageKind::Push,
        other => panic!("{other}"),
    };
    let (id, gzip) = (vector["id"].as_u64().unwrap(), vector["gzip"] == 1);
    Message { kind, id, route: route(&vector["route"]), body: bytes(&vector["body_hex"]).into(), gzip }
}

fn route(value: &Value) -> Option<MessageRoute> {
    match value {
        Value::Number(code) => Some(MessageRoute::Code(code.as_u64().unwrap() as u16)),
        Value::String(name) => Some(MessageRoute::Name(name.as_str().into())),
        _ => None,
    }
}

#[test]
fn messages_are_written_alike() {
    each("message_encode", 68, |name, vector| {
        let message = message(vector);
        let written = message.encode();
        if vector.get("error").is_some() {
            assert!(written.is_err(), "{name}");
            return;
        }
        let (written, expected) = (written.unwrap(), bytes(&vector["hex"]));
        if name.ends_with("(broken)") {
            assert!(written.starts_with(&expected) && written.ends_with(&message.body), "{name}");
            assert_eq!(Message::decode(written).unwrap(), message, "{name}");
            return;
        }
        assert_eq!(written, expected, "{name}");
    });
}

#[test]
fn messages_are_read_alike() {
    each("message_decode", 76, |name, vector| {
        let read = Message::decode(Bytes::from(bytes(&vector["hex"])));
        if vector.get("error").is_some() || name == "type 7 (unknown)" {
            assert!(read.is_err(), "{name}");
            return;
        }
        let (read, expected) = (read.unwrap(), &vector["result"]);
        // Where the server's decoder breaks, the client's of the same package is right.
        let id = vector.get("demo_client_result").unwrap_or(expected)["id"].as_u64().unwrap();
        assert_eq!((read.id, read.kind as u64), (id, expected["type"].as_u64().unwrap()), "{name}");
        assert_eq!(read.route, route(&expected["route"]), "{name}");
        assert_eq!(read.body, bytes(&expected["body_hex"]), "{name}");
        assert_eq!(read.gzip, expected["compressGzip"] == 1, "{name}");
    });
}

#[test]
fn text_is_read_whoever_wrote_it() {
    each("strencode", 18, |name, vector| {
        let expected = js::text(&vector["utf16"]);
        assert_eq!(expected.as_bytes(), bytes(&vector["node_hex"]), "{name}");
        for writer in ["node_hex", "browser_hex", "demo_browser_hex"] {
            assert_eq!(text::decode(&bytes(&vector[writer])), expected, "{name}, {writer}");
        }
    });
}
