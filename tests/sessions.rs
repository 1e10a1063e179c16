//! Sessions: binding, settings, kicks and closing, as a frontend and as a backend see them.

mod support;

use std::sync::{Arc, Mutex};

use pomelo::app::Running;
use pomelo::server::ServerId;
use pomelo::session::SessionId;
use pomelo::{Event, Hybrid, Result, Session, handler};
use serde_json::{Value, json};
use support::{Client, connect, connect_from, eventually};
use tokio::sync::Semaphore;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    /// A backend.
    chat: { handlers: [RoomHandler] },
}

/// What hooks and handlers note, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn has(&self, what: &str) -> bool {
        self.read().iter().any(|noted| noted == what)
    }
}

/// Handlers that wait here go on by permits.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn id(session: &Session) -> Result<String> {
        Ok(session.id().to_string())
    }

    pub async fn settings(session: &Session) -> Result<Value> {
        Ok(seen(session))
    }

    /// Registers a hook after its session has begun to close.
    pub async fn late(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
        late(session, log, gate).await
    }
}

struct RoomHandler;

#[handler]
impl RoomHandler {
    pub async fn settings(session: &Session) -> Result<Value> {
        Ok(seen(session))
    }

    pub async fn bind(session: &Session, uid: String) -> Result<Value> {
        Ok(match session.bind(uid).await {
            Ok(()) => seen(session),
            Err(error) => json!(error.message()),
        })
    }

    pub async fn unbind(session: &Session, uid: String) -> Result<Value> {
        session.unbind(uid).await?;
        Ok(seen(session))
    }

    /// Sets both, pushes the first.
    pub async fn push_a(session: &Session) -> Result<()> {
        session.set("a", 1);
        session.set("b", 1);
        session.push("a").await
    }

    pub async fn push_all(session: &Session) -> Result<()> {
        session.set("a", 2);
        session.set("b", 2);
        session.push_all().await
    }

    pub async fn watch(session: &Session, log: &Log) -> Result<()> {
        let log = log.clone();
        session
            .on_closed(move |session| async move {
                log.note(format_args!("backend closed {}", seen(&session)));
                Ok(())
            })
            .await
    }

    pub async fn late(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
        late(session, log, gate).await
    }
}

fn seen(session: &Session) -> Value {
    json!([session.uid(), session.get::<Value>("a"), session.get::<Value>("b")])
}

async fn late(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
    log.note("running");
    let _pass = gate.0.acquire().await?;
    let hooks = log.clone();
    session
        .on_closed(move |session| async move {
            hooks.note("first hook");
            let nested = hooks.clone();
            session
                .on_closed(move |_| async move {
                    nested.note("hook of the hook");
                    Ok(())
                })
                .await
        })
        .await?;
    log.note("handler ended");
    Ok(())
}

struct World {
    running: Running<Rpc>,
    log: Log,
    /// Sessions of frontends that are closed, their hooks run.
    closed: Log,
    gate: Gate,
}

impl World {
    async fn new() -> Self {
        Self::with(false).await
    }

    async fn with(single_session: bool) -> Self {
        let (log, gate) = (Log::default(), Gate(Arc::new(Semaphore::new(0))));
        let closed = Log::default();
        let events = closed.clone();
        let running = App::builder()
            .servers(
                r#"{
                    "connector": [
                        { "id": "connector-1", "frontend": true },
                        { "id": "connector-2", "frontend": true }
                    ],
                    "chat": [{ "id": "chat-1" }]
                }"#,
            )
            .configure("all", "connector", move |app| {
                app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
                let events = events.clone();
                app.on_event(move |_, event| {
                    if let Event::CloseSession(session) = event {
                        events.note(session.id());
                    }
                });
                if single_session {
                    app.single_session();
                }
            })
            .insert(log.clone())
            .insert(gate.clone())
            .start()
            .await
            .unwrap();
        Self { running, log, closed, gate }
    }

    fn app(&self, server: &str) -> &App {
        self.running.app(server).unwrap()
    }

    async fn client_of(&self, server: &str) -> (Client, SessionId) {
        let client = connect(self.running.addresses(server)[0]).await;
        let id = client.request("connector.entryHandler.id", json!({})).await;
        (client, id.as_str().unwrap().parse().unwrap())
    }

    /// A client of connector-1, with its session as seen there.
    async fn client(&self) -> (Client, Session) {
        let (client, id) = self.client_of("connector-1").await;
        (client, self.session(id))
    }

    fn session(&self, id: SessionId) -> Session {
        self.app("connector-1").sessions().get(id).unwrap()
    }

    /// Waits until connector-1 has no session of that id.
    async fn gone(&self, id: SessionId) {
        eventually("the session's end", || self.app("connector-1").sessions().get(id).is_none()).await;
    }
}

