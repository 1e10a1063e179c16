//! Two processes with the id of one server.

use std::sync::Arc;
use std::time::Duration;

use pomelo::app::Running;
use pomelo::error::ErrorKind;
use pomelo::error::StartError;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{Hybrid, to};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::log::Log;
use crate::proxy::Mode;
use crate::support::{soon, until};
use crate::world::{App, Gate, Log as Seen, Rpc, World, patient, servers};

/// Another process of connector-1, which reaches chat-1 on that port.
async fn second(port: u16, options: TcpOptions) -> Result<Running<Rpc>, StartError> {
    App::builder()
        .servers(servers(port))
        .transport(Arc::new(Tcp::new(options)))
        .configure("all", "connector", |app| {
            app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
        })
        .insert(Seen::default())
        .insert(Gate(Arc::new(Semaphore::new(0))))
        .start_only(|info| info.id == *"connector-1")
        .await
}

#[tokio::test]
async fn a_second_process_fails_to_start_with_where_the_first_runs_whose_clients_notice_nothing() {
    let log = Log::start();
    let mut options = patient();
    options.gone_after = Duration::from_secs(1);
    let world = World::start(options.clone()).await;
    let ann = world.client("ann", true).await;
    let before = log.with(&[]).len();

    let port = world.chat().server().port.unwrap();
    let starting = second(port, options);
    tokio::pin!(starting);
    let refused = loop {
        assert_eq!(ann.request("chat.roomHandler.ping", json!({})).await, json!({}));
        tokio::select! {
            started = &mut starting => break started.err().unwrap(),
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    };
    assert_eq!(refused.kind(), ErrorKind::Refused);
    let place = format!("on 127.0.0.1 as process {}", std::process::id());
    for part in ["connector-1 runs already", &place, "chat-1"] {
        assert!(refused.message().contains(part), "{refused}");
    }
    // A few seconds.
    let said = &log.with(&[])[before..];
    assert!(said.len() <= 20, "{said:#?}");
    world.chat().channels().get("room").unwrap().push("news", &json!(1)).unwrap();
    assert_eq!(ann.push("news").await, json!(1));
    for missing in ["connector-1: removed", "chat-1: removed", "chat-1: lost ann", "ann closed"] {
        assert!(!world.log.has(missing), "{missing}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_second_process_starts_once_the_first_has_left() {
    let world = World::start(patient()).await;
    let port = world.chat().server().port.unwrap();
    // The connector stays there: it is asked who it is.
    let refused = async {
        let log = Log::start();
        until(|| log.has(&["no link", "connector-1", "runs on"])).await;
    };
    let World { connector, chat, proxy: _proxy, .. } = world;
    let leaving = async {
        refused.await;
        connector.stop().await;
    };
    let (second, ()) = tokio::join!(soon(second(port, patient())), leaving);
    let second = second.unwrap();
    let remote = &second.app("connector-1").unwrap().rpc.chat.chat_remote;
    assert_eq!(remote.echo(to("chat-1"), 5).await.unwrap(), 5);
    second.stop().await;
    chat.stop().await;
}

#[tokio::test]
async fn a_process_that_was_silent_and_replaced_ends_when_it_hears_of_the_later_one() {
    let world = World::start(patient()).await;
    let ann = world.client("ann", true).await;
    world.proxy.set(Mode::Hold);
    let port = world.chat().server().port.unwrap();
    let second = soon(second(port, patient())).await.unwrap();
    until(|| world.log.has("chat-1: lost ann")).await;
    assert_eq!(
        second.app("connector-1").unwrap().rpc.chat.chat_remote.echo(to("chat-1"), 5).await.unwrap(),
        5
    );

    world.proxy.set(Mode::Pass);
    let (id, error) = soon(world.connector.failed()).await;
    assert_eq!((&*id, error.kind()), ("connector-1", ErrorKind::Refused));
    assert!(error.message().contains("another process of connector-1 has begun later"), "{error}");
    assert!(ann.end().await.is_none_or(|reason| reason.contains("connector-1")));
    assert_eq!(
        second.app("connector-1").unwrap().rpc.chat.chat_remote.echo(to("chat-1"), 6).await.unwrap(),
        6
    );
    second.stop().await;
    world.stop().await;
}
