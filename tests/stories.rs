//! Stories of a small chat service and its users, from end to end.

mod support;

use std::collections::HashSet;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::app::{Builder, Running};
use pomelo::error::OrErr;
use pomelo::{Event, Hybrid, Result, Session, handler, pick, remote};
use serde::Deserialize;
use serde_json::{Value, json};
use support::{Client, PATIENCE, connect, until};
use tokio::sync::Semaphore;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [ChatHandler], remotes: [ChatRemote] },
}

const SERVERS: &str = r#"{
    "connector": [
        { "id": "connector-1", "frontend": true },
        { "id": "connector-2", "frontend": true },
        { "id": "connector-3", "frontend": true }
    ],
    "chat": [{ "id": "chat-1" }, { "id": "chat-2" }, { "id": "chat-3" }]
}"#;
const ENTER: &str = "connector.entryHandler.enter";
const PING: &str = "connector.entryHandler.ping";
const SEND: &str = "chat.chatHandler.send";
const ECHO: &str = "chat.chatHandler.echo";

/// Where tests hold a handler.
struct Gate {
    came: AtomicUsize,
    open: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { came: AtomicUsize::new(0), open: Semaphore::new(0) }
    }
}

impl Gate {
    async fn pass(&self) {
        self.came.fetch_add(1, Ordering::SeqCst);
        self.open.acquire().await.unwrap().forget();
    }

    async fn somebody_waits(&self) {
        until(|| self.came.load(Ordering::SeqCst) > 0).await;
    }
}

#[derive(Deserialize)]
struct Enter {
    user: String,
    rid: String,
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(app: &App, session: &Session, Enter { user, rid }: Enter) -> Result<Value> {
        let new = session.uid().is_none();
        if new {
            session.bind_unique(&user).await?;
        } else {
            leave(app.clone(), session.clone()).await?;
        }
        session.set("rid", &rid);
        session.push("rid").await?;
        if new {
            let app = app.clone();
            session.on_closed(move |session| leave(app, session)).await?;
        }
        let users = app.rpc.chat.chat_remote.add(session, user, app.server_id(), rid).await?;
        Ok(json!({ "users": users }))
    }

    pub async fn ping() {}
}

async fn leave(app: App, session: Session) -> Result<()> {
    let (Some(uid), Some(rid)) = (session.uid(), session.get::<String>("rid")) else { return Ok(()) };
    app.rpc.chat.chat_remote.kick(&session, uid, app.server_id(), rid).await
}

struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(app: &App, session: &Session, text: String) -> Result<Value> {
        let rid = session.get::<String>("rid").or_err(500, "not in a room")?;
        let room = app.channels().get(&rid).or_err(500, "no such room")?;
        room.push("onChat", &json!({ "from": session.uid(), "text": text }))?;
        Ok(json!({ "server": app.server_id() }))
    }

    pub async fn echo(number: usize) -> Result<usize> {
        for _ in 0..number % 5 {
            tokio::task::yield_now().await;
        }
        Ok(number)
    }

    pub async fn hold(gate: &Arc<Gate>) {
        gate.pass().await;
    }

    pub async fn fall() -> Result<()> {
        panic!("a handler of the test")
    }

    pub async fn hang() {
        pending().await
    }
}

struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn add(
        app: &App,
        gate: &Arc<Gate>,
        uid: String,
        sid: String,
        rid: String,
    ) -> Result<Vec<String>> {
        if rid == "held" {
            gate.pass().await;
        }
        app.channels().create(&rid).update(|room| {
            room.push("onAdd", &json!({ "user": uid }))?;
            room.add(&*uid, sid)?;
            Ok(room.members().map(str::to_owned).collect())
        })
    }

    pub async fn kick(app: &App, uid: String, sid: String, rid: String) -> Result<()> {
        let room = app.channels().get(&rid).or_err(404, "no such room")?;
        room.leave(&uid, &sid);
        room.push("onLeave", &json!({ "user": uid }))
    }
}