fn frontend() -> ServerId {
    ServerId::from("connector-1")
}

#[tokio::test]
async fn binding_a_session_that_is_not_there_is_an_error() {
    let world = World::new().await;
    let (client, session) = world.client().await;
    let (id, sessions) = (session.id(), world.app("connector-1").sessions());
    sessions.kick_by_session_id(id, None).await;
    client.end().await;
    let missing = format!("session does not exist, sid: {id}");
    assert_eq!(sessions.bind(id, "ann").await.unwrap_err().message(), missing);
    assert_eq!(session.bind("ann").await.unwrap_err().message(), missing);
}

#[tokio::test]
async fn binding_the_same_user_again_is_no_error() {
    let world = World::new().await;
    let (_client, session) = world.client().await;
    session.bind("ann").await.unwrap();
    session.bind("ann").await.unwrap();
    assert_eq!(world.app("connector-1").sessions().get_by_uid("ann").len(), 1);
}

#[tokio::test]
async fn binding_another_user_is_refused() {
    let world = World::new().await;
    let (_client, session) = world.client().await;
    session.bind("ann").await.unwrap();
    let error = session.bind("bob").await.unwrap_err();
    assert_eq!(error.message(), "session has already bind with ann");
    assert_eq!(world.session(session.id()).uid().as_deref(), Some("ann"));
}

#[tokio::test]
async fn single_session_refuses_a_second_one() {
    let world = World::with(true).await;
    let (_one, first) = world.client().await;
    let (_two, second) = world.client().await;
    first.bind("ann").await.unwrap();
    let error = second.bind("ann").await.unwrap_err();
    assert_eq!(error.message(), "singleSession is enabled, and session has already bind with uid: ann");
    assert_eq!(second.uid(), None);
}

#[tokio::test]
async fn a_user_may_have_several_sessions() {
    let world = World::new().await;
    let (_one, first) = world.client().await;
    let (_two, second) = world.client().await;
    first.bind("ann").await.unwrap();
    second.bind("ann").await.unwrap();
    assert_eq!(world.app("connector-1").sessions().get_by_uid("ann").len(), 2);
}

#[tokio::test]
async fn bind_unique_checks_and_binds_in_one_step() {
    let world = World::new().await;
    let mut clients = Vec::new();
    let mut binds = Vec::new();
    for _ in 0..8 {
        let (client, session) = world.client().await;
        clients.push(client);
        binds.push(tokio::spawn(async move { session.bind_unique("ann").await.is_ok() }));
    }
    let mut bound = 0;
    for bind in binds {
        bound += usize::from(bind.await.unwrap());
    }
    assert_eq!(bound, 1);
    assert_eq!(world.app("connector-1").sessions().get_by_uid("ann").len(), 1);
}

#[tokio::test]
async fn unbinding_what_is_not_bound_is_an_error() {
    let world = World::new().await;
    let (_client, session) = world.client().await;
    let unbind = |uid: &'static str| session.unbind(uid);
    assert_eq!(unbind("ann").await.unwrap_err().message(), "session has not bind with ann");
    session.bind("ann").await.unwrap();
    assert_eq!(unbind("bob").await.unwrap_err().message(), "session has not bind with bob");
    unbind("ann").await.unwrap();
    assert_eq!(session.uid(), None);
    assert!(world.app("connector-1").sessions().get_by_uid("ann").is_empty());
    session.bind("bob").await.unwrap();
}

