//! A server on one thread, as pomelo's are: between two awaits nothing else of it runs, so game logic needs no locks.
//!
//! `cargo run --example one_thread` prints
//!
//! ```text
//! 1000 moves were asked for at once, and the world counts 1000
//! all of them ran on one thread
//! ```

use std::cell::RefCell;
use std::collections::HashSet;
use std::thread::ThreadId;

use futures::future::try_join_all;
use pomelo::error::OrErr;
use pomelo::{Result, key, remote};

pomelo::servers! {
    area: { remotes: [AreaRemote] },
}

thread_local! {
    /// The world of the area server: a plain value without a lock, since all its code runs on one thread.
    static WORLD: RefCell<World> = RefCell::default();
}

#[derive(Default)]
struct World {
    moves: u32,
    threads: HashSet<ThreadId>,
}

struct AreaRemote;

#[remote]
impl AreaRemote {
    /// Reads the world, thinks about it, and writes it: in one go.
    pub async fn go() -> Result<()> {
        let moves = WORLD.with_borrow(|world| world.moves);
        std::thread::yield_now(); // other threads may run meanwhile, but nothing else of this server
        WORLD.with_borrow_mut(|world| {
            world.moves = moves + 1;
            world.threads.insert(std::thread::current().id());
        });
        // Here others may run: what was read before must be read again.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// How many moves there were, and on how many threads.
    pub async fn count() -> Result<(u32, usize)> {
        Ok(WORLD.with_borrow(|world| (world.moves, world.threads.len())))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let running = App::builder()
        .servers(r#"{ "area": [{ "id": "area-1" }] }"#)
        .configure("all", "area", |app| app.one_thread())
        .start()
        .await?;
    let app = running.app("area-1").or_err(500, "there is no area-1")?;
    // Different keys, so that the calls need not wait for each other.
    let moves = (0..1000).map(|n| app.rpc.area.area_remote.go(key(n.to_string())).into_future());
    let asked = try_join_all(moves).await?.len();
    let (moves, threads) = app.rpc.area.area_remote.count(key("")).await?;
    println!("{asked} moves were asked for at once, and the world counts {moves}");
    println!("all of them ran on {}", if threads == 1 { "one thread" } else { "several threads" });
    running.stop().await;
    Ok(())
}
