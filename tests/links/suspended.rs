//! A frontend whose process stands still for longer than others wait, and goes on.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use pomelo::app::Running;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{Hybrid, to};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::{Client, connect, soon, until};
use crate::world::{self, App, Gate, Log, Rpc, free_port, patient, servers};

const CHAT_PORT: &str = "TEST_CHAT_PORT";
const CLIENT_PORT: &str = "TEST_CLIENT_PORT";

/// Silence is noticed soon: a busy machine is not silent for so long.
fn attentive() -> TcpOptions {
    let mut options = patient();
    options.keepalive = Duration::from_millis(100);
    (options.dead_after, options.gone_after) = (Duration::from_millis(1_500), Duration::from_millis(2_500));
    options
}

/// The process of connector-1, when the test starts it.
#[tokio::test]
#[ignore = "it is started by the other test"]
async fn a_connector() {
    let port = |name: &str| std::env::var(name).ok().and_then(|port| port.parse::<u16>().ok());
    let (Some(chat), Some(client)) = (port(CHAT_PORT), port(CLIENT_PORT)) else { return };
    let _running = start("connector-1", chat, Some(client), Log::default()).await;
    std::future::pending::<()>().await;
}

async fn start(id: &'static str, chat: u16, client: Option<u16>, log: Log) -> Running<Rpc> {
    App::builder()
        .servers(servers(chat))
        .transport(Arc::new(Tcp::new(attentive())))
        .configure("all", "connector", move |app| {
            app.connector(Hybrid::new().address(([127, 0, 0, 1], client.unwrap_or_default())));
        })
        .configure("all", "all", {
            let log = log.clone();
            move |app| {
                app.limits().link_timeout = Duration::ZERO;
                let seen = log.clone();
                app.on_event(move |app, event| world::note(app, event, &seen));
            }
        })
        .insert(log)
        .insert(Gate(Arc::new(Semaphore::new(0))))
        .start_only(move |info| info.id == id)
        .await
        .unwrap()
}

/// A process that ends with the test.
struct Connector(Child);

impl Connector {
    fn start(chat: u16, client: u16) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["suspended::a_connector", "--exact", "--ignored", "--nocapture"]);
        command.env(CHAT_PORT, chat.to_string()).env(CLIENT_PORT, client.to_string());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        // Both fail if it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn client(address: SocketAddr, uid: &str, joins: bool) -> Client {
    let listens = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(listens).await;
    let client = connect(address).await;
    assert_eq!(client.request("connector.entryHandler.enter", json!(uid)).await, json!({}));
    if joins {
        assert_eq!(client.request("chat.roomHandler.join", json!({})).await, json!({}));
    }
    client
}

#[tokio::test]
async fn a_frontend_that_stood_still_comes_back_as_the_same_process_and_its_clients_come_again() {
    let (port, log) = (free_port(), Log::default());
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let chat = start("chat-1", port, None, log.clone()).await;
    let mut connector = Connector::start(port, address.port());
    let app = chat.app("chat-1").unwrap();
    until(|| !app.servers("connector").is_empty()).await;
    let ann = client(address, "ann", true).await;
    let bob = client(address, "bob", false).await;
    let room = app.channels().get("room").unwrap();

    connector.signal("-STOP");
    for seen in ["chat-1: removed", "chat-1: lost ann", "ann closed"] {
        until(|| log.has(seen)).await;
    }
    assert!(room.is_empty() && app.servers("connector").is_empty());
    // Its kernel takes connections all the time, and that is no sign of life.
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert!(app.servers("connector").is_empty());

    connector.signal("-CONT");
    until(|| !app.servers("connector").is_empty()).await;
    assert_eq!(soon(ann.end()).await, None, "she is not told to stay away");
    // Of him chat-1 had nothing.
    assert_eq!(bob.request("chat.roomHandler.join", json!({})).await, json!({}));
    let ann = client(address, "ann", true).await;
    room.push("news", &json!(1)).unwrap();
    assert_eq!((ann.push("news").await, bob.push("news").await), (json!(1), json!(1)));
    assert_eq!(log.count("ann closed"), 1);
    app.rpc.connector.entry_remote.ping(to("connector-1")).await.unwrap();
    assert!(connector.0.try_wait().unwrap().is_none(), "it runs on");
    chat.stop().await;
}
