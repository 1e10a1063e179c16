//! Threads that belong to no runtime use a server as its own threads do.

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

use pomelo::app::Running;
use pomelo::channel::Recipient;
use pomelo::{ALL, Error, Hybrid, Result, Session, handler, remote, to};
use serde_json::{Value, json};
use support::{Client, connect, narrow, soon, until};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { remotes: [ChatRemote] },
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn bind(session: &Session, uid: String) -> Result<Value> {
        session.bind(uid).await?;
        Ok(json!({}))
    }
}

struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn count() -> Result<u8> {
        Ok(8)
    }
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }, { "id": "chat-2" }]
}"#;

async fn start() -> Running<Rpc> {
    let builder = App::builder().servers(SERVERS).configure("all", "connector", |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)).outbox_limit(64 << 10));
    });
    builder.start().await.unwrap()
}

async fn user(running: &Running<Rpc>, uid: &str) -> Client {
    let client = connect(running.addresses("connector-1")[0]).await;
    assert_eq!(client.request("connector.entryHandler.bind", json!(uid)).await, json!({}));
    client
}

/// Wakes a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future without any runtime.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let (mut work, waker) = (pin!(work), Arc::new(Unpark(thread::current())).into());
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// Runs `work` in a thread of its own, and fails as it does.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(move || {
        assert!(tokio::runtime::Handle::try_current().is_err(), "the thread is a plain one");
        work()
    });
    let joined = soon(tokio::task::spawn_blocking(|| thread.join())).await.unwrap();
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_may_overflow_a_client_that_does_not_read_and_the_others_get_all() {
    const PUSHES: usize = 300;
    let running = start().await;
    let address = running.addresses("connector-1")[0];
    let slow = narrow(address).await;
    assert_eq!(slow.request("connector.entryHandler.bind", json!("slow")).await, json!({}));
    let fine = user(&running, "fine").await;
    let den = running.app("chat-1").unwrap().channels().create("den");
    den.add("slow", "connector-1").unwrap();
    den.add("fine", "connector-1").unwrap();
    let reading = async {
        for n in 0..PUSHES {
            assert_eq!(soon(fine.push("news")).await["n"], n);
        }
    };
    let pushing = elsewhere(move || {
        let text = "x".repeat(32 << 10);
        for n in 0..PUSHES {
            den.push("news", &json!({ "n": n, "text": text })).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    });
    tokio::join!(reading, pushing);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kick_of_a_client_that_does_not_read_ends_it() {
    let running = start().await;
    let address = running.addresses("connector-1")[0];
    let slow = narrow(address).await;
    assert_eq!(slow.request("connector.entryHandler.bind", json!("slow")).await, json!({}));
    let app = running.app("connector-1").unwrap().clone();
    let den = running.app("chat-1").unwrap().channels().create("den");
    den.add("slow", "connector-1").unwrap();
    // It blocks, and is not over its limit yet.
    until(|| {
        den.push("news", &"x".repeat(16 << 10)).unwrap();
        app.report().outbox_bytes > 32 << 10
    })
    .await;
    let kicking = app.clone();
    elsewhere(move || block_on(kicking.sessions().kick("slow", None))).await;
    until(|| app.sessions().is_empty()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_notifies_confirmed_pushes_and_broadcasts_need_no_runtime() {
    let running = start().await;
    let ann = user(&running, "ann").await;
    let (connector, chat) =
        (running.app("connector-1").unwrap().clone(), running.app("chat-1").unwrap().clone());
    elsewhere(move || -> Result<(), Error> {
        let remote = &connector.rpc.chat.chat_remote;
        assert_eq!(block_on(remote.count(to("chat-1")).into_future())?, 8);
        assert_eq!(block_on(remote.count(ALL).into_future())?.len(), 2);
        remote.count(to("chat-2")).notify()?;
        let den = chat.channels().create("den");
        den.update(|den| den.add("ann", "connector-1"))?;
        assert!(block_on(den.push_confirmed("one", &json!(1)))?.is_empty());
        chat.channels().broadcast("connector", "two", &json!(2))?;
        chat.channels().push_by_uids(
            "three",
            &json!(3),
            [Recipient { uid: "ann".into(), sid: "connector-1".into() }],
        )?;
        assert!(den.leave("ann", "connector-1"));
        den.destroy();
        assert_eq!(block_on(chat.backend_sessions().get_by_uid(&"connector-1".into(), "ann"))?.len(), 1);
        Ok(())
    })
    .await
    .unwrap();
    for (route, body) in [("one", 1), ("two", 2), ("three", 3)] {
        assert_eq!(ann.push(route).await, json!(body));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_may_be_dropped_there() {
    let running = start().await;
    let ann = user(&running, "ann").await;
    elsewhere(move || drop(running)).await;
    assert_eq!(ann.end().await, None);
}
