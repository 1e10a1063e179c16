//! Graceful stop of a server: it takes nothing new, and ends what it has begun.

#[path = "support/log.rs"]
mod log;
#[path = "stopping/slow.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod slow;
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use log::Log;
use pomelo::app::Running;
use pomelo::error::ErrorKind;
use pomelo::ext::discovery::{Discovery, MembershipEvents, Registration};
use pomelo::ext::transport::Member;
use pomelo::metrics::Dropped;
use pomelo::net::transport::Memory;
use pomelo::{Component, Hybrid, Result, Session, handler, remote, to};
use serde_json::json;
use slow::Slow;
use support::{connect, soon, until};
use tokio::sync::Semaphore;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [ChatHandler], remotes: [ChatRemote] },
}

/// Opened by the test when what is under way may end.
#[derive(Clone)]
struct Door {
    open: Arc<Semaphore>,
    came: Arc<AtomicUsize>,
}

impl Door {
    fn shut() -> Self {
        Self { open: Arc::new(Semaphore::new(0)), came: Arc::default() }
    }

    async fn pass(&self) {
        self.came.fetch_add(1, Ordering::SeqCst);
        self.open.acquire().await.expect("nobody closes it").forget();
    }
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn wait(door: &Door) {
        door.pass().await;
    }

    pub async fn wait_and_call(app: &App, door: &Door) -> Result<u8> {
        door.pass().await;
        app.rpc.chat.chat_remote.count(to("chat-1")).await
    }

    /// What the session does when it closes has no end.
    pub async fn leave(session: &Session) -> Result<()> {
        session.on_closed(|_| std::future::pending()).await
    }
}

struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn wait(door: &Door) {
        door.pass().await;
    }
}

struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn wait(door: &Door) -> Result<u8> {
        door.pass().await;
        Ok(7)
    }

    pub async fn wait_and_call(app: &App, door: &Door) -> Result<u8> {
        door.pass().await;
        app.rpc.chat.chat_remote.count(to(app.server_id())).await
    }

    pub async fn count() -> Result<u8> {
        Ok(8)
    }
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }],
    "chat": [{ "id": "chat-1" }, { "id": "chat-2" }]
}"#;

async fn start(door: &Door) -> Running<Rpc> {
    let builder = App::builder().servers(SERVERS).insert(door.clone());
    let builder = builder.configure("all", "connector", |app| app.connector(Hybrid::new().port(0)));
    builder
        .configure("all", "all", |app| app.limits().stop_timeout = Duration::from_secs(30))
        .start()
        .await
        .unwrap()
}

fn busy(running: &Running<Rpc>, server: &str) -> bool {
    running.app(server).unwrap().report().pending_calls > 0
}

#[tokio::test]
async fn a_backend_that_stops_ends_the_calls_it_has_begun_and_refuses_new_ones() {
    let door = Door::shut();
    let mut running = start(&door).await;
    let app = running.app("connector-1").unwrap().clone();
    let call = tokio::spawn(app.rpc.chat.chat_remote.wait(to("chat-1")).into_future());
    until(|| busy(&running, "connector-1")).await;
    {
        let stopping = running.stop_server("chat-1");
        let watching = async {
            until(|| app.servers("chat").len() == 1).await;
            let refused = app.rpc.chat.chat_remote.wait(to("chat-1")).await.unwrap_err();
            assert_eq!((refused.kind(), refused.message()), (ErrorKind::Refused, "chat-1 is stopping"));
            door.open.add_permits(1);
        };
        soon(async { tokio::join!(stopping, watching) }).await;
    }
    assert_eq!(call.await.unwrap().unwrap(), 7);
    running.stop().await;
}

