//! Calls between servers: where they go, what they answer, and how they fail.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::app::Running;
use pomelo::error::ErrorKind;
use pomelo::{ALL, Error, Hybrid, Result, Session, handler, key, pick, remote, to};
use serde_json::{Value, json};
use support::{connect, eventually};
use tokio::sync::Semaphore;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    /// What is called.
    chat: { remotes: [ChatRemote] },
    /// A type without servers.
    idle: { remotes: [IdleRemote] },
}

/// What remotes note, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Remotes that wait here go on by permits.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

struct EntryHandler;

#[handler]
impl EntryHandler {
    /// Binds the session, and says who answers a call by it.
    pub async fn home(app: &App, session: &Session, uid: String) -> Result<Value> {
        session.bind(uid).await?;
        Ok(json!(app.rpc.chat.chat_remote.whoami(session).await?))
    }
}

struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn whoami(app: &App) -> Result<String> {
        Ok(app.server_id().to_string())
    }

    pub async fn sum(a: i64, b: i64) -> Result<i64> {
        Ok(a + b)
    }

    pub async fn note(log: &Log, text: String) -> Result<()> {
        log.note(text);
        tokio::task::yield_now().await;
        Ok(())
    }

    pub async fn wait(log: &Log, gate: &Gate) -> Result<()> {
        log.note("waiting");
        gate.0.acquire().await?.forget();
        Ok(())
    }

    pub async fn panic() -> Result<()> {
        panic!("as it must");
    }

    pub async fn fail() -> Result<()> {
        Err(Error::new(417, "no").with_body(json!({ "why": "so" })))
    }
}

struct IdleRemote;

#[remote]
impl IdleRemote {
    pub async fn nothing() -> Result<()> {
        Ok(())
    }
}

struct World {
    running: Running<Rpc>,
    log: Log,
    gate: Gate,
}

impl World {
    async fn new() -> Self {
        let (log, gate) = (Log::default(), Gate(Arc::new(Semaphore::new(0))));
        let running = App::builder()
            .servers(
                r#"{
                    "connector": [{ "id": "connector-1", "frontend": true }],
                    "chat": [{ "id": "chat-1" }, { "id": "chat-2" }, { "id": "chat-3" }]
                }"#,
            )
            .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
            .insert(log.clone())
            .insert(gate.clone())
            .start()
            .await
            .unwrap();
        Self { running, log, gate }
    }

    fn app(&self) -> &App {
        self.running.app("connector-1").unwrap()
    }

    fn chat(&self) -> &<ChatRemote as pomelo::__private::Contract>::Proxy {
        &self.app().rpc.chat.chat_remote
    }
}

#[tokio::test]
async fn a_call_by_session_goes_where_its_user_belongs() {
    let world = World::new().await;
    for uid in ["ann", "bob", "eve"] {
        let client = connect(world.running.addresses("connector-1")[0]).await;
        let home = pick(uid, world.app().servers("chat")).unwrap();
        assert_eq!(client.request("connector.entryHandler.home", json!(uid)).await, json!(home.id));
    }
}

#[tokio::test]
async fn a_call_by_key_goes_where_the_key_belongs() {
    let world = World::new().await;
    for name in ["a", "b", "c", "d"] {
        let home = pick(name, world.app().servers("chat")).unwrap();
        assert_eq!(*home.id, *world.chat().whoami(key(name)).await.unwrap());
    }
}

#[tokio::test]
async fn a_call_to_a_server_goes_there() {
    let world = World::new().await;
    for server in ["chat-1", "chat-2", "chat-3"] {
        assert_eq!(world.chat().whoami(to(server)).await.unwrap(), server);
    }
    assert_eq!(world.chat().sum(to("chat-1"), 2, 3).await.unwrap(), 5);
}

#[tokio::test]
async fn a_call_to_all_has_an_answer_of_each_that_is_up() {
    let mut world = World::new().await;
    let call = tokio::spawn(world.chat().wait(ALL).into_future());
    eventually("the calls", || world.log.read().len() == 3).await;
    world.running.crash_server("chat-2").await;
    world.gate.0.add_permits(3);
    let answers = call.await.unwrap().unwrap().into_iter();
    let answers: Vec<_> =
        answers.map(|(server, answer)| (server.to_string(), answer.map_err(|error| error.kind()))).collect();
    let expected = [("chat-1", Ok(())), ("chat-2", Err(ErrorKind::Refused)), ("chat-3", Ok(()))];
    assert_eq!(answers, expected.map(|(server, answer)| (server.to_owned(), answer)));
    let answers = world.chat().whoami(ALL).await.unwrap().into_iter();
    let answers: Vec<_> = answers.map(|(server, answer)| (server.to_string(), answer.unwrap())).collect();
    assert_eq!(answers, ["chat-1", "chat-3"].map(|server| (server.to_owned(), server.to_owned())));
}

