//! Connectors by addition: a protocol and a socket of the tests' own, each with the other and with those that there are. The driver of
//! their connections is that of every client.

#[path = "../examples/chat/chat.rs"]
#[allow(unreachable_pub, reason = "it is part of another program")]
mod chat;
#[path = "../examples/chat/connector.rs"]
#[allow(unreachable_pub, reason = "it is part of another program")]
mod connector;
#[path = "connectors/lines.rs"]
mod lines;
#[path = "connectors/memory.rs"]
mod memory;
#[path = "connectors/sealed.rs"]
mod sealed;
mod support;

use std::io;
use std::sync::{Arc, Mutex};

use lines::{LineConnector, ODD, SILENCE, UNWANTED};
use memory::{End, MemoryClient, MemoryListener, Network, network};
use pomelo::__private::BoxFuture;
use pomelo::app::Running;
use pomelo::ext::connector::{Connector, Frontend, Listening};
use pomelo::metrics::Dropped;
use pomelo::net::protocol::message::{Message, MessageKind, MessageRoute};
use pomelo::net::protocol::package::{Package, PackageKind};
use pomelo::request::Encoding;
use pomelo::{Hybrid, Result, pick};
use sealed::{SealedClient, SealedListener};
use serde_json::{Value, json};
use support::{soon, until};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pomelo::servers! {
    connector: { handlers: [connector::EntryHandler] },
    chat: { handlers: [chat::ChatHandler], remotes: [chat::ChatRemote] },
}

const SERVERS: &str =
    r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#;

/// More than anybody is sent.
const PLENTY: usize = 1 << 20;

/// pomelo's protocol over sockets in memory: what a connector with TLS would be.
#[derive(Clone)]
struct HybridInMemory(Arc<Mutex<Option<MemoryListener>>>);

impl Connector for HybridInMemory {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        Box::pin(async move {
            let acceptor = Hybrid::new().acceptor(frontend)?;
            let listener = self.0.lock().unwrap().take().expect("it starts once");
            Ok(acceptor.listen(listener, ([127, 0, 0, 1], 0).into(), "memory"))
        })
    }
}

/// The chat, with clients by a connector.
async fn start(connector: impl Connector + Clone) -> Running<Rpc> {
    let builder = App::builder().servers(SERVERS);
    let builder = builder.configure("all", "connector", move |app| {
        app.connector(connector.clone());
    });
    builder.route("chat", |by, servers| pick(by.key_or("rid")?, servers)).start().await.unwrap()
}

async fn start_lines() -> (Running<Rpc>, Network) {
    let (network, listener) = network();
    (start(LineConnector::new(listener)).await, network)
}

fn dropped(running: &Running<Rpc>, reason: Dropped) -> u64 {
    running.app("connector-1").unwrap().counters().dropped(reason)
}

/// Says hello, and enters a room.
async fn enter(client: &mut MemoryClient, name: &str) {
    client.send(format!("hello {name}\n"));
    assert_eq!(client.line().await.unwrap(), format!("welcome {name}"));
    let request = json!({ "username": name, "rid": "lobby" });
    client.send(format!("1 connector.entryHandler.enter {request}\n"));
    let users = client.line().await.unwrap();
    assert!(users.starts_with("response 1 {") && users.contains(name), "{users}");
}

/// Says something to the room.
fn say(client: &MemoryClient, text: &str) {
    client.send(format!("- chat.chatHandler.send {}\n", json!({ "content": text, "target": "*" })));
}

fn said(by: &str, text: &str) -> String {
    format!("push onChat {}", json!({ "msg": text, "from": by, "target": "*" }))
}

#[tokio::test]
async fn clients_of_another_protocol_over_another_socket_chat_in_a_room() {
    let (running, network) = start_lines().await;
    // One takes three bytes at a time, the other only as long as no more than ten wait for it.
    let (mut ann, mut bob) = (network.connect(3, PLENTY), network.connect(PLENTY, 10));
    enter(&mut ann, "ann").await;
    enter(&mut bob, "bob").await;
    assert_eq!(ann.line().await.unwrap(), r#"push onAdd {"route":"onAdd","user":"bob"}"#);
    say(&ann, "hello");
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.line().await.unwrap(), said("ann", "hello"));
    }
    bob.send("bye\n");
    assert_eq!((bob.line().await, bob.end().await), (None, End::Shutdown));
    assert_eq!(ann.line().await.unwrap(), r#"push onLeave {"route":"onLeave","user":"bob"}"#);
    running.stop().await;
    assert_eq!(ann.end().await, End::Shutdown);
}

