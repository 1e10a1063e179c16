//! Admission to links: who gets one.

use std::sync::Arc;
use std::time::Duration;

use pomelo::config::Config;
use pomelo::error::ErrorKind;
use pomelo::net::link::secret::Secret;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::rpc::Caller;
use pomelo::{Hybrid, to};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::log::Log;
use crate::support::{soon, until};
use crate::world::{self, App, Gate, World, free_port, patient, servers};

fn knows(secret: Option<&str>) -> TcpOptions {
    let mut options = patient();
    options.secret = secret.map(|secret| Secret::new(secret).unwrap());
    options
}

/// Waits until the dialer has tried several times.
async fn tried(world: &World) {
    until(|| world.proxy.said().iter().filter(|said| !said.is_empty()).count() >= 3).await;
}

async fn no_link(world: &World) {
    tried(world).await;
    assert!(world.connector().servers("chat").is_empty() && world.chat().servers("connector").is_empty());
    let error = world.remote().echo(to("chat-1"), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn servers_with_the_same_secret_are_linked() {
    let world = World::start(knows(Some("the secret"))).await;
    assert_eq!(world.remote().echo(to("chat-1"), 7).await.unwrap(), 7);
    for said in world.proxy.said() {
        assert!(!said.windows(10).any(|part| part == b"the secret"), "the secret itself was sent");
    }
    world.stop().await;
}

#[tokio::test]
async fn servers_with_different_secrets_are_not_linked() {
    for (connector, chat) in [(Some("one"), Some("other")), (Some("one"), None), (None, Some("other"))] {
        let world = World::start_apart(knows(connector), knows(chat), |_| {}).await;
        no_link(&world).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn what_was_overheard_can_not_be_said_again() {
    let world = World::start(knows(Some("the secret"))).await;
    let overheard = world.proxy.said().concat();
    let port = world.chat().server().port.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(&overheard).await.unwrap();
    let mut answer = Vec::new();
    // The server may close the connection with something unread, which resets it.
    let _ = soon(stream.read_to_end(&mut answer)).await;
    assert!(answer.windows(7).any(|part| part == b"Refused"), "{answer:?}");
    assert!(!answer.windows(7).any(|part| part == b"Welcome"), "{answer:?}");
    assert_eq!(world.remote().echo(to("chat-1"), 7).await.unwrap(), 7);
    world.stop().await;
}

#[tokio::test]
async fn a_guest_must_know_the_secret_too() {
    let world = World::start(knows(Some("the secret"))).await;
    let port = world.chat().server().port.unwrap();
    let servers = Config::from_servers(&servers(port), "development").unwrap().servers;
    let join = async |name: &str, secret: Option<&str>| {
        let transport = Tcp::new(knows(secret));
        Caller::join(&transport, name, &servers).await.unwrap()
    };
    let welcome = join("tool-1", Some("the secret")).await;
    assert_eq!(welcome.call::<u32>("chat-1", "chatRemote", "echo", &(5,)).await.unwrap(), 5);
    for secret in [Some("another"), None] {
        let refused = join("tool-2", secret).await.timeout(Duration::from_millis(300));
        let error = refused.call::<u32>("chat-1", "chatRemote", "echo", &(5,)).await.unwrap_err();
        assert_eq!((error.kind(), refused.servers()), (ErrorKind::Deadline, vec![]));
        refused.close().await;
    }
    welcome.close().await;
    world.stop().await;
}

#[tokio::test]
async fn an_address_off_the_whitelist_is_closed_unread() {
    let log = Log::start();
    let mut elsewhere = patient();
    elsewhere.whitelist = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let world = World::start_apart(patient(), elsewhere, |_| {}).await;
    no_link(&world).await;
    let port = world.chat().server().port.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut answer = Vec::new();
    // Nothing was sent, so an end can only be the server's doing.
    let ended = soon(stream.read_to_end(&mut answer)).await;
    assert!(answer.is_empty(), "{ended:?}: {answer:?}");
    let said = ["WARN", "closed unread: the address is not on the whitelist", "chat-1", "address=127.0.0.1:"];
    assert!(log.has(&said));
    world.stop().await;
}

#[tokio::test]
async fn servers_without_a_secret_say_that_only_those_of_this_machine_can_be_linked() {
    let log = Log::start();
    let said = ["WARN", "no cluster secret: only servers of this machine can be linked"];
    World::start(knows(Some("the secret"))).await.stop().await;
    assert_eq!(log.with(&said), Vec::<String>::new());
    World::start(knows(None)).await.stop().await;
    for server in ["connector-1", "chat-1"] {
        assert_eq!(log.with(&[&said[..], &[server]].concat()).len(), 1, "{server}");
    }
}

#[tokio::test]
async fn why_there_is_no_link_is_said_once_by_who_dials() {
    let log = Log::start();
    let world = World::start_apart(knows(Some("one")), knows(Some("other")), |_| {}).await;
    tried(&world).await;
    let said = log.with(&["WARN", "no link: ", "connector-1", "peer=chat-1"]);
    assert_eq!(said.len(), 1, "{said:?}");
    world.stop().await;
}

#[tokio::test]
async fn an_address_on_the_whitelist_is_linked() {
    let mut here = patient();
    here.whitelist = vec!["127.0.0.0/8".parse().unwrap()];
    let world = World::start_with(patient(), here, |_| {}).await;
    assert_eq!(world.remote().echo(to("chat-1"), 7).await.unwrap(), 7);
    world.stop().await;
}

/// The transport is cheap to share: several servers of one process can have it.
#[tokio::test]
async fn one_transport_serves_several_servers() {
    let transport = Tcp::new(patient());
    let port = free_port();
    let running = App::builder()
        .servers(servers(port))
        .transport(Arc::new(transport))
        .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
        .insert(world::Log::default())
        .insert(Gate(Arc::new(Semaphore::new(0))))
        .start()
        .await
        .unwrap();
    let app = running.app("connector-1").unwrap();
    assert_eq!(app.rpc.chat.chat_remote.echo(to("chat-1"), 3).await.unwrap(), 3);
    running.stop().await;
}