#[tokio::test]
async fn a_call_without_answer_in_time_fails() {
    let world = World::new().await;
    let call = world.chat().wait(to("chat-1")).timeout(Duration::from_millis(1));
    assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Deadline);
    world.gate.0.add_permits(1);
    assert_eq!(world.chat().sum(to("chat-1"), 1, 1).await.unwrap(), 2);
}

#[tokio::test]
async fn a_notify_arrives_and_waits_for_no_answer() {
    let world = World::new().await;
    world.chat().wait(to("chat-1")).notify().unwrap();
    world.chat().note(ALL, "to all").notify().unwrap();
    eventually("all of them", || world.log.read().len() == 4).await;
    world.chat().fail(to("chat-1")).notify().unwrap();
    let unknown = world.chat().note(to("chat-9"), "lost").notify();
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::NoServer);
}

#[tokio::test]
async fn a_call_does_nothing_until_it_is_awaited() {
    let world = World::new().await;
    drop(world.chat().note(to("chat-1"), "dropped"));
    world.chat().note(to("chat-1"), "sent").await.unwrap();
    assert_eq!(world.log.read(), ["sent"]);
}

#[tokio::test]
async fn what_is_unknown_is_an_error_at_once() {
    let world = World::new().await;
    let error = world.chat().whoami(to("chat-9")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoServer);
    let error = world.app().rpc.idle.idle_remote.nothing(key("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoServer);
    for (service, method) in [("chatRemote", "dance"), ("danceRemote", "whoami")] {
        let called = world.app().rpc_invoke::<Value>("chat-1", "user", service, method, &()).await;
        assert_eq!(called.unwrap_err().kind(), ErrorKind::NoSuchMethod);
    }
}

#[tokio::test]
async fn a_server_that_is_down_refuses_at_once() {
    let mut world = World::new().await;
    let call = tokio::spawn(world.chat().wait(to("chat-2")).into_future());
    eventually("the call", || world.log.read() == ["waiting"]).await;
    assert!(world.running.crash_server("chat-2").await);
    assert_eq!(call.await.unwrap().unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(world.chat().whoami(to("chat-2")).await.unwrap_err().kind(), ErrorKind::Refused);
    assert!(!world.running.crash_server("chat-2").await);
    assert_eq!(world.chat().whoami(to("chat-1")).await.unwrap(), "chat-1");
}

#[tokio::test]
async fn rpc_invoke_calls_by_name() {
    let world = World::new().await;
    let sum: i64 = world.app().rpc_invoke("chat-1", "user", "chatRemote", "sum", &(2, 3)).await.unwrap();
    assert_eq!(sum, 5);
    let system = world.app().rpc_invoke::<i64>("chat-1", "sys", "chatRemote", "sum", &(2, 3)).await;
    assert_eq!(system.unwrap_err().kind(), ErrorKind::NoSuchMethod);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_with_the_same_first_argument_start_in_order() {
    let world = World::new().await;
    let expected: Vec<_> = (0..500).map(|n| n.to_string()).collect();
    for text in &expected {
        world.chat().note(key("one"), text).notify().unwrap();
    }
    eventually("all of them", || world.log.read().len() == expected.len()).await;
    assert_eq!(world.log.read(), expected);
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_own_and_harms_nobody() {
    let world = World::new().await;
    assert_eq!(world.chat().panic(to("chat-1")).await.unwrap_err().kind(), ErrorKind::Panic);
    assert_eq!(world.chat().whoami(to("chat-1")).await.unwrap(), "chat-1");
}

#[tokio::test]
async fn an_error_keeps_its_code_on_the_way() {
    let world = World::new().await;
    let error = world.chat().fail(to("chat-1")).await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.message()), (ErrorKind::Application, 417, "no"));
    assert_eq!(error.body(), Some(&json!({ "why": "so" })));
}
