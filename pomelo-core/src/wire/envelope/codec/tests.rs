//! Tests of the bytes of envelopes.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::value::{Error, ErrorKind, Level};
use crate::wire::envelope::{Ask, AskError, SessionOp};

fn bytes(envelope: &Envelope) -> Bytes {
    let mut out = BytesMut::new();
    let body = envelope.encode(&mut out).unwrap();
    out.extend_from_slice(&body);
    out.freeze()
}

fn snapshot(uid: Option<&str>, settings: serde_json::Value) -> Snapshot {
    Snapshot {
        id: SessionId { incarnation: Incarnation::begin("c"), serial: 7 },
        frontend: "connector-1".into(),
        uid: uid.map(Uid::from),
        settings: Arc::new(serde_json::from_value(settings).unwrap()),
        version: 3,
    }
}

fn key() -> GroupKey {
    GroupKey { backend: "chat-1".into(), incarnation: Incarnation::begin("chat-1"), group: 9 }
}

/// A push with these bodies, the first of encoding number 0.
fn push(bodies: &[Option<&'static str>]) -> Message {
    let mut payload = Payload::default();
    for (number, text) in (0..).zip(bodies) {
        let encoding = Encoding::from_number(number).unwrap();
        text.iter()
            .for_each(|text| payload.add(Body { encoding, bytes: Bytes::from_static(text.as_bytes()) }));
    }
    let push = Push { route: "onChat".into(), payload, volatile: bodies[0].is_some() };
    Message::Group { key: key(), version: 5, op: GroupOp::Push { seq: 1, push } }
}

fn call(seq: u64, origin: Origin, args: &'static [u8]) -> Message {
    Message::Call { seq, method: u32::MAX, lane: 2, origin, args: Bytes::from_static(args) }
}

fn forward(id: Option<u64>, session: Snapshot) -> Message {
    Message::Forward {
        seq: 1,
        session,
        route: Route::parse("chat.chatHandler.send").unwrap(),
        id,
        body: Body { encoding: Encoding::Protobuf, bytes: Bytes::from_static(b"\x08\x01") },
        accept: Encoding::Json,
    }
}

fn ask() -> Ask {
    Ask::new("online", "ann", Level::Look).with_body(&json!({ "uid": ["u1"] })).unwrap()
}

/// One of every kind, and the borders of those that have a head of their own.
fn envelopes() -> Vec<Envelope> {
    let error = Error::of(ErrorKind::Deadline, "late").with_body(json!({ "why": [1, null] }));
    let session = snapshot(Some("u1"), json!({ "rid": "r", "level": 3, "deep": { "a": [1.5, false] } }));
    let messages = vec![
        call(u64::MAX, Origin::Outside, b"\x91\x01"),
        call(7, Origin::Hook, b"\x91\x01"),
        call(7, Origin::Handler(session.id), b"\x91\x01"),
        call(0, Origin::Outside, b""),
        Message::Reply { seq: 4, result: Ok(Answer::Returned(Bytes::from_static(b"\xc0"))) },
        Message::Reply { seq: 4, result: Ok(Answer::Response(Some(Body::json(&b"{}"[..])))) },
        Message::Reply { seq: 4, result: Ok(Answer::Response(None)) },
        Message::Reply { seq: 4, result: Ok(Answer::Sessions(vec![session.clone()])) },
        Message::Reply { seq: 4, result: Ok(Answer::Missing(vec!["u1".into()])) },
        Message::Reply { seq: 4, result: Err(error) },
        forward(Some(u64::MAX), session.clone()),
        forward(None, snapshot(None, json!({}))),
        Message::Session {
            seq: 1,
            origin: Origin::Handler(session.id),
            op: SessionOp::Bind { id: session.id, uid: "u".into(), unique: true },
        },
        Message::Abandon { seq: 1 },
        Message::Session {
            seq: 1,
            origin: Origin::Outside,
            op: SessionOp::Set { id: session.id, changes: (*session.settings).clone() },
        },
        Message::Session {
            seq: 1,
            origin: Origin::Hook,
            op: SessionOp::Kick { id: session.id, reason: None },
        },
        Message::SessionClosed { seq: 2, session, reason: "bye".into() },
        Message::Group { key: key(), version: 1, op: GroupOp::Join("u1".into()) },
        Message::Group { key: key(), version: 2, op: GroupOp::Sync(vec!["u1".into(), "u2".into()]) },
        Message::Group { key: key(), version: 0, op: GroupOp::Drop },
        push(&[Some("{}"), None]),
        push(&[None, Some("\u{8}")]),
        push(&[Some("{}"), Some("\u{8}")]),
        push(&[None, None]),
        push(&[Some("{}"), None, Some("\u{1}")]),
        push(&[Some("0"), Some("1"), Some("2"), Some("3"), Some("4"), Some("5"), Some("6")]),
        Message::Groups { incarnation: key().incarnation, alive: vec![1, 2] },
        Message::FetchGroup { group: 3 },
        Message::Ask { seq: 5, to: Some("gate-2".into()), ask: ask() },
        Message::Ask { seq: 5, to: None, ask: ask() },
        Message::Reply { seq: 5, result: Ok(Answer::Told(Ok(Bytes::from_static(b"{\"a\":1}")))) },
        Message::Reply {
            seq: 5,
            result: Ok(Answer::Told(Err(AskError::Denied { needed: Level::Everything }))),
        },
    ];
    messages.into_iter().map(Envelope).collect()
}

#[test]
fn every_envelope_is_read_as_it_was_written() {
    for envelope in envelopes() {
        let read = Envelope::decode(bytes(&envelope)).unwrap();
        assert_eq!(format!("{read:?}"), format!("{envelope:?}"));
    }
}

#[test]
fn an_envelope_that_is_cut_short_is_an_error_or_a_shorter_body_and_never_a_panic() {
    for envelope in envelopes() {
        let whole = bytes(&envelope);
        for end in 0..whole.len() {
            let _ = Envelope::decode(whole.slice(..end));
        }
    }
    assert!(matches!(Envelope::decode(Bytes::new()), Err(EnvelopeError::Short)));
    assert!(matches!(Envelope::decode(Bytes::from_static(&[99])), Err(EnvelopeError::Wrong("kind"))));
}

#[test]
fn a_route_that_is_too_long_is_an_error_to_the_sender() {
    let push = Push { route: "r".repeat(70_000).into(), payload: Payload::default(), volatile: false };
    let envelope = Envelope(Message::Group { key: key(), version: 1, op: GroupOp::Push { seq: 0, push } });
    assert!(matches!(envelope.encode(&mut BytesMut::new()), Err(EnvelopeError::TooLong("route"))));
}

#[test]
fn a_push_in_json_and_protobuf_is_as_servers_of_before_write_and_read_it() {
    let after_key = |bodies: &[Option<&'static str>]| {
        let whole = bytes(&Envelope(push(bodies)));
        let route = whole.windows(6).position(|part| part == b"onChat").unwrap();
        whole.slice(route - 3..)
    };
    assert_eq!(after_key(&[Some("{}")]), &b"\x03\0\x06onChat{}"[..]);
    assert_eq!(after_key(&[None, Some("pb")]), &b"\x04\0\x06onChatpb"[..]);
    assert_eq!(after_key(&[Some("{}"), Some("pb")]), &b"\x07\0\x06onChat\0\0\0\x02{}pb"[..]);
}

proptest! {
    #[test]
    fn any_bytes_are_an_envelope_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Envelope::decode(bytes.into());
    }

    #[test]
    fn a_damaged_envelope_is_an_envelope_or_an_error(which in 0..envelopes().len(), at in any::<prop::sample::Index>(), to: u8) {
        let mut damaged = bytes(&envelopes()[which]).to_vec();
        let at = at.index(damaged.len());
        damaged[at] = to;
        let _ = Envelope::decode(damaged.into());
    }
}

#[test]
fn fuzz_envelope() {
    let samples: Vec<Bytes> = envelopes().iter().map(bytes).collect();
    pomelo_fuzz::fuzz("envelope", &samples, |_, input| {
        let Ok(envelope) = Envelope::decode(Bytes::copy_from_slice(input)) else { return };
        let again = Envelope::decode(bytes(&envelope)).expect("what was written can be read");
        assert_eq!(format!("{again:?}"), format!("{envelope:?}"));
    });
}