#[tokio::test]
async fn a_frontend_finds_its_own_sessions_only() {
    let world = World::new().await;
    let (_one, here) = world.client().await;
    let (_two, there) = world.client_of("connector-2").await;
    let (first, second) = (world.app("connector-1").sessions(), world.app("connector-2").sessions());
    here.bind("ann").await.unwrap();
    second.bind(there, "ann").await.unwrap();
    assert!(first.get(here.id()).is_some() && first.get(there).is_none());
    let ids: Vec<_> = first.get_by_uid("ann").iter().map(Session::id).collect();
    assert_eq!(ids, [here.id()]);
    assert!(first.get_by_uid("bob").is_empty());
    assert_eq!((first.len(), second.len()), (1, 1));
}

#[tokio::test]
async fn kick_closes_every_session_of_a_user() {
    let world = World::new().await;
    let (one, first) = world.client().await;
    let (two, second) = world.client().await;
    let (other, _) = world.client().await;
    first.bind("ann").await.unwrap();
    second.bind("ann").await.unwrap();
    let sessions = world.app("connector-1").sessions();
    sessions.kick("ann", None).await;
    let kick = Some("kick".to_owned());
    assert_eq!((one.end().await, two.end().await), (kick.clone(), kick));
    assert_eq!(sessions.len(), 1);
    assert!(other.request("connector.entryHandler.id", json!({})).await.is_string());
}

#[tokio::test]
async fn kicking_the_unknown_is_no_error() {
    let world = World::new().await;
    let (_client, id) = world.client_of("connector-2").await;
    let sessions = world.app("connector-1").sessions();
    sessions.kick("nobody", Some("why")).await;
    sessions.kick_by_session_id(id, Some("why")).await;
    let remote = world.app("chat-1").backend_sessions();
    remote.kick_by_uid(&frontend(), "nobody", None).await.unwrap();
    remote.kick_by_session_id(&frontend(), id, None).await.unwrap();
    assert_eq!(world.app("connector-2").sessions().len(), 1);
}

#[tokio::test]
async fn a_reason_is_sent_before_the_close() {
    let world = World::new().await;
    let (client, session) = world.client().await;
    world.app("connector-1").sessions().kick_by_session_id(session.id(), Some("enough")).await;
    assert_eq!(client.end().await, Some("enough".to_owned()));
    let (client, session) = world.client().await;
    session.kick(None).await.unwrap();
    assert_eq!(client.end().await, Some("kick".to_owned()), "as pomelo says without one");
    session.kick(Some("again")).await.unwrap();
}

#[tokio::test]
async fn a_frontend_knows_the_address_of_a_client() {
    let world = World::new().await;
    let (client, address) = connect_from(world.running.addresses("connector-1")[0]).await;
    let id = client.request("connector.entryHandler.id", json!({})).await;
    let session = world.session(id.as_str().unwrap().parse().unwrap());
    let sessions = world.app("connector-1").sessions();
    assert_eq!(sessions.client_address(session.id()), Some(address));
    session.kick(None).await.unwrap();
    client.end().await;
    assert_eq!(sessions.client_address(session.id()), None);
}

#[tokio::test]
async fn import_sets_a_setting_of_a_session_that_is_there() {
    let world = World::new().await;
    let (client, session) = world.client().await;
    let sessions = world.app("connector-1").sessions();
    sessions.import(session.id(), "a", 7).unwrap();
    assert_eq!(client.request("connector.entryHandler.settings", json!({})).await, json!([null, 7, null]));
    session.kick(None).await.unwrap();
    client.end().await;
    assert!(sessions.import(session.id(), "a", 8).is_err());
}