#[tokio::test]
async fn a_frontend_that_stops_answers_what_is_under_way_and_closes_without_a_kick() {
    let door = Door::shut();
    let mut running = start(&door).await;
    let app = running.app("connector-1").unwrap().clone();
    let client = connect(running.addresses("connector-1")[0]).await;
    let both = ["connector.entryHandler.wait", "chat.chatHandler.wait"].map(|route| (route, json!({})));
    let ids = client.send_all(both).await;
    // They came in one write; the second one waits until the first has ended.
    until(|| door.came.load(Ordering::SeqCst) == 1).await;
    let stopping = async { running.stop_server("connector-1").await };
    let watching = async {
        until(|| app.servers("connector").is_empty()).await;
        let late = client.request("connector.entryHandler.wait", json!({})).await;
        assert_eq!(late["code"], 500);
        assert_eq!(app.counters().dropped(Dropped::Stopping), 1);
        door.open.add_permits(2);
        for id in ids {
            assert_eq!(client.response(id).await, json!({}));
        }
        assert_eq!(client.end().await, None);
    };
    soon(async { tokio::join!(stopping, watching) }).await;
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_still_calls_itself_for_what_it_has_begun() {
    let door = Door::shut();
    let mut running = start(&door).await;
    let app = running.app("connector-1").unwrap().clone();
    let call = tokio::spawn(app.rpc.chat.chat_remote.wait_and_call(to("chat-1")).into_future());
    until(|| door.came.load(Ordering::SeqCst) == 1).await;
    let stopping = running.stop_server("chat-1");
    let opening = async {
        until(|| app.servers("chat").len() == 1).await;
        door.open.add_permits(1);
    };
    soon(async { tokio::join!(stopping, opening) }).await;
    assert_eq!(call.await.unwrap().unwrap(), 8);
    running.stop().await;
}

/// Processes of their own, as far as they know, that are all told to stop at the same moment, as by a system that ends
/// them as a group.
#[tokio::test(start_paused = true)]
async fn a_backend_that_stops_together_with_a_frontend_waits_for_what_that_has_begun() {
    let (door, slow, memory) = (Door::shut(), Slow::default(), Arc::new(Memory::new()));
    let start = |id: &'static str| {
        let connector = slow.clone();
        let builder = App::builder().servers(SERVERS).insert(door.clone()).transport(memory.clone());
        let builder = builder.configure("all", "all", |app| app.limits().link_timeout = Duration::ZERO);
        let builder = builder.configure("all", "connector", move |app| app.connector(connector.clone()));
        builder.start_only(move |info| info.id == id)
    };
    let (connector, chat) = tokio::try_join!(start("connector-1"), start("chat-1")).unwrap();
    let app = connector.app("connector-1").unwrap().clone();
    let client = slow.connect();
    client.read();
    client.request("connector.entryHandler.waitAndCall");
    until(|| door.came.load(Ordering::SeqCst) == 1).await;
    let opening = async {
        // Nobody has anything to do now but to wait for the frontend.
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.request("connector.entryHandler.wait");
        assert_eq!(app.counters().dropped(Dropped::Stopping), 1);
        door.open.add_permits(1);
    };
    let signal = || Box::pin(ready(()));
    let (chat, connector, ()) = tokio::join!(chat.until(signal()), connector.until(signal()), opening);
    chat.and(connector).unwrap();
    let (got, is_closed) = client.got();
    assert!(got.ends_with("8bye") && is_closed, "{got}");
}

