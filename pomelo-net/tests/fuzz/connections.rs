//! Connections as a whole: the first byte tells raw from websocket, and the rest is read by all layers.

use std::sync::Arc;

use bytes::BytesMut;
use pomelo_fuzz::fuzz;
use pomelo_net::protocol::connection::{Connection, Event, Settings};
use pomelo_net::protocol::dictionary::Dictionary;
use pomelo_net::protocol::handshake::{Handshake, HandshakeOptions};
use pomelo_net::protocol::protobuf::Protos;
use serde_json::json;

use crate::frames::{client_frames, packages};
use crate::upgrades::REQUESTS;

const LIMIT: usize = 500;

fn settings() -> Arc<Settings> {
    let protos = Protos::parse(&json!({}), &json!({ "a.b.p": { "optional uInt32 v": 1 } })).unwrap();
    let options = HandshakeOptions {
        dictionary: Some(Arc::new(Dictionary::new(["a.b.c", "a.b.p"], ["onChat"]).unwrap())),
        protos: Some(Arc::new(protos)),
        ..Default::default()
    };
    let mut settings = Settings::new(Handshake::new(options).unwrap());
    (settings.max_package, settings.max_first_package) = (LIMIT, LIMIT);
    Arc::new(settings)
}

/// What happened on a connection, and what was sent.
fn run(settings: &Arc<Settings>, pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let (mut connection, mut input) = (Connection::new(Arc::clone(settings)), BytesMut::new());
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        while let Some(event) = connection.poll_event(&mut input) {
            events.push(format!("{event:?}"));
            if matches!(event, Event::Handshake(_)) {
                connection.accept(None).unwrap();
            }
            sent.extend(std::iter::from_fn(|| connection.poll_transmit()).flatten());
        }
        sent.extend(std::iter::from_fn(|| connection.poll_transmit()).flatten());
        if !connection.wants_input() {
            break;
        }
    }
    (events, sent)
}

#[test]
fn fuzz_connection() {
    let settings = settings();
    let (raw, frames) = (packages(), client_frames());
    let begun = [raw[0].clone(), raw[1].clone(), raw[4].clone()].concat();
    // A handshake and its ack, in the frames of a websocket.
    let upgraded = [REQUESTS[0].to_vec(), frames[11].clone(), frames[12].clone()].concat();
    let samples: Vec<Vec<u8>> = raw
        .into_iter()
        .map(|package| [begun.clone(), package].concat())
        .chain(frames.into_iter().map(|frame| [upgraded.clone(), frame].concat()))
        .collect();
    fuzz("connection", &samples, |random, input| {
        let pieces = random.pieces(input);
        assert_eq!(run(&settings, &[input]), run(&settings, &pieces));
    });
}