#[tokio::test]
async fn what_is_set_stays_here_until_it_is_pushed() {
    let world = World::new().await;
    let (_client, session) = world.client().await;
    session.set("a", 1);
    session.set("b", 1);
    assert_eq!(seen(&session), json!([null, 1, 1]));
    assert_eq!(seen(&world.session(session.id())), json!([null, null, null]));
    session.push("a").await.unwrap();
    assert_eq!(seen(&world.session(session.id())), json!([null, 1, null]));
}

#[tokio::test]
async fn what_is_removed_is_no_setting_at_the_frontend_either() {
    let world = World::new().await;
    let (client, session) = world.client().await;
    // Of a key that is `null` there would be an inner none.
    let at_frontend = |key| world.session(session.id()).get::<Option<u32>>(key);
    session.set("a", 1.0);
    session.set("b", 2);
    session.push_all().await.unwrap();
    assert_eq!((at_frontend("a"), at_frontend("b")), (Some(Some(1)), Some(Some(2))));
    session.remove("a");
    session.set("b", None::<u32>);
    assert_eq!((session.get::<Option<u32>>("a"), session.get::<Option<u32>>("b")), (None, None));
    session.push_all().await.unwrap();
    assert_eq!((at_frontend("a"), at_frontend("b")), (None, None));
    assert_eq!(client.request("connector.entryHandler.settings", json!({})).await, json!([null, null, null]));
}

#[tokio::test]
async fn push_all_sends_what_was_set_and_nothing_else() {
    let world = World::new().await;
    let (_client, old) = world.client().await;
    let new = world.session(old.id());
    old.set("a", "old");
    old.push_all().await.unwrap();
    new.set("b", "new");
    old.set("b", "older");
    new.push_all().await.unwrap();
    assert_eq!(seen(&world.session(old.id())), json!([null, "old", "new"]));
}

#[tokio::test]
async fn what_a_backend_does_arrives_at_the_frontend() {
    let world = World::new().await;
    let (client, session) = world.client().await;
    let now = || seen(&world.session(session.id()));
    assert_eq!(client.request("chat.roomHandler.bind", json!("ann")).await, json!(["ann", null, null]));
    assert_eq!(now(), json!(["ann", null, null]));
    let refused = client.request("chat.roomHandler.bind", json!("bob")).await;
    assert_eq!(refused, "session has already bind with ann");
    client.request("chat.roomHandler.pushA", json!({})).await;
    assert_eq!(now(), json!(["ann", 1, null]));
    assert_eq!(client.request("chat.roomHandler.settings", json!({})).await, json!(["ann", 1, null]));
    client.request("chat.roomHandler.pushAll", json!({})).await;
    assert_eq!(now(), json!(["ann", 2, 2]));
    assert_eq!(client.request("chat.roomHandler.unbind", json!("ann")).await, json!([null, 2, 2]));
    assert_eq!(now(), json!([null, 2, 2]));
}

#[tokio::test]
async fn a_backend_finds_and_kicks_sessions_of_a_frontend() {
    let world = World::new().await;
    let (client, session) = world.client().await;
    let (other, second) = world.client().await;
    session.bind("ann").await.unwrap();
    let (remote, id) = (world.app("chat-1").backend_sessions(), session.id());
    let found = remote.get(&frontend(), id).await.unwrap().unwrap();
    assert_eq!(
        (found.id(), found.uid().as_deref(), &**found.frontend_id()),
        (id, Some("ann"), "connector-1")
    );
    assert_eq!(remote.get_by_uid(&frontend(), "ann").await.unwrap().len(), 1);
    assert!(remote.get_by_uid(&frontend(), "bob").await.unwrap().is_empty());
    assert!(remote.get(&ServerId::from("connector-2"), id).await.unwrap().is_none());
    assert!(remote.get(&ServerId::from("connector-9"), id).await.is_err());
    remote.kick_by_uid(&frontend(), "ann", Some("by user")).await.unwrap();
    assert_eq!(client.end().await, Some("by user".to_owned()));
    assert!(remote.get(&frontend(), id).await.unwrap().is_none());
    remote.kick_by_session_id(&frontend(), second.id(), Some("by id")).await.unwrap();
    assert_eq!(other.end().await, Some("by id".to_owned()));
}

