//! A component starts and stops with its server, and methods are lent it: a world that ticks ten times a second.
//!
//! `cargo run --example component` prints
//!
//! ```text
//! area-1 loads its world
//! the world has ticked
//! area-1 saves its world
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::error::OrErr;
use pomelo::{Component, Result, key, remote};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::interval;

pomelo::servers! {
    area: { remotes: [WorldRemote] },
}

/// How long a tick is.
const TICK: Duration = Duration::from_millis(100);

/// What the area server has in memory.
#[derive(Default)]
struct World {
    clock: Arc<Clock>,
    ticking: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Clock {
    ticks: AtomicU64,
    ticked: Notify,
}

impl Component<App> for World {
    /// Runs before the server takes clients; an error here would end the start.
    async fn start(&self, app: &App) -> Result<()> {
        println!("{} loads its world", app.server_id());
        let (clock, mut tick) = (self.clock.clone(), interval(TICK));
        let ticking = tokio::spawn(async move {
            loop {
                tick.tick().await;
                clock.ticks.fetch_add(1, Ordering::Relaxed);
                clock.ticked.notify_waiters();
            }
        });
        *self.ticking.lock().expect("no holder panics") = Some(ticking);
        Ok(())
    }

    /// Runs when the clients are gone, while other servers can still be called.
    async fn stop(&self, app: &App) -> Result<()> {
        if let Some(ticking) = self.ticking.lock().expect("no holder panics").take() {
            ticking.abort();
        }
        println!("{} saves its world", app.server_id());
        Ok(())
    }
}

struct WorldRemote;

#[remote]
impl WorldRemote {
    /// Waits for the next tick. A component is lent by its type, as everything is that was inserted.
    pub async fn next_tick(world: &World) -> Result<u64> {
        world.clock.ticked.notified().await;
        Ok(world.clock.ticks.load(Ordering::Relaxed))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let running = App::builder()
        .servers(r#"{ "area": [{ "id": "area-1" }] }"#)
        .configure("all", "area", |app| app.component(World::default()))
        .start()
        .await?;
    let app = running.app("area-1").or_err(500, "there is no area-1")?;
    let world = &app.rpc.area.world_remote;
    let (one, next) = (world.next_tick(key("")).await?, world.next_tick(key("")).await?);
    println!("the world {}", if one < next { "has ticked" } else { "stands still" });
    running.stop().await;
    Ok(())
}
