//! Broadcasts that a filter decides on, and what is sent meanwhile.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};

use pomelo::channel::Recipient;
use pomelo::metrics::Dropped;
use pomelo::{Event, key, to};
use serde_json::{Value, json};

use crate::support::{Client, connect, soon, until};
use crate::world::{App, Faults, World};

/// Holds a filter up until the test lets it go on.
#[derive(Clone)]
struct Hold(Arc<Mutex<mpsc::Receiver<()>>>);

/// A world whose filter waits for a message before it decides on a broadcast with the parameter "wait".
async fn start(queued_pushes: usize) -> (World, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel();
    let hold = Hold(Arc::new(Mutex::new(wait)));
    let decides = Faults::default();
    let noting = decides.clone();
    let mut world = World::start_with(move |app| {
        app.limits().queued_pushes = queued_pushes;
        let (hold, deciding) = (hold.clone(), noting.clone());
        app.broadcast_filter(move |_, wanted| {
            if *wanted == json!("wait") {
                deciding.note("a filter decides");
                let _ = hold.0.lock().unwrap().recv();
            }
            true
        });
    })
    .await;
    world.faults = decides;
    (world, go)
}

impl World {
    /// Sends a broadcast, on which the filter begins to decide.
    async fn broadcast(&self, text: &str) {
        let channels = self.app("chat-1").channels();
        channels.broadcast_to("connector", "news", &json!(text), false, Some(json!("wait"))).unwrap();
        until(|| self.faults.count("a filter decides") == 1).await;
    }

    async fn member(&self, uid: &str) -> Client {
        let client = self.user(uid).await;
        assert_eq!(client.request("chat.workHandler.join", json!({})).await, json!({}));
        client
    }
}

async fn hears(client: &mut Client, texts: &[&str]) {
    for text in texts {
        assert_eq!(client.push("news").await, json!(text));
    }
}

