//! Listeners: in order, never where envelopes arrive, and no more waiting than there is room for.

use std::sync::{Arc, Mutex, mpsc};

use pomelo::Event;
use pomelo::metrics::Dropped;
use serde_json::json;

use crate::support::{soon, until};
use crate::world::World;

/// What a listener was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn who_binds_goes_on_when_the_listeners_have_been_told() {
    let world = World::start().await;
    for n in 0..20 {
        world.user(&n.to_string()).await;
        let told = world.faults.noted();
        assert!(
            told.contains(&format!("first listener: {n}")) && told.contains(&format!("second listener: {n}"))
        );
    }
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_in_the_order_in_which_they_happened() {
    let told = Told::default();
    let noting = told.clone();
    let world = World::start_with(move |app| {
        let told = noting.clone();
        app.on_event(move |app, event| {
            let id = app.server_id();
            match event {
                Event::BindSession(session) => {
                    told.note(format_args!("{id}: {} came", session.uid().unwrap()))
                }
                Event::CloseSession(session) => {
                    told.note(format_args!("{id}: {} left", session.uid().unwrap()))
                }
                Event::MembersLost { channel, .. } => {
                    told.note(format_args!("{id}: {} lost", channel.name()))
                }
                Event::RemoveServers(servers) => told.note(format_args!("{id}: {} gone", servers[0])),
                _ => {}
            }
        });
    })
    .await;
    let mut expected = Vec::new();
    for n in 0..20 {
        world.user(&n.to_string()).await.close().await;
        until(|| told.all().len() == 2 * n + 2).await;
        expected.extend([format!("connector-1: {n} came"), format!("connector-1: {n} left")]);
    }
    assert_eq!(told.all(), expected);
    for name in ["one", "two", "three"] {
        world.app("chat-1").channels().create(name).add("ann", "connector-1").unwrap();
    }
    let mut running = world.running;
    running.crash_server("connector-1").await;
    let of_chat = || told.all().into_iter().filter(|told| told.starts_with("chat-1")).collect::<Vec<_>>();
    until(|| of_chat().len() == 4).await;
    let mut of_chat = of_chat();
    assert_eq!(of_chat.pop().unwrap(), "chat-1: connector-1 gone");
    of_chat.sort();
    assert_eq!(of_chat, ["one", "three", "two"].map(|name| format!("chat-1: {name} lost")));
    running.stop().await;
}

/// A listener that waits holds up other listeners, and nothing else; what is too much is counted.
#[tokio::test(flavor = "multi_thread")]
async fn more_events_than_may_wait_are_dropped_and_counted() {
    let (go, wait) = mpsc::channel::<()>();
    let (wait, told) = (Arc::new(Mutex::new(wait)), Told::default());
    let (noting, begun) = (told.clone(), Told::default());
    let entered = begun.clone();
    let world = World::start_with(move |app| {
        if app.server().frontend {
            app.limits().queued_events = 3;
            let (wait, told, entered) = (wait.clone(), noting.clone(), entered.clone());
            app.on_event(move |_, event| {
                if let Event::CloseSession(session) = event {
                    entered.note(session.id());
                    // Others go on with what is queued on this thread.
                    let _ = tokio::task::block_in_place(|| wait.lock().unwrap().recv());
                    told.note(session.id());
                }
            });
        }
    })
    .await;
    for _ in 0..10 {
        let client = world.client().await;
        assert_eq!(client.request("chat.workHandler.echo", json!("x")).await, json!({ "text": "x" }));
        client.close().await;
        // The listener has the first before there are more.
        until(|| begun.all().len() == 1).await;
    }
    let counters = world.app("connector-1").counters();
    until(|| counters.dropped(Dropped::Event) == 6).await;
    drop(go);
    until(|| told.all().len() == 4).await;
    soon(world.running.stop()).await;
}
