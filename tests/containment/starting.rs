//! Failures where servers and connections begin.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use pomelo::app::Configure;
use pomelo::error::ErrorKind;
use pomelo::error::StartError;
use pomelo::net::protocol::package::{MAX_BODY, Package, PackageKind};
use pomelo::{Component, Hybrid, Result};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::log::Log;
use crate::support::{connect, soon};
use crate::world::{App, Fault, Faults, Rpc, World, builder};

async fn fails(configure: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static) -> StartError {
    let started = builder(&Faults::default())
        .configure("all", "chat", move |app| {
            app.limits().component_timeout = Duration::from_millis(50);
            configure(app);
        })
        .start();
    soon(started).await.err().expect("it can't start")
}

/// Waits for something that never comes.
struct Stuck(&'static str);

impl Component<App> for Stuck {
    fn name(&self) -> &str {
        "world"
    }

    async fn start(&self, _: &App) -> Result<()> {
        if self.0 == "start" { pending().await } else { Ok(()) }
    }

    async fn after_start(&self, _: &App) -> Result<()> {
        if self.0 == "after_start" { pending().await } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_component_that_does_not_start_in_time_ends_the_start() {
    for (step, named) in
        [("start", "component world (Start)"), ("after_start", "component world (AfterStart)")]
    {
        let error = fails(move |app| app.component(Stuck(step))).await;
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert!(error.message().contains("chat-1") && error.message().contains(named), "{error}");
    }
}

#[tokio::test]
async fn a_hook_that_panics_or_never_ends_ends_the_start() {
    let log = Log::start();
    let error = fails(|app| app.before_startup(|_| async { pending().await })).await;
    assert_eq!(
        (error.kind(), error.message().contains("before_startup")),
        (ErrorKind::Deadline, true),
        "{error}"
    );
    let error = fails(|app| app.after_startup(|_| async { pending().await })).await;
    assert_eq!(
        (error.kind(), error.message().contains("after_startup")),
        (ErrorKind::Deadline, true),
        "{error}"
    );
    let error = fails(|app| app.before_startup(|_| async { panic!("a hook panics") })).await;
    assert_eq!((error.kind(), error.message().contains("chat-1")), (ErrorKind::Panic, true), "{error}");
    assert!(log.has(&["chat-1", "before_startup", "a hook panics"]));
}

#[tokio::test]
async fn a_shutdown_hook_that_never_ends_does_not_keep_the_server() {
    let world = World::start_with(|app| {
        app.limits().stop_timeout = Duration::from_millis(50);
        app.before_shutdown(|_| async { pending().await });
    })
    .await;
    soon(world.running.stop()).await;
}

#[tokio::test]
async fn a_configuration_that_panics_is_an_error_that_names_the_server() {
    let error = fails(|_| panic!("no such table")).await;
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.message().contains("chat-1") && error.message().contains("no such table"), "{error}");
}

/// Says hello; the code of the answer.
async fn greet(address: SocketAddr) -> u64 {
    let mut stream = soon(TcpStream::connect(address)).await.unwrap();
    let hello = json!({ "sys": { "type": "test", "version": "1.0" }, "user": {} }).to_string();
    let hello = Package::encode(PackageKind::Handshake, hello.as_bytes()).unwrap();
    soon(stream.write_all(&hello)).await.unwrap();
    let mut input = bytes::BytesMut::new();
    loop {
        if let Some(package) = Package::decode(&mut input, MAX_BODY).unwrap() {
            let answer: serde_json::Value = serde_json::from_slice(&package.body).unwrap();
            return answer["code"].as_u64().unwrap();
        }
        assert_ne!(soon(stream.read_buf(&mut input)).await.unwrap(), 0, "it was closed without an answer");
    }
}

#[tokio::test]
async fn a_hook_of_the_connector_that_panics_refuses_that_client() {
    let (log, faults) = (Log::start(), Faults::default());
    let (hooked, checked) = (faults.clone(), faults.clone());
    let world = World::start_with(move |app| {
        if app.server().frontend {
            let (hooked, checked) = (hooked.clone(), checked.clone());
            let connector = Hybrid::new().address(([127, 0, 0, 1], 0)).check_client(move |_, _| {
                checked.pass("check_client");
                true
            });
            app.connector(connector.handshake(move |_| {
                hooked.pass("handshake's first step");
                let hooked = hooked.clone();
                async move {
                    hooked.reach("handshake").await;
                    Ok(json!({}))
                }
            }));
        }
    })
    .await;
    // The second connector of the two.
    let address = world.running.addresses("connector-1")[1];
    for (n, (place, code)) in
        [("check_client", 501), ("handshake's first step", 500), ("handshake", 500)].into_iter().enumerate()
    {
        faults.set(place, Fault::Panic);
        assert_eq!(greet(address).await, code, "{place}");
        faults.clear();
        assert_eq!(world.app("connector-1").report().panics, n as u64 + 1);
        connect(address).await.close().await;
    }
    // The hook's second panic within a second is counted, not logged.
    assert!(log.has(&["connector-1", "handshake hook", "handshake's first step panics"]));
    world.running.stop().await;
}
