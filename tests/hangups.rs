//! Clients that go at the same time: what they leave behind costs what they were, not what each was to all others.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pomelo::app::{Builder, Running};
use pomelo::ext::connector::{ClientSession, CloseMode};
use pomelo::ext::connector::{Format, FormatId};
use pomelo::ext::connector::{Outbox, Sink};
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::request::{Body, Encoding};
use pomelo::{Hybrid, Result, Session, handler};
use serde_json::json;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: {},
}

const SERVERS: &str =
    r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#;

const MEMBERS: usize = 500;

/// How many have left the room.
#[derive(Default)]
pub struct Left(AtomicUsize);

struct EntryHandler;

#[handler]
impl EntryHandler {
    /// Enters the room, and tells the others when the client has gone.
    pub async fn enter(app: &App, session: &Session, uid: String) -> Result<()> {
        session.bind(&uid).await?;
        app.channels().create("room").add(uid, app.server_id())?;
        let app = app.clone();
        session.on_closed(move |session| leave(app, session)).await
    }
}

async fn leave(app: App, session: Session) -> Result<()> {
    let uid = session.uid().map(|uid| uid.to_string()).unwrap_or_default();
    app.state::<Left>().unwrap().0.fetch_add(1, Ordering::SeqCst);
    app.channels().update("room", |room| {
        room.leave(&uid, app.server_id());
        room.push("onLeave", &json!({ "user": uid }))
    })?;
    // Of those whose names begin so, something never comes back.
    if uid.starts_with("stuck") { std::future::pending().await } else { Ok(()) }
}

/// Counts the bytes that clients are sent, each push being one byte.
#[derive(Clone, Default)]
struct Pushes(Arc<AtomicUsize>);

impl Sink for Pushes {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = frames.iter().map(|frame| frame.len()).sum();
        self.0.fetch_add(bytes, Ordering::SeqCst);
        Ok(bytes)
    }

    fn wait_writable(&self, _: Arc<Outbox>) {}

    fn close(&self) {}
}

struct OneByte;

impl Format for OneByte {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, _: &str, _: &Body) -> Result<Bytes> {
        Ok(Bytes::from_static(b"p"))
    }

    fn response(&self, _: u64, _: &Body) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    fn kick(&self, _: &str) -> Bytes {
        Bytes::new()
    }
}

struct Room {
    running: Running<Rpc>,
    format: FormatId,
    pushes: Pushes,
}

impl Room {
    async fn start() -> Self {
        Self::of(App::builder().servers(SERVERS)).await
    }

    async fn of(builder: Builder<Rpc>) -> Self {
        let builder = builder
            .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))));
        let running = builder.insert(Left::default()).start().await.unwrap();
        let frontend = running.app("connector-1").unwrap().frontend();
        let format = frontend.add_format(Arc::new(OneByte)).unwrap();
        Self { running, format, pushes: Pushes::default() }
    }

    fn app(&self) -> &App {
        self.running.app("connector-1").unwrap()
    }

    async fn enter(&self, uid: String) -> Arc<ClientSession> {
        let frontend = self.app().frontend();
        let outbox = Outbox::new(self.pushes.clone(), frontend.flusher(), self.format, 1 << 20);
        let session = frontend.open(&outbox, None);
        session.receive(None, "connector.entryHandler.enter", Body::json(json!(uid).to_string()));
        let members = self.members();
        while self.members() == members {
            yield_now().await;
        }
        settle().await;
        session
    }

    fn members(&self) -> usize {
        self.app().channels().get("room").map_or(0, |room| room.len())
    }

    fn left(&self) -> usize {
        self.app().state::<Left>().unwrap().0.load(Ordering::SeqCst)
    }

    fn pushes(&self) -> usize {
        self.pushes.0.load(Ordering::SeqCst)
    }
}

/// Lets everybody do what there is to do, while no time passes.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_goes_with_all_others_is_pushed_to_none_of_them() {
    let room = Room::start().await;
    let mut sessions = Vec::new();
    for nth in 0..MEMBERS {
        sessions.push(room.enter(format!("u{nth}")).await);
    }
    // The system tells of one after the other, and there is time for hooks between two.
    for session in &sessions {
        session.close(CloseMode::Gone, "closed by the client");
        settle().await;
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!((room.left(), room.members()), (MEMBERS, 0));
    // Nobody knew that the first one wasn't alone.
    assert!(room.pushes() < MEMBERS, "{} pushes", room.pushes());
}

#[tokio::test(start_paused = true)]
async fn who_goes_alone_is_not_held_up() {
    let room = Room::start().await;
    let ann = room.enter("ann".into()).await;
    let _bob = room.enter("bob".into()).await;
    let began = Instant::now();
    ann.close(CloseMode::Gone, "closed by the client");
    settle().await;
    assert_eq!((room.left(), room.pushes(), began.elapsed()), (1, 1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn ends_that_go_on_coming_hold_nobody_up_for_long() {
    let room = Room::start().await;
    let mut sessions = Vec::new();
    for nth in 0..MEMBERS {
        sessions.push(room.enter(format!("u{nth}")).await);
    }
    let began = Instant::now();
    for (nth, session) in sessions.iter().enumerate() {
        session.close(CloseMode::Gone, "closed by the client");
        sleep(Duration::from_millis(1)).await;
        // Half of them took 250 ms; 50 ms is what one may wait, and a few go by until somebody looks.
        let late = nth.saturating_sub(80);
        assert!(room.left() >= late, "{} of {nth} have left after {:?}", room.left(), began.elapsed());
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(room.left(), MEMBERS);
}

#[tokio::test(start_paused = true)]
async fn hooks_that_never_end_hold_up_no_other_session() {
    let room = Room::start().await;
    let mut sessions = Vec::new();
    for nth in 0..4 * MEMBERS {
        let name = if nth < 3 * MEMBERS { "stuck" } else { "u" };
        sessions.push(room.enter(format!("{name}{nth}")).await);
    }
    for session in &sessions {
        session.close(CloseMode::Gone, "closed by the client");
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!((room.left(), room.members()), (4 * MEMBERS, 0));
}

/// Without turns, the reader takes in all that has come before the flusher writes any of it: three quarters of all were queued
/// at a time, with them a fortieth.
#[tokio::test]
async fn what_a_link_brings_is_written_while_it_comes() {
    const PUSHES: usize = 3_000;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let servers = json!({
        "connector": [{ "id": "connector-1", "frontend": true }],
        "chat": [{ "id": "chat-1", "host": "127.0.0.1", "port": port }],
    });
    let tcp = Arc::new(Tcp::new(TcpOptions::default()));
    let room = Room::of(App::builder().servers(servers.to_string()).transport(tcp)).await;
    let channel = room.running.app("chat-1").unwrap().channels().create("hall");
    let mut sessions = Vec::new();
    for nth in 0..MEMBERS {
        sessions.push(room.enter(format!("u{nth}")).await);
        channel.add(format!("u{nth}"), "connector-1").unwrap();
    }
    let before = room.pushes();
    (0..PUSHES).for_each(|_| channel.push("onChat", &json!({})).unwrap());
    let mut most = 0;
    while room.pushes() < before + PUSHES * MEMBERS {
        most = most.max(room.app().report().outbox_bytes as usize);
        yield_now().await;
    }
    // Each push is a byte to each member.
    assert!(most < PUSHES * MEMBERS / 10, "{most} of {} were queued", PUSHES * MEMBERS);
    room.running.stop().await;
}
