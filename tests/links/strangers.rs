//! Strangers at a server's port, who say nothing, or nonsense.

use std::time::Duration;

use pomelo::config::Config;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::rpc::Caller;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::log::Log;
use crate::support::{soon, until};
use crate::world::{World, patient, servers};

/// Options with a few seats for strangers, who are waited for longer than a test takes.
fn few_seats() -> TcpOptions {
    let mut options = patient();
    (options.first_frame, options.connect_timeout) = (Duration::from_secs(300), Duration::from_secs(300));
    (options.strangers, options.strangers_per_address) = (20, 10);
    options
}

async fn strangers(world: &World, count: usize) -> Vec<TcpStream> {
    let port = world.chat().server().port.unwrap();
    let mut strangers = Vec::new();
    for _ in 0..count {
        strangers.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    strangers
}

/// Links as a server does that comes just now.
async fn link(world: &World) {
    let port = world.chat().server().port.unwrap();
    let servers = Config::from_servers(&servers(port), "development").unwrap().servers;
    let guest = soon(Caller::join(&Tcp::new(patient()), "guest-1", &servers)).await.unwrap();
    assert_eq!(soon(guest.call::<u32>("chat-1", "chatRemote", "echo", &(1,))).await.unwrap(), 1);
    guest.close().await;
}

/// Of the few seats strangers have all; the limits on time are so long that nobody goes by itself.
#[tokio::test]
async fn strangers_who_say_nothing_give_way_to_who_comes() {
    let log = Log::start();
    let world = World::start_with(patient(), few_seats(), |_| {}).await;
    let mut idle = strangers(&world, 60).await;
    link(&world).await;
    let mut rest = Vec::new();
    soon(idle[0].read_to_end(&mut rest)).await.unwrap();
    until(|| log.has(&["WARN", "gave way", "127.0.0.1"])).await;
    let mut garbled = strangers(&world, 60).await;
    for stranger in &mut garbled {
        // It may have given way already.
        let _ = stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
    }
    link(&world).await;
    // A line a second for the address, and this takes far less than a minute.
    let lines = log.with(&["WARN", "no link", "address=127.0.0.1"]).len();
    assert!(lines < 60, "{lines} of 120");
    world.stop().await;
}

#[tokio::test]
async fn the_first_word_of_a_stranger_is_due_at_once() {
    let mut options = patient();
    (options.first_frame, options.connect_timeout) = (Duration::from_millis(50), Duration::from_secs(300));
    let world = World::start_with(patient(), options, |_| {}).await;
    let mut idle = strangers(&world, 1).await;
    let mut rest = Vec::new();
    soon(idle[0].read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
    world.stop().await;
}
