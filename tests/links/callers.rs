//! Calls from a process that is no server.

use std::sync::Arc;
use std::time::Duration;

use pomelo::config::Config;
use pomelo::error::ErrorKind;
use pomelo::net::transport::Tcp;
use pomelo::rpc::Caller;

use crate::support::{soon, until};
use crate::world::{World, free_port, patient, servers};

/// A caller that knows chat-1 by its own port.
async fn join(port: u16) -> Caller {
    let servers = Config::from_servers(&servers(port), "development").unwrap().servers;
    Caller::join(&Tcp::new(patient()), "tool-1", &servers).await.unwrap()
}

async fn world() -> (World, Caller) {
    let world = World::start(patient()).await;
    let caller = join(world.chat().server().port.unwrap()).await;
    (world, caller)
}

#[tokio::test]
async fn a_process_outside_servers_json_calls_servers() {
    let (world, caller) = world().await;
    for number in 0..100 {
        assert_eq!(caller.call::<u32>("chat-1", "chatRemote", "echo", &(number,)).await.unwrap(), number);
    }
    // connector-1 has no port, so nobody outside can reach it.
    assert_eq!(caller.servers(), ["chat-1"]);
    assert!(world.chat().servers("").is_empty(), "a guest is no server");
    assert_eq!(world.log.count("chat-1: added"), 1, "only the connector is added");
    caller.close().await;
    world.stop().await;
}

#[tokio::test]
async fn a_caller_is_told_which_method_there_is_not() {
    let (world, caller) = world().await;
    for (service, method) in [("chatRemote", "dance"), ("danceRemote", "echo")] {
        let error = caller.call::<u32>("chat-1", service, method, &(1,)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSuchMethod);
        assert!(error.message().contains(&format!("{service}.{method}")), "{error}");
    }
    caller.close().await;
    world.stop().await;
}

#[tokio::test]
async fn a_callers_calls_fail_when_their_server_stops() {
    let (world, caller) = world().await;
    let caller = Arc::new(caller);
    let call = tokio::spawn({
        let caller = caller.clone();
        async move { caller.call::<()>("chat-1", "chatRemote", "wait", &()).await }
    });
    until(|| world.log.has("a call waits")).await;
    let World { mut chat, connector, .. } = world;
    assert!(chat.crash_server("chat-1").await);
    assert_eq!(soon(call).await.unwrap().unwrap_err().kind(), ErrorKind::Refused);
    until(|| caller.servers().is_empty()).await;
    connector.stop().await;
    chat.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_answers_a_callers_calls_first() {
    let (world, caller) = world().await;
    let caller = Arc::new(caller);
    let call = tokio::spawn({
        let caller = caller.clone();
        async move { caller.call::<()>("chat-1", "chatRemote", "wait", &()).await }
    });
    until(|| world.log.has("a call waits")).await;
    let World { chat, connector, gate, .. } = world;
    let refused = async {
        loop {
            match caller.call::<u32>("chat-1", "chatRemote", "echo", &(1,)).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                Err(error) => break error,
            }
        }
    };
    let stopping = async {
        let error = soon(refused).await;
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.message().contains("chat-1 is stopping"), "{error}");
        gate.0.add_permits(1);
    };
    tokio::join!(chat.stop(), stopping);
    soon(call).await.unwrap().unwrap();
    connector.stop().await;
}

#[tokio::test]
async fn more_calls_of_a_caller_than_may_be_out_to_one_server_are_overloaded_at_once() {
    let (world, caller) = world().await;
    let caller = Arc::new(caller.pending_calls(2));
    let wait = || {
        let caller = caller.clone();
        tokio::spawn(async move { caller.call::<()>("chat-1", "chatRemote", "wait", &()).await })
    };
    let calls = [wait(), wait()];
    until(|| world.log.count("a call waits") == 2).await;
    let error = caller.call::<u32>("chat-1", "chatRemote", "echo", &(1,)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.message(), "2 calls to chat-1 wait for an answer (pending_calls)");
    world.gate.0.add_permits(2);
    for call in calls {
        soon(call).await.unwrap().unwrap();
    }
    assert_eq!(caller.call::<u32>("chat-1", "chatRemote", "echo", &(1,)).await.unwrap(), 1);
    world.stop().await;
}

#[tokio::test]
async fn without_a_link_a_callers_call_ends_at_its_deadline() {
    let caller = join(free_port()).await.timeout(Duration::from_millis(50));
    for server in ["chat-1", "chat-9"] {
        let error = caller.call::<u32>(server, "chatRemote", "echo", &(1,)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert!(error.message().contains(server), "{error}");
    }
    caller.close().await;
}