fn ann() -> [Recipient; 1] {
    [Recipient { uid: "ann".into(), sid: "connector-1".into() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_sends_after_a_broadcast_that_is_decided_on_comes_after_it() {
    let (world, go) = start(1_000).await;
    let mut client = world.member("ann").await;
    let app = world.app("chat-1");
    let den = app.channels().get("den").unwrap();
    world.broadcast("1").await;
    den.push("news", &json!("2")).unwrap();
    app.channels().push_by_uids("news", &json!("3"), ann()).unwrap();
    app.channels().broadcast("connector", "news", &json!("4")).unwrap();
    assert!(den.leave("ann", "connector-1"));
    den.push("news", &json!("to nobody")).unwrap();
    den.add("ann", "connector-1").unwrap();
    den.push("news", &json!("5")).unwrap();
    let answer = client.send("chat.workHandler.echo", json!("x")).await;
    // A server that sent no broadcast waits for none.
    world.app("area-1").channels().push_by_uids("news", &json!("0"), ann()).unwrap();
    hears(&mut client, &["0"]).await;
    assert_eq!((client.pushes("news"), client.responded().contains(&answer)), (vec![], false));
    drop(go);
    hears(&mut client, &["1", "2", "3", "4", "5"]).await;
    assert_eq!(client.response(answer).await, json!({ "text": "x" }));
    // The way is direct again.
    den.push("news", &json!("6")).unwrap();
    hears(&mut client, &["6"]).await;
    world.running.stop().await;
}

/// The link goes on: calls and requests are answered while the filter decides.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_takes_long_holds_no_call_up() {
    let (world, go) = start(1_000).await;
    let _ann = world.member("ann").await;
    world.broadcast("1").await;
    let chat = &world.app("connector-1").rpc.chat.chat_remote;
    assert_eq!(soon(chat.echo(to("chat-1"), 3).into_future()).await.unwrap(), 3);
    assert_eq!(soon(chat.echo(key("x"), 4).into_future()).await.unwrap(), 4);
    drop(go);
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_wait_is_counted_or_answered_and_members_are_not_lost() {
    let (world, go) = start(2).await;
    let (mut client, mut other) = (world.member("ann").await, world.user("bob").await);
    let app = world.app("chat-1");
    let den = app.channels().get("den").unwrap();
    world.broadcast("1").await;
    for text in ["2", "3", "4", "5"] {
        den.push("news", &json!(text)).unwrap();
    }
    den.add("bob", "connector-1").unwrap();
    assert_eq!(soon(den.push_confirmed("news", &json!("6"))).await.unwrap(), ["ann", "bob"]);
    // Two pushes, the join and the confirmed push.
    assert_eq!(world.app("connector-1").counters().dropped(Dropped::BehindFilter), 4);
    drop(go);
    hears(&mut client, &["1", "2", "3"]).await;
    den.push("news", &json!("last")).unwrap();
    hears(&mut client, &["last"]).await;
    // He joined while there was no room for that.
    hears(&mut other, &["1", "last"]).await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_of_a_server_that_is_gone_is_dropped() {
    let (mut world, go) = start(1_000).await;
    let mut client = world.member("ann").await;
    world.broadcast("1").await;
    let den = world.app("chat-1").channels().get("den").unwrap();
    for _ in 0..5 {
        den.push("news", &json!("of the old life")).unwrap();
    }
    world.running.crash_server("chat-1").await;
    until(|| world.app("connector-1").counters().dropped(Dropped::LinkBroke) == 5).await;
    drop(go);
    hears(&mut client, &["1"]).await;
    world.app("area-1").channels().push_by_uids("news", &json!("last"), ann()).unwrap();
    hears(&mut client, &["last"]).await;
    world.running.stop().await;
}

/// A filter that keeps guests out keeps them out of these, too.
#[tokio::test]
async fn the_filter_is_asked_about_a_broadcast_without_a_parameter() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noting = asked.clone();
    let world = World::start_with(move |app| {
        let noting = noting.clone();
        app.broadcast_filter(move |session, wanted| {
            noting.lock().unwrap().push(wanted.clone());
            session.uid().is_some()
        });
    })
    .await;
    let (mut user, guest) = (world.user("ann").await, world.client().await);
    guest.request("connector.entryHandler.echo", json!("x")).await;
    world.app("chat-1").channels().broadcast("connector", "news", &json!("users")).unwrap();
    hears(&mut user, &["users"]).await;
    guest.request("connector.entryHandler.echo", json!("x")).await;
    assert!(guest.pushes("news").is_empty());
    assert_eq!(*asked.lock().unwrap(), [Value::Null, Value::Null]);
    world.running.stop().await;
}

/// The threads in which code of the application's ran.
#[derive(Clone, Default)]
struct Threads(Arc<Mutex<Vec<(&'static str, ThreadId)>>>);

impl Threads {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push((what, thread::current().id()));
    }

    fn have(&self, what: &str) -> bool {
        self.0.lock().unwrap().iter().any(|(noted, _)| *noted == what)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_one_thread_everything_of_the_application_runs_on_that_thread() {
    let threads = Threads::default();
    let noting = threads.clone();
    let world = World::start_with(move |app| {
        if !app.server().frontend {
            return;
        }
        app.one_thread();
        let [broadcast, listener, router, check, hello, start, error] = [(); 7].map(|()| noting.clone());
        app.broadcast_filter(move |_, _| {
            broadcast.note("broadcast filter");
            true
        });
        app.on_event(move |_, event| {
            listener.note(match event {
                Event::BindSession(_) => "bind",
                Event::RemoveServers(_) => "remove",
                _ => "listener",
            });
        });
        app.route("chat", move |_, servers| {
            router.note("router");
            Ok(servers[0].clone())
        });
        app.before_startup(move |_| {
            start.note("before_startup");
            async { Ok(()) }
        });
        app.global_error_handler(move |_, _, _| {
            error.note("error handler");
            async { None }
        });
        let connector = pomelo::Hybrid::new().address(([127, 0, 0, 1], 0)).check_client(move |_, _| {
            check.note("check_client");
            true
        });
        app.connector(connector.handshake(move |_| {
            hello.note("handshake");
            async { Ok(json!({})) }
        }));
    })
    .await;
    one_of_each(world, &threads).await;
    let threads: HashSet<_> = threads.0.lock().unwrap().iter().map(|(_, thread)| *thread).collect();
    assert!(threads.len() == 1 && !threads.contains(&thread::current().id()));
}

async fn one_of_each(mut world: World, threads: &Threads) {
    let client = connect(world.running.addresses("connector-1")[1]).await;
    client.request("connector.entryHandler.bind", json!("ann")).await;
    client.request("nobody.noHandler.none", json!({})).await;
    world.app("chat-1").channels().broadcast("connector", "news", &json!(1)).unwrap();
    client.push("news").await;
    // A router is asked by whoever calls, such as a task of the application's own.
    let app: App = world.app("connector-1").clone();
    let call = tokio::spawn(async move { app.rpc.chat.chat_remote.echo(key("x"), 1).await });
    assert_eq!(call.await.unwrap().unwrap(), 1);
    let app = world.app("connector-1").clone();
    tokio::spawn(async move { app.rpc.chat.chat_remote.echo(key("x"), 1).notify() }).await.unwrap().unwrap();
    world.running.crash_server("area-1").await;
    let all = [
        "broadcast filter",
        "bind",
        "remove",
        "listener",
        "router",
        "before_startup",
        "error handler",
        "check_client",
        "handshake",
    ];
    until(|| all.iter().all(|what| threads.have(what))).await;
    world.running.stop().await;
}