#[tokio::test]
async fn hooks_run_once_on_the_frontend_and_on_the_backend() {
    let world = World::new().await;
    let (client, session) = world.client().await;
    session.bind("ann").await.unwrap();
    let log = world.log.clone();
    let hook = move |session: Session| async move {
        log.note(format_args!("frontend closed {}", seen(&session)));
        Ok(())
    };
    session.on_closed(hook).await.unwrap();
    client.request("chat.roomHandler.watch", json!({})).await;
    assert!(world.log.read().is_empty());
    drop(client);
    eventually("both hooks", || world.log.read().len() >= 2).await;
    let World { running, log, .. } = world;
    running.stop().await;
    let mut noted = log.read();
    noted.sort();
    assert_eq!(noted, [r#"backend closed ["ann",null,null]"#, r#"frontend closed ["ann",null,null]"#]);
}

/// Closes a session whose handler is running, and gives what was noted once all hooks have run.
async fn close_while_running(route: &str, bound: bool) -> Vec<String> {
    let world = World::new().await;
    let (client, session) = world.client().await;
    if bound {
        session.bind("ann").await.unwrap();
    }
    client.send(route, json!({})).await;
    eventually("the handler", || world.log.has("running")).await;
    drop(client);
    world.gone(session.id()).await;
    world.gate.0.add_permits(1);
    eventually("the hooks", || world.log.has("hook of the hook") && world.log.has("handler ended")).await;
    let World { running, log, .. } = world;
    running.stop().await;
    log.read()
}

#[tokio::test]
async fn hooks_registered_while_closing_run_after_the_handler() {
    for bound in [true, false] {
        let noted = close_while_running("connector.entryHandler.late", bound).await;
        assert_eq!(noted, ["running", "handler ended", "first hook", "hook of the hook"], "bound: {bound}");
    }
}

#[tokio::test]
async fn hooks_registered_on_a_backend_while_closing_run_once() {
    for bound in [true, false] {
        let mut noted = close_while_running("chat.roomHandler.late", bound).await;
        noted.sort();
        assert_eq!(noted, ["first hook", "handler ended", "hook of the hook", "running"], "bound: {bound}");
    }
}

#[tokio::test]
async fn a_hook_of_a_closed_session_runs_at_once() {
    let world = World::new().await;
    let (client, session) = world.client().await;
    let remote = world.app("chat-1").backend_sessions();
    let far = remote.get(&frontend(), session.id()).await.unwrap().unwrap();
    let log = world.log.clone();
    session
        .on_closed(move |_| async move {
            log.note("closed");
            Ok(())
        })
        .await
        .unwrap();
    session.kick(None).await.unwrap();
    client.end().await;
    eventually("the end of closing", || world.closed.has(&session.id().to_string())).await;
    assert_eq!(world.log.read(), ["closed"]);
    for (session, name) in [(session, "frontend"), (far, "backend")] {
        let log = world.log.clone();
        session
            .on_closed(move |_| async move {
                log.note(name);
                Ok(())
            })
            .await
            .unwrap();
        assert!(world.log.has(name));
    }
    assert_eq!(world.log.read(), ["closed", "frontend", "backend"]);
}

#[tokio::test]
async fn session_ids_are_not_used_again_after_a_restart() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let world = World::new().await;
        let (_one, first) = world.client_of("connector-1").await;
        let (_two, second) = world.client_of("connector-1").await;
        let (_three, third) = world.client_of("connector-2").await;
        for id in [first, second, third] {
            assert!(!ids.contains(&id), "{id}");
            ids.push(id);
        }
        world.running.stop().await;
    }
}
