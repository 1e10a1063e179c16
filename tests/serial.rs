//! Serial execution by key, as handlers, calls and tasks use it.

mod support;

use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use pomelo::app::Builder;
use pomelo::error::ErrorKind;
use pomelo::testing::start;
use pomelo::{Error, Result, Session, handler, remote, to};
use serde_json::json;
use tokio::time::{Instant, sleep};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    room: { handlers: [RoomHandler], remotes: [RoomRemote] },
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true, "clientPort": 0 }],
    "room": [{ "id": "room-1" }]
}"#;

/// The state of a room, which is read and written with a wait between.
#[derive(Default)]
struct Rooms(Mutex<Vec<u32>>);

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(session: &Session, uid: String) -> Result<()> {
        session.bind(uid).await
    }
}

struct RoomHandler;

#[handler]
impl RoomHandler {
    pub async fn add(app: &App, rooms: &Rooms) -> Result<u32> {
        let _turn = app.serial("room").await?;
        add_one(rooms).await
    }

    /// Asks for the turn that it has.
    pub async fn again(app: &App) -> Result<()> {
        let _turn = app.serial("room").await?;
        // It goes on in a task of its own.
        sleep(Duration::from_millis(1)).await;
        app.serial("room").await.map(drop)
    }

    /// Waits by a call for what waits for it.
    pub async fn in_a_circle(app: &App) -> Result<()> {
        let _turn = app.serial("room").await?;
        app.rpc.room.room_remote.add(to("room-1")).await.map(drop)
    }

    pub async fn panics(app: &App) -> Result<()> {
        let _turn = app.serial("room").await?;
        panic!("within a turn")
    }
}

struct RoomRemote;

#[remote]
impl RoomRemote {
    pub async fn add(app: &App, rooms: &Rooms) -> Result<u32> {
        let _turn = app.serial("room").await?;
        add_one(rooms).await
    }
}

async fn add_one(rooms: &Rooms) -> Result<u32> {
    let before = rooms.0.lock().unwrap().len();
    sleep(Duration::from_millis(3)).await;
    let mut all = rooms.0.lock().unwrap();
    let number = u32::try_from(before).map_err(|error| Error::new(500, error))?;
    all.push(number);
    Ok(number)
}

fn rooms() -> Builder<Rpc> {
    App::builder()
        .servers(SERVERS)
        .configure("all", "connector", |app| app.connector(pomelo::Hybrid::new()))
        .configure("all", "room", |app| app.insert(Rooms::default()))
}

#[tokio::test(start_paused = true)]
async fn what_handlers_and_calls_of_many_do_within_their_turns_is_never_mixed() {
    let servers = start(rooms()).await.unwrap();
    let clients = join_all((0..8).map(|_| servers.client("connector-1"))).await;
    let app = servers.app("connector-1");
    let requests = clients.iter().map(|client| client.request("room.roomHandler.add", json!({})));
    let calls = (0..8).map(|_| app.rpc.room.room_remote.add(to("room-1")).into_future());
    let (answers, results) = tokio::join!(join_all(requests), join_all(calls));
    assert!(answers.iter().all(serde_json::Value::is_number), "{answers:?}");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let rooms = servers.app("room-1").state::<Rooms>().unwrap();
    assert_eq!(*rooms.0.lock().unwrap(), (0..16).collect::<Vec<_>>());
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_asks_for_its_own_turn_is_refused_at_once_and_a_circle_ends_with_the_key() {
    let servers = start(rooms().configure("all", "room", |app| app.detailed_errors(true))).await.unwrap();
    let client = servers.client("connector-1").await;
    let began = Instant::now();
    let answer = client.request("room.roomHandler.again", json!({})).await;
    let text = answer["message"].as_str().unwrap_or_default();
    assert!(
        text.starts_with("serial key room is held by who asks for it, since tests/serial.rs:"),
        "{answer}"
    );
    assert_eq!(began.elapsed().as_secs(), 0);
    let answer = client.request("room.roomHandler.inACircle", json!({})).await;
    let text = answer["message"].as_str().unwrap_or_default();
    assert!(
        text.contains("serial key room was not free for 10s (serial_timeout): tests/serial.rs:"),
        "{answer}"
    );
    // The next one finds it free.
    assert_eq!(client.request("room.roomHandler.add", json!({})).await, json!(0));
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_gives_the_turn_back() {
    let servers = start(rooms()).await.unwrap();
    let client = servers.client("connector-1").await;
    assert_eq!(client.request("room.roomHandler.panics", json!({})).await["code"], 500);
    assert_eq!(client.request("room.roomHandler.add", json!({})).await, json!(0));
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_spawned_task_that_its_own_turn_waits_for_ends_at_the_deadline() {
    let builder =
        rooms().configure("all", "room", |app| app.limits().serial_timeout = Duration::from_secs(1));
    let servers = start(builder).await.unwrap();
    let app = servers.app("room-1").clone();
    let turn = app.serial("room").await.unwrap();
    let waiting = app.serial("room");
    let error = tokio::spawn(waiting).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(error.message().starts_with("serial key room was not free for 1s"), "{error}");
    drop(turn);
    servers.stop().await;
}