fn builder(gate: &Arc<Gate>) -> Builder<Rpc> {
    App::builder()
        .servers(SERVERS)
        .insert(gate.clone())
        .configure("all", "all", |app| {
            // Hundreds come at once, and all shall get in, however busy the machine is.
            let limits = app.limits();
            (limits.request_timeout, limits.rpc_timeout) = (PATIENCE, PATIENCE);
        })
        .configure("all", "connector", |app| {
            let hybrid = Hybrid::new().address(([127, 0, 0, 1], 0));
            app.connector(hybrid.handshake_deadline(PATIENCE).idle_timeout(PATIENCE));
        })
        .route("chat", |by, servers| Ok(pick(by.key_or("rid").unwrap_or_default(), servers)?.id.clone()))
}

async fn start() -> (Running<Rpc>, Arc<Gate>) {
    let gate = Arc::<Gate>::default();
    (builder(&gate).start().await.unwrap(), gate)
}

async fn client(running: &Running<Rpc>, connector: usize) -> Client {
    connect(running.addresses(&format!("connector-{connector}"))[0]).await
}

fn enter(user: &str, rid: &str) -> Value {
    json!({ "user": user, "rid": rid })
}

/// How many members a room has, on whichever server it is.
fn in_room(running: &Running<Rpc>, rid: &str) -> usize {
    running.apps().filter_map(|app| app.channels().get(rid)).map(|room| room.len()).sum()
}

