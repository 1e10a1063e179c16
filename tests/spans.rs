//! Spans: an application's own log lines say which server wrote them, and for which message, call or hook.

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use pomelo::filter::{Filter, Verdict};
use pomelo::request::Body;
use pomelo::router::{RoutedMessage, asynchronous};
use pomelo::{Error, Hybrid, Request, Result, Session, handler, remote};
use serde_json::json;
use support::{connect, eventually};
use tokio::task::yield_now;
use tracing_subscriber::filter::LevelFilter;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [RoomHandler], remotes: [RoomRemote] },
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }],
    "chat": [{ "id": "chat-1" }, { "id": "chat-2" }]
}"#;

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn login(session: &Session, uid: String) -> Result<()> {
        session.bind(uid.clone()).await?;
        session
            .on_closed(move |_| async move {
                yield_now().await;
                tracing::info!("{uid} closed");
                Ok(())
            })
            .await
    }

    #[pomelo(concurrent)]
    pub async fn beside() -> Result<()> {
        yield_now().await;
        tracing::info!("beside others");
        Ok(())
    }
}

struct RoomHandler;

#[handler]
impl RoomHandler {
    /// Says something, waits, asks the other server and says something again.
    pub async fn say(app: &App, session: &Session, text: String) -> Result<()> {
        tracing::info!("{text} before");
        yield_now().await;
        app.rpc.chat.room_remote.hear(session, &text).await?;
        tracing::info!("{text} after");
        Ok(())
    }

    pub async fn fail() -> Result<()> {
        Err(Error::new(501, "broken"))
    }
}

struct RoomRemote;

#[remote]
impl RoomRemote {
    pub async fn hear(text: String) -> Result<()> {
        tracing::info!("{text} heard");
        yield_now().await;
        tracing::info!("{text} heard later");
        Ok(())
    }
}

#[derive(Clone)]
struct Logging;

impl Filter for Logging {
    async fn before(&self, _: &Request) -> Result<Verdict> {
        yield_now().await;
        tracing::info!("before filter");
        Ok(Verdict::Continue)
    }

    async fn after(&self, _: &Request, _: &Result<Body>) {
        yield_now().await;
        tracing::info!("after filter");
    }
}

/// What was written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The log of this process; it has one.
    fn of_process() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::INFO)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().map(str::to_owned).collect()
    }

    /// Waits for a line that ends with `text`, and checks that it has each of `parts`.
    async fn says(&self, text: &str, parts: &[&str]) {
        let wanted = |line: &String| line.ends_with(text) && parts.iter().all(|part| line.contains(part));
        eventually(&format!("{text:?} with {parts:?}"), || self.lines().iter().any(wanted)).await;
        let others: Vec<_> = self
            .lines()
            .into_iter()
            .filter(|line| line.ends_with(text) && !line.contains("server="))
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

/// Three servers in one process: one user is at `chat-1`, the other at `chat-2`; calls go to the other one of the two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_line_says_which_server_and_message_it_is_from_before_an_await_and_after() {
    let log = Log::of_process();
    let running = App::builder()
        .servers(SERVERS)
        .configure("all", "connector", |app| {
            app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
            app.global_filter(Logging);
            app.after_start_all(|_| async {
                tracing::info!("all are up");
                Ok(())
            });
        })
        .configure("all", "chat", |app| {
            app.filter(Logging);
            app.error_handler(|error, _, _| async move {
                yield_now().await;
                tracing::info!("seen: {}", error.message());
                None
            });
        })
        .router(
            "chat",
            asynchronous(|by, servers| async move {
                yield_now().await;
                tracing::info!("routed");
                let ann = by.uid().is_some_and(|uid| &*uid == "ann");
                let is_call = matches!(by.message(), RoutedMessage::Call { .. });
                Ok(servers[usize::from(ann == is_call)].id.clone())
            }),
        )
        .start()
        .await
        .unwrap();
    log.says("all are up", &["hook{server=connector-1 what="]).await;
    for (uid, here, there) in [("ann", "chat-1", "chat-2"), ("bob", "chat-2", "chat-1")] {
        let client = connect(running.addresses("connector-1")[0]).await;
        client.request("connector.entryHandler.login", json!(uid)).await;
        client.request("chat.roomHandler.say", json!(uid)).await;
        let user = format!("uid=\"{uid}\"");
        let at = |server: &str| format!("request{{server={server} route=\"chat.roomHandler.say\" session=");
        for text in ["before", "after"] {
            log.says(&format!("{uid} {text}"), &[&at(here), &user]).await;
        }
        for text in ["before filter", "after filter"] {
            log.says(text, &[&at(here), &user]).await;
            log.says(text, &[&at("connector-1"), &user]).await;
        }
        log.says("routed", &[&at("connector-1"), &user]).await;
        log.says("routed", &[&at(here), &user]).await;
        let call = format!("call{{server={there} method=\"chat.roomRemote.hear\" from={here} session=");
        for text in ["heard", "heard later"] {
            log.says(&format!("{uid} {text}"), &[&call]).await;
        }
        client.request("chat.roomHandler.fail", json!({})).await;
        log.says("seen: broken", &[&format!("server={here} route=\"chat.roomHandler.fail\""), &user]).await;
        client.request("connector.entryHandler.beside", json!({})).await;
        log.says("beside others", &["server=connector-1 route=\"connector.entryHandler.beside\"", &user])
            .await;
        drop(client);
        log.says(&format!("{uid} closed"), &["hook{server=connector-1 what=\"on_closed\" session=", &user])
            .await;
    }
}
