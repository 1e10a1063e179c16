//! A server on one thread: nothing else of it runs between two awaits.

mod support;

use std::collections::HashSet;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use futures::future::join_all;
use pomelo::app::Builder;
use pomelo::{Component, Hybrid, Result, Session, handler, key, remote};
use serde_json::{Value, json};
use support::{PATIENCE, connect, until};

pomelo::servers! {
    connector: {},
    /// Game logic.
    area: { handlers: [AreaHandler], remotes: [AreaRemote] },
}

const CLIENTS: usize = 8;
const MOVES: usize = 40;
const STEPS: usize = 5;

/// A world as ported game logic has it: it is read, thought about and written without a lock.
#[derive(Clone, Default)]
struct World {
    ticks: Arc<AtomicU64>,
    threads: Arc<Mutex<HashSet<ThreadId>>>,
    closed: Arc<AtomicU64>,
}

impl World {
    /// Between the two halves nothing else may run, or its tick is lost.
    fn tick(&self) {
        let ticks = self.ticks.load(Ordering::SeqCst);
        for n in 0..2_000 {
            black_box(n);
        }
        std::thread::yield_now();
        self.ticks.store(ticks + 1, Ordering::SeqCst);
        self.threads.lock().unwrap().insert(std::thread::current().id());
    }

    async fn ticks(&self) {
        for _ in 0..STEPS {
            self.tick();
            tokio::task::yield_now().await;
        }
    }
}

struct AreaHandler;

#[handler]
impl AreaHandler {
    #[pomelo(concurrent)]
    pub async fn go(world: &World) {
        world.ticks().await;
    }

    pub async fn stay(world: &World, session: &Session) -> Result<()> {
        world.tick();
        let world = world.clone();
        session
            .on_closed(move |_| async move {
                world.ticks().await;
                world.closed.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
            .await
    }
}

struct AreaRemote;

#[remote]
impl AreaRemote {
    pub async fn go(world: &World) -> Result<()> {
        world.ticks().await;
        Ok(())
    }
}

/// Ticks when it starts and when it stops.
struct Ticker(World);

impl Component<App> for Ticker {
    async fn start(&self, _: &App) -> Result<()> {
        self.0.ticks().await;
        Ok(())
    }

    async fn stop(&self, _: &App) -> Result<()> {
        self.0.ticks().await;
        Ok(())
    }
}

fn builder(world: &World) -> Builder<Rpc> {
    let (own, ticking) = (world.clone(), world.clone());
    App::builder()
        .servers(
            r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "area": [{ "id": "area-1" }] }"#,
        )
        .insert(world.clone())
        .configure("all", "all", |app| {
            // All that is asked at once shall be done, however busy the machine is.
            let limits = app.limits();
            (limits.request_timeout, limits.rpc_timeout) = (PATIENCE, PATIENCE);
        })
        .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
        .configure("all", "area", move |app| {
            app.one_thread();
            app.component(Ticker(own.clone()));
            let ticking = ticking.clone();
            app.after_startup(move |_| {
                let world = ticking.clone();
                async move {
                    world.ticks().await;
                    Ok(())
                }
            });
        })
}

/// A client that moves, all its requests under way at once.
async fn play(connector: SocketAddr) {
    let client = connect(connector).await;
    let mut requests = vec![("area.areaHandler.go", json!({})); MOVES];
    requests.push(("area.areaHandler.stay", json!({})));
    for id in client.send_all(requests).await {
        assert_eq!(client.response(id).await, Value::Object(Default::default()));
    }
    client.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handlers_remotes_hooks_and_components_never_run_between_two_awaits_of_each_other() {
    let world = World::default();
    let running = builder(&world).start().await.unwrap();
    let connector = running.addresses("connector-1")[0];
    let app = running.app("connector-1").unwrap();
    let calls = (0..CLIENTS * MOVES).map(|n| app.rpc.area.area_remote.go(key(n.to_string())).into_future());
    let clients = (0..CLIENTS).map(|_| tokio::spawn(play(connector)));
    let (called, played) = tokio::join!(join_all(calls), join_all(clients));
    called.into_iter().for_each(|call| call.unwrap());
    played.into_iter().for_each(|client| client.unwrap());
    until(|| world.closed.load(Ordering::SeqCst) == CLIENTS as u64).await;
    running.stop().await;
    // By client: its moves as a handler and as a remote, one request to stay and its hook.
    let expected = CLIENTS * (2 * MOVES * STEPS + 1 + STEPS) + 3 * STEPS;
    assert_eq!(world.ticks.load(Ordering::SeqCst), expected as u64);
    let threads = world.threads.lock().unwrap();
    assert_eq!(threads.len(), 1);
    assert!(!threads.contains(&std::thread::current().id()));
}
