//! Client and server as a pair: whatever one sends, the other reads, and a client survives all that isn't sent by a server.

use std::time::Instant;

use bytes::BytesMut;
use pomelo_net::protocol::client::{self, Known};
use pomelo_net::protocol::connection::{Connection, Event};
use pomelo_net::protocol::outgoing::{self, Framing};
use proptest::prelude::*;
use serde_json::Value;

use super::peer::settings;

/// A route that a server takes, and a body for it.
fn requests() -> impl Strategy<Value = (String, Value)> {
    let body = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
    ];
    let plain = ("[a-zé聊😀]{1,20}\\.[a-z]{1,20}", body);
    let by_number = any::<i64>().prop_map(|x| ("a.b.c".to_owned(), Value::from(x)));
    let by_schema = any::<u32>().prop_map(|v| ("a.b.p".to_owned(), serde_json::json!({ "v": v })));
    prop_oneof![plain, by_number, by_schema]
}

/// A client and a server that have done their handshake.
fn pair() -> (client::Connection, Connection) {
    let mut client = client::Connection::new(&client::Settings::new(), Known::default()).unwrap();
    let (mut server, mut input) = (Connection::new(settings()), BytesMut::new());
    input.extend(client.poll_transmit().unwrap());
    assert!(matches!(server.poll_event(&mut input), Some(Event::Handshake(_))));
    server.accept(None).unwrap();
    let mut reply = BytesMut::from(&server.poll_transmit().unwrap()[..]);
    assert!(client.poll_event(&mut reply, Instant::now()).unwrap().is_some());
    input.extend(client.poll_transmit().unwrap());
    assert!(matches!(server.poll_event(&mut input), Some(Event::Working)));
    (client, server)
}

proptest! {
    #[test]
    fn what_a_client_requests_a_server_reads_and_what_it_responds_the_client_reads(
        requests in prop::collection::vec(requests(), 1..8),
        responses in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (mut client, mut server) = pair();
        let mut input = BytesMut::new();
        for (route, body) in requests {
            let id = client.request(&route, &body).unwrap();
            input.extend(client.poll_transmit().unwrap());
            let Some(Event::Message(message)) = server.poll_event(&mut input) else { panic!("no message") };
            prop_assert_eq!((message.id, message.route.as_str()), (Some(id), route.as_str()));
            if route != "a.b.p" {
                prop_assert_eq!(serde_json::from_slice::<Value>(&message.body).unwrap(), body);
            }
            let mut answer = BytesMut::from(&outgoing::response(Framing::Tcp, id, &responses).unwrap()[..]);
            let event = client.poll_event(&mut answer, Instant::now()).unwrap();
            let Some(client::Event::Response { id: answered, route: of, body }) = event else { panic!() };
            prop_assert_eq!((answered, of.as_str(), &body[..]), (id, route.as_str(), &responses[..]));
        }
        prop_assert_eq!(client.waiting(), 0);
    }

    #[test]
    fn a_client_survives_noise(bytes in prop::collection::vec(any::<u8>(), 0..2000), open: bool) {
        let mut client = match open {
            true => pair().0,
            false => client::Connection::new(&client::Settings::new(), Known::default()).unwrap(),
        };
        let mut input = BytesMut::from(&bytes[..]);
        while let Ok(Some(event)) = client.poll_event(&mut input, Instant::now()) {
            if let client::Event::Push { route, body } = event {
                let _ = client.decode::<Value>(route.as_str(), &body);
            }
        }
    }
}