fn names(list: &Value) -> HashSet<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_every_two_who_enter_at_once_one_learns_of_the_other() {
    let (running, _) = start().await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let address = running.addresses(&format!("connector-{}", n % 3 + 1))[0];
            tokio::spawn(async move {
                let client = connect(address).await;
                let name = format!("user{n}");
                let users = names(&client.request(ENTER, enter(&name, "lobby")).await["users"]);
                (name, client, users)
            })
        })
        .collect();
    let mut entered = Vec::new();
    for task in tasks {
        entered.push(task.await.unwrap());
    }
    let mut seen = Vec::new();
    for (name, client, users) in entered {
        client.request(PING, json!({})).await;
        let pushes = client.pushes("onAdd");
        let added: HashSet<_> = pushes.iter().map(|push| push["user"].as_str().unwrap().to_owned()).collect();
        assert_eq!(added.len(), pushes.len(), "{name} was told of somebody twice");
        seen.push((name, client, users, added));
    }
    for (n, (one, _, users, added)) in seen.iter().enumerate() {
        assert!(users.contains(one) && !added.contains(one));
        for (other, _, others_users, others_added) in &seen[..n] {
            let first = added.contains(other) && others_users.contains(one);
            let second = others_added.contains(one) && users.contains(other);
            assert!(first != second, "{one} and {other}");
            assert!(!(added.contains(other) && users.contains(other)), "{one} and {other}");
            assert!(!(others_added.contains(one) && others_users.contains(one)), "{one} and {other}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_in_the_middle_of_enter_is_not_left_in_the_room() {
    let (running, gate) = start().await;
    let going = client(&running, 1).await;
    going.send(ENTER, enter("going", "held")).await;
    gate.somebody_waits().await;
    going.close().await;
    until(|| running.app("connector-1").unwrap().sessions().is_empty()).await;
    assert_eq!(in_room(&running, "held"), 0);
    gate.open.add_permits(1);
    let made = || running.apps().any(|app| app.channels().get("held").is_some());
    until(|| made() && in_room(&running, "held") == 0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_disconnect_at_any_time_are_not_left_in_the_room() {
    const CLIENTS: usize = 60;
    let (gate, closed) = (Arc::<Gate>::default(), Arc::new(Mutex::new(0)));
    let count = closed.clone();
    let running = builder(&gate)
        .configure("all", "connector", move |app| {
            let count = count.clone();
            app.on_event(move |_, event| {
                if matches!(event, Event::CloseSession(_)) {
                    *count.lock().unwrap() += 1;
                }
            });
        })
        .start()
        .await
        .unwrap();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let address = running.addresses(&format!("connector-{}", n % 3 + 1))[0];
            tokio::spawn(async move {
                let client = connect(address).await;
                client.request(PING, json!({})).await;
                client.send(ENTER, enter(&format!("user{n}"), "hall")).await;
                for _ in 0..n * 3 {
                    tokio::task::yield_now().await;
                }
                client.close().await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // A session is said to be closed once its hooks have run.
    until(|| *closed.lock().unwrap() == CLIENTS).await;
    assert_eq!(in_room(&running, "hall"), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enter_and_send_in_one_write_work() {
    let (running, _) = start().await;
    let client = client(&running, 1).await;
    let ids = client.send_all([(ENTER, enter("ann", "den")), (SEND, json!("hello"))]).await;
    assert_eq!(client.response(ids[0]).await, json!({ "users": ["ann"] }));
    assert!(client.response(ids[1]).await["server"].is_string());
    assert_eq!(client.push("onChat").await, json!({ "from": "ann", "text": "hello" }));
    assert_eq!(client.responded(), ids);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_changes_room_and_server_without_reconnecting() {
    let (running, _) = start().await;
    let servers = running.app("connector-1").unwrap().servers("chat");
    let home = |room: &str| pick(room, &servers).unwrap().id.to_string();
    let (first, rooms) = ("room0", (1..).map(|n| format!("room{n}")));
    let second = rooms.into_iter().find(|room| home(room) != home(first)).unwrap();
    let (ann, bob) = (client(&running, 1).await, client(&running, 2).await);
    ann.request(ENTER, enter("ann", first)).await;
    bob.request(ENTER, enter("bob", first)).await;
    assert_eq!(ann.request(SEND, json!("1")).await["server"], home(first));
    assert_eq!(ann.request(ENTER, enter("ann", &second)).await, json!({ "users": ["ann"] }));
    assert_eq!(ann.request(SEND, json!("2")).await["server"], home(&second));
    assert_eq!(bob.push("onLeave").await, json!({ "user": "ann" }));
    bob.request(SEND, json!("3")).await;
    let texts = |pushes: Vec<Value>| pushes.iter().map(|push| push["text"].to_string()).collect::<Vec<_>>();
    ann.request(PING, json!({})).await;
    assert_eq!(texts(ann.pushes("onChat")), [r#""1""#, r#""2""#]);
    assert_eq!(texts(bob.pushes("onChat")), [r#""1""#, r#""3""#]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_come_back_in_order_and_a_slow_session_stalls_nobody() {
    let (running, gate) = start().await;
    let (slow, busy) = (client(&running, 1).await, client(&running, 1).await);
    let held = slow.send_all([("chat.chatHandler.hold", json!({})), (ECHO, json!(7))]).await;
    gate.somebody_waits().await;
    let requests: Vec<_> = (0..64).map(|n| (ECHO, json!(n))).collect();
    let ids = busy.send_all(requests.clone()).await;
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(busy.response(*id).await, json!(n));
    }
    assert_eq!(busy.responded(), ids);
    assert_eq!(gate.open.available_permits(), 0);
    gate.open.add_permits(1);
    assert_eq!(slow.response(held[1]).await, json!(7));
    assert_eq!(slow.responded(), held);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_handler_costs_one_request() {
    let (running, _) = start().await;
    let (one, other) = (client(&running, 1).await, client(&running, 1).await);
    let ids = one.send_all([(ECHO, json!(1)), ("chat.chatHandler.fall", json!({})), (ECHO, json!(2))]).await;
    assert_eq!(one.response(ids[0]).await, json!(1));
    assert_eq!(one.response(ids[1]).await["code"], 500);
    assert_eq!(one.response(ids[2]).await, json!(2));
    assert_eq!(one.responded(), ids);
    assert_eq!(other.request(ECHO, json!(3)).await, json!(3));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_past_its_deadline_is_answered_and_the_queue_moves_on() {
    let running = builder(&Arc::default())
        .configure("all", "chat", |app| app.limits().request_timeout = Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let client = client(&running, 1).await;
    let ids = client.send_all([("chat.chatHandler.hang", json!({})), (ECHO, json!(5))]).await;
    assert_eq!(client.response(ids[0]).await["code"], 500);
    assert_eq!(client.response(ids[1]).await, json!(5));
    assert_eq!(client.responded(), ids);
    running.stop().await;
}