#[tokio::test]
async fn what_comes_in_pieces_is_read_as_what_comes_at_once() {
    let (running, network) = start_lines().await;
    let mut ann = network.connect(PLENTY, PLENTY);
    let request = json!({ "username": "ann", "rid": "lobby" });
    let all = format!("hello ann\n1 connector.entryHandler.enter {request}\nwhat?\n2 no.such.route {{}}\n");
    for byte in all.bytes() {
        ann.send([byte]);
        tokio::task::yield_now().await;
    }
    assert_eq!(ann.line().await.unwrap(), "welcome ann");
    assert_eq!(ann.line().await.unwrap(), r#"response 1 {"users":["ann"]}"#);
    assert!(ann.line().await.unwrap().starts_with("response 2 {\"code\":500"));
    ann.close();
    assert_eq!(ann.line().await, None);
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_is_not_let_in_reads_why_and_is_no_session() {
    let (running, network) = start_lines().await;
    let mut nobody = network.connect(1, 2);
    nobody.send(format!("hello {UNWANTED}\n"));
    assert_eq!(nobody.line().await.unwrap(), "refused");
    assert_eq!((nobody.line().await, nobody.end().await), (None, End::Shutdown));
    let mut loud = network.connect(PLENTY, PLENTY);
    loud.send("x".repeat(5_000));
    assert_eq!((loud.line().await, loud.end().await), (None, End::Dropped));
    assert_eq!(dropped(&running, Dropped::BadInput), 1);
    assert_eq!(running.app("connector-1").unwrap().sessions().len(), 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_takes_too_long_and_a_client_that_says_nothing_end_at_the_deadline() {
    let (running, network) = start_lines().await;
    let (mut odd, mut silent) = (network.connect(PLENTY, PLENTY), network.connect(PLENTY, PLENTY));
    odd.send(format!("hello {ODD}\n"));
    assert_eq!((odd.line().await.unwrap(), odd.line().await), ("refused".to_owned(), None));
    assert_eq!((silent.line().await, silent.end().await), (None, End::Dropped));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_protocol_that_asks_whether_its_client_is_there_waits_for_the_answer() {
    let (running, network) = start_lines().await;
    let mut ann = network.connect(PLENTY, PLENTY);
    enter(&mut ann, "ann").await;
    for _ in 0..3 {
        assert_eq!(ann.line().await.unwrap(), "there?");
        ann.send("here\n");
    }
    assert_eq!((ann.line().await.unwrap(), ann.line().await), ("there?".to_owned(), None));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_protocol_may_ask_a_client_that_never_stops_sending() {
    let (running, network) = start_lines().await;
    let mut ann = network.connect(PLENTY, PLENTY);
    enter(&mut ann, "ann").await;
    // Messages are no sign of life to this protocol.
    let sending = async {
        loop {
            ann.send("no sense\n");
            tokio::time::sleep(SILENCE / 50).await;
        }
    };
    let sees = async { ann.bytes().await };
    tokio::select! {
        () = sending => unreachable!("it never ends"),
        asked = sees => assert_eq!(asked.unwrap(), b"there?\n"),
    }
    running.stop().await;
}

#[tokio::test]
async fn a_socket_that_fails_ends_its_session() {
    let (running, network) = start_lines().await;
    let sessions = || running.app("connector-1").unwrap().sessions().len();
    let (mut ann, mut bob) = (network.connect(PLENTY, PLENTY), network.connect(PLENTY, PLENTY));
    enter(&mut ann, "ann").await;
    enter(&mut bob, "bob").await;
    ann.fail(io::ErrorKind::ConnectionReset);
    until(|| sessions() == 1).await;
    assert_eq!(bob.line().await.unwrap(), r#"push onLeave {"route":"onLeave","user":"ann"}"#);
    bob.close();
    until(|| sessions() == 0).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut_off_and_its_kick_is_no_half_line() {
    let (running, network) = start_lines().await;
    let mut ann = network.connect(PLENTY, PLENTY);
    enter(&mut ann, "ann").await;
    ann.set_room(4);
    say(&ann, "hello");
    // It takes the beginning of the push, and then nothing.
    until(|| ann.waiting() == 4).await;
    let app = running.app("connector-1").unwrap();
    let session = app.sessions().get_by_uid("ann*lobby").pop().unwrap();
    session.kick(Some("slow")).await.unwrap();
    ann.set_room(PLENTY);
    assert_eq!(ann.line().await.unwrap(), said("ann", "hello"));
    assert_eq!((ann.line().await.unwrap(), ann.line().await), ("kick slow".to_owned(), None));
    running.stop().await;
}

#[tokio::test]
async fn a_listener_that_fails_is_asked_again_and_limits_hold_over_any_socket() {
    let (running, network) = start_lines().await;
    network.refuse();
    let mut let_in = Vec::new();
    for name in ["ann", "bob", "cid"] {
        let mut client = network.connect(PLENTY, PLENTY);
        enter(&mut client, name).await;
        let_in.push(client);
    }
    assert_eq!(network.connect(PLENTY, PLENTY).end().await, End::Dropped);
    assert_eq!(dropped(&running, Dropped::TooManyConnections), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_transforms_bytes_is_added_around_another_one() {
    let (network, listener) = network();
    let running = start(LineConnector::new(SealedListener(listener))).await;
    let mut ann = SealedClient::new(network.connect(3, 5));
    ann.send("hello ann\n");
    assert_eq!(ann.line().await.unwrap(), "welcome ann");
    let request = json!({ "username": "ann", "rid": "lobby" });
    ann.send(&format!("1 connector.entryHandler.enter {request}\n"));
    assert_eq!(ann.line().await.unwrap(), r#"response 1 {"users":["ann"]}"#);
    let say = json!({ "content": "hello", "target": "*" });
    ann.send(&format!("- chat.chatHandler.send {say}\n"));
    // The beginning of a record has gone, and the rest of it is held when the kick comes.
    until(|| ann.client.waiting() == 5).await;
    let app = running.app("connector-1").unwrap();
    let session = app.sessions().get_by_uid("ann*lobby").pop().unwrap();
    session.kick(Some("enough")).await.unwrap();
    assert_eq!(ann.line().await.unwrap(), said("ann", "hello"));
    assert_eq!((ann.line().await.unwrap(), ann.line().await), ("kick enough".to_owned(), None));
    assert_eq!(ann.client.end().await, End::Shutdown);
    running.stop().await;
}

#[tokio::test]
async fn another_protocol_is_served_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let running = start(LineConnector::new(listener)).await;
    let mut ann = BufReader::new(TcpStream::connect(address).await.unwrap());
    let request = json!({ "username": "ann", "rid": "lobby" });
    let all = format!(
        "hello ann\n1 connector.entryHandler.enter {request}\n2 chat.chatHandler.send {}\n",
        json!({ "content": "hi", "target": "*" })
    );
    ann.write_all(all.as_bytes()).await.unwrap();
    let mut lines = ann.lines();
    let mut next = async || soon(lines.next_line()).await.unwrap().unwrap();
    assert_eq!(next().await, "welcome ann");
    assert_eq!(next().await, r#"response 1 {"users":["ann"]}"#);
    assert_eq!(next().await, said("ann", "hi"));
    assert_eq!(next().await, "response 2 {}");
    running.stop().await;
}

#[tokio::test]
async fn pomelos_own_protocol_is_served_over_another_socket() {
    let (network, listener) = network();
    let running = start(HybridInMemory(Arc::new(Mutex::new(Some(listener))))).await;
    let mut ann = PomeloClient { client: network.connect(3, 5), unread: bytes::BytesMut::new() };
    ann.send(PackageKind::Handshake, br#"{"sys":{"type":"test"}}"#);
    let answer: Value = serde_json::from_slice(&ann.package().await.body).unwrap();
    assert_eq!(answer["code"], 200);
    ann.send(PackageKind::HandshakeAck, b"");
    ann.say(
        MessageKind::Request,
        "connector.entryHandler.enter",
        json!({ "username": "ann", "rid": "lobby" }),
    );
    assert_eq!(&ann.message().await.body[..], br#"{"users":["ann"]}"#);
    ann.say(MessageKind::Notify, "chat.chatHandler.send", json!({ "content": "hi", "target": "*" }));
    let push = ann.message().await;
    assert_eq!(push.route, Some(MessageRoute::Name("onChat".into())));
    assert_eq!(&push.body[..], br#"{"msg":"hi","from":"ann","target":"*"}"#);
    running.stop().await;
}

/// A client of pomelo's protocol.
struct PomeloClient {
    client: MemoryClient,
    unread: bytes::BytesMut,
}

impl PomeloClient {
    fn send(&self, kind: PackageKind, body: &[u8]) {
        self.client.send(Package::encode(kind, body).unwrap());
    }

    fn say(&self, kind: MessageKind, route: &str, body: Value) {
        let (route, body) = (Some(MessageRoute::Name(route.into())), body.to_string().into());
        let message = Message { kind, id: 1, route, body, gzip: false };
        self.send(PackageKind::Data, &message.encode().unwrap());
    }

    /// The next message; heartbeats are none.
    async fn message(&mut self) -> Message {
        Message::decode(self.package().await.body).unwrap()
    }

    async fn package(&mut self) -> Package {
        loop {
            if let Some(package) = Package::decode(&mut self.unread, 1 << 16).unwrap() {
                return package;
            }
            let bytes = self.client.bytes().await.expect("a package");
            self.unread.extend_from_slice(&bytes);
        }
    }
}
