//! Clients that take bodies in an encoding of the application's own, here MessagePack: one codec and one format.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use pomelo::__private::{BoxFuture, Bytes};
use pomelo::error::{ErrorKind, OrErr};
use pomelo::ext::codec::Codec;
use pomelo::ext::codec::{Deserializer, Serialize};
use pomelo::ext::connector::Format;
use pomelo::ext::connector::{ClientSession, Connector, Frontend, Listening};
use pomelo::ext::connector::{Outbox, Sink};
use pomelo::request::{Body, CustomEncoding, Encoding};
use pomelo::{Error, Hybrid, Result, Session, handler};
use serde::Deserialize as _;
use serde_json::{Value, json};

mod support;

use support::{connect, soon};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    room: { handlers: [RoomHandler] },
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }, { "id": "connector-2", "frontend": true }],
    "room": [{ "id": "room-1" }]
}"#;

const MESSAGE_PACK: Encoding = Encoding::Custom(CustomEncoding::new(0).unwrap());

struct MessagePack;

impl Codec for MessagePack {
    fn encode(&self, _: &str, value: &dyn Serialize) -> Option<Result<Bytes>> {
        let packed = rmp_serde::to_vec_named(value).map(Bytes::from);
        Some(packed.map_err(|error| Error::of(ErrorKind::BadMessage, error)))
    }

    fn encode_known(&self, _: &str, value: &Value) -> Option<Bytes> {
        rmp_serde::to_vec_named(value).map(Bytes::from).ok()
    }

    fn decode(
        &self,
        _: &str,
        bytes: &[u8],
        visit: &mut dyn FnMut(&mut dyn Deserializer<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut packed = rmp_serde::Deserializer::from_read_ref(bytes);
        visit(&mut <dyn Deserializer<'_>>::erase(&mut packed))
    }
}

/// A frame is a route or the number of a response as MessagePack, and the body as it is.
struct PackedFrames;

fn frame(head: impl serde::Serialize, body: &Body) -> Result<Bytes> {
    if body.encoding != MESSAGE_PACK {
        return Err(Error::of(ErrorKind::BadMessage, format_args!("{body:?} is no MessagePack")));
    }
    Ok([&rmp_serde::to_vec(&head)?, &body.bytes[..]].concat().into())
}

impl Format for PackedFrames {
    fn encoding(&self) -> Encoding {
        MESSAGE_PACK
    }

    fn push(&self, route: &str, body: &Body) -> Result<Bytes> {
        frame(route, body)
    }

    fn response(&self, id: u64, body: &Body) -> Result<Bytes> {
        frame(id.to_string(), body)
    }

    fn kick(&self, _: &str) -> Bytes {
        Bytes::new()
    }
}

/// A connector without a port, whose clients take MessagePack.
#[derive(Clone, Default)]
struct Packed(Arc<Mutex<Option<Arc<Frontend>>>>);

impl Connector for Packed {
    fn encoding(&self) -> Encoding {
        MESSAGE_PACK
    }

    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        *self.0.lock().unwrap() = Some(frontend);
        let stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send> = Box::new(|| Box::pin(async {}));
        Box::pin(async { Ok(Listening { address: ([127, 0, 0, 1], 0).into(), protocol: "memory", stop }) })
    }
}

impl Packed {
    fn connect(&self) -> PackedClient {
        let frontend = self.0.lock().unwrap().clone().expect("the server has started");
        let (received, format) = (Received::default(), frontend.add_format(Arc::new(PackedFrames)).unwrap());
        let outbox = Outbox::new(received.clone(), frontend.flusher(), format, 1 << 20);
        PackedClient { session: frontend.open(&outbox, None), received }
    }
}

struct PackedClient {
    session: Arc<ClientSession>,
    received: Received,
}

impl PackedClient {
    async fn request(&self, id: u64, route: &str, body: Value) -> Value {
        let bytes = rmp_serde::to_vec_named(&body).unwrap().into();
        self.session.receive(Some(id), route, Body { encoding: MESSAGE_PACK, bytes });
        self.next(&id.to_string()).await
    }

    /// The body of the next frame, which has this head.
    async fn next(&self, head: &str) -> Value {
        let frame = soon(async {
            loop {
                if let Some(frame) = self.received.take() {
                    return frame;
                }
                tokio::task::yield_now().await;
            }
        });
        let (found, body) = frame.await;
        assert_eq!(found, head, "{body}");
        body
    }
}

/// What a client was sent and has not looked at.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<u8>>>);

impl Received {
    fn take(&self) -> Option<(String, Value)> {
        let mut bytes = self.0.lock().unwrap();
        if bytes.is_empty() {
            return None;
        }
        let mut left = &bytes[..];
        let mut packed = rmp_serde::Deserializer::new(&mut left);
        let frame = (String::deserialize(&mut packed).unwrap(), Value::deserialize(&mut packed).unwrap());
        let length = bytes.len() - left.len();
        bytes.drain(..length);
        Some(frame)
    }
}

impl Sink for Received {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut bytes = self.0.lock().unwrap();
        frames.iter().for_each(|frame| bytes.extend_from_slice(frame));
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }

    fn wait_writable(&self, _: Arc<Outbox>) {}

    fn close(&self) {}
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(session: &Session, uid: String) -> Result<()> {
        session.bind(&uid).await
    }
}

struct RoomHandler;

#[handler]
impl RoomHandler {
    /// Joins the room; gives how many are in it.
    pub async fn join(app: &App, session: &Session) -> Result<usize> {
        let room = app.channels().create("room");
        room.add(session.uid().or_err(401, "enter first")?, session.frontend_id())?;
        Ok(room.len())
    }

    /// Says something to all in the room.
    pub async fn say(app: &App, text: String) -> Result<()> {
        app.channels().get("room").or_err(404, "no room")?.push("onSay", &json!({ "text": text }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_third_encoding_are_sent_pushes_and_responses_in_it_and_the_others_in_theirs() {
    let packed = Packed::default();
    let connector = packed.clone();
    let builder = App::builder().servers(SERVERS).codec(MESSAGE_PACK, MessagePack);
    let builder = builder.configure("all", "connector", move |app| match &*app.server().id {
        "connector-1" => app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))),
        _ => app.connector(connector.clone()),
    });
    let running = builder.start().await.unwrap();
    let ann = connect(running.addresses("connector-1")[0]).await;
    let bob = packed.connect();
    assert_eq!(ann.request("connector.entryHandler.enter", json!("ann")).await, json!({}));
    assert_eq!(ann.request("room.roomHandler.join", json!({})).await, json!(1));

    // `()` is an empty object, and what a client may not do is an error, all of it as MessagePack.
    let refused = bob.request(1, "room.roomHandler.join", json!({})).await;
    assert_eq!(refused["code"], 401);
    assert_eq!(bob.request(2, "connector.entryHandler.enter", json!("bob")).await, json!({}));
    assert_eq!(bob.request(3, "room.roomHandler.join", json!({})).await, json!(2));

    ann.notify("room.roomHandler.say", json!("hello"));
    assert_eq!(bob.next("onSay").await, json!({ "text": "hello" }));
    assert_eq!(ann.push("onSay").await, json!({ "text": "hello" }));
    bob.session.receive(
        None,
        "room.roomHandler.say",
        Body { encoding: MESSAGE_PACK, bytes: rmp_serde::to_vec("hi").unwrap().into() },
    );
    assert_eq!(bob.next("onSay").await, json!({ "text": "hi" }));
    assert_eq!(ann.push("onSay").await, json!({ "text": "hi" }));
    running.stop().await;
}