/// The clock stands still while somebody has something to do: the second that a slow client has is none for this machine.
#[tokio::test(start_paused = true)]
async fn a_slow_client_gets_its_answer_and_then_the_last_frame_before_its_frontend_has_stopped() {
    let (door, slow) = (Door::shut(), Slow::default());
    let connector = slow.clone();
    let builder = App::builder().servers(SERVERS).insert(door.clone());
    let builder = builder.configure("all", "connector", move |app| app.connector(connector.clone()));
    let mut running = builder.start().await.unwrap();
    let app = running.app("connector-1").unwrap().clone();
    let client = slow.connect();
    client.request("chat.chatHandler.wait");
    until(|| door.came.load(Ordering::SeqCst) == 1).await;
    door.open.add_permits(1);
    // It is answered, and the answer can't leave yet.
    until(|| app.report().outbox_bytes > 0).await;
    let stopping = running.stop_server("connector-1");
    let reading = async {
        until(|| app.report().sessions == 0).await;
        assert_eq!(client.got(), (String::new(), false));
        client.read();
    };
    tokio::join!(stopping, reading);
    assert_eq!(client.got(), ("{}bye".to_owned(), true));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_does_not_keep_its_frontend_from_stopping() {
    let (door, slow) = (Door::shut(), Slow::default());
    let connector = slow.clone();
    let builder = App::builder().servers(SERVERS).insert(door);
    let builder = builder.configure("all", "connector", move |app| app.connector(connector.clone()));
    let mut running = builder.start().await.unwrap();
    let client = slow.connect();
    let began = tokio::time::Instant::now();
    running.stop_server("connector-1").await;
    assert_eq!(client.got(), (String::new(), true));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    running.stop().await;
}

/// A component and hooks that don't end.
struct Endless;

impl Component<App> for Endless {
    fn name(&self) -> &str {
        "world"
    }

    async fn stop(&self, _: &App) -> Result<()> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_too_slow_says_what_it_waited_for_and_goes_on() {
    let (log, door, slow) = (Log::start(), Door::shut(), Slow::default());
    let connector = slow.clone();
    let builder = App::builder().servers(SERVERS).insert(door.clone());
    let builder = builder.configure("all", "connector", move |app| app.connector(connector.clone()));
    let builder = builder.configure("all", "chat", |app| {
        app.component(Endless);
        app.before_shutdown(|_| std::future::pending());
    });
    let running = builder.start().await.unwrap();
    let app = running.app("connector-1").unwrap().clone();
    let call = tokio::spawn(app.rpc.chat.chat_remote.wait(to("chat-1")).into_future());
    let client = slow.connect();
    client.request("connector.entryHandler.leave");
    client.request("chat.chatHandler.wait");
    until(|| door.came.load(Ordering::SeqCst) == 2).await;
    let stopped = running.until(Box::pin(ready(()))).await.unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Deadline);
    for waited_for in [
        "connector-1 stopped too slowly, it waited for",
        "of its messages unanswered",
        "on_closed of session",
        "call chat.chatRemote.wait from connector-1",
        "its before_shutdown hooks",
        "component world",
    ] {
        assert!(stopped.message().contains(waited_for), "{waited_for}: {stopped}");
    }
    assert!(log.has(&["a step of the stop took too long", "component world", "chat-1"]));
    call.abort();
}

/// A discovery that only notes what servers tell it.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

/// A server's place in it.
struct Noted(Notes);

impl Notes {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Discovery for Notes {
    fn register(
        &self,
        _: Member,
        _: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        Box::pin(ready(Ok(Arc::new(Noted(self.clone())) as Arc<dyn Registration>)))
    }
}

impl Registration for Noted {
    fn update(&self, member: Member) {
        self.0.note(if member.leaving { "leaving" } else { "changed" });
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        self.0.note("left");
        Box::pin(ready(()))
    }
}

#[tokio::test]
async fn a_server_leaves_its_discovery_when_it_has_ended_what_it_has_begun() {
    let (door, notes) = (Door::shut(), Notes::default());
    let builder = App::builder().servers(SERVERS).insert(door.clone()).discovery(Arc::new(notes.clone()));
    let builder = builder
        .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))));
    let mut running = builder.start().await.unwrap();
    let call = running.app("connector-1").unwrap().rpc.chat.chat_remote.wait(to("chat-1"));
    let call = tokio::spawn(call.into_future());
    until(|| door.came.load(Ordering::SeqCst) == 1).await;
    {
        let stopping = running.stop_server("chat-1");
        let watching = async {
            until(|| !notes.all().is_empty()).await;
            tokio::task::yield_now().await;
            assert_eq!(notes.all(), ["leaving"]);
            door.open.add_permits(1);
        };
        soon(async { tokio::join!(stopping, watching) }).await;
    }
    assert_eq!(call.await.unwrap().unwrap(), 7);
    assert_eq!(notes.all(), ["leaving", "left"]);
    running.stop().await;
}
