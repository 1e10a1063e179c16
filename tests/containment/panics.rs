//! Panics, and what each costs.

use std::sync::Arc;

use pomelo::app::Running;
use pomelo::error::ErrorKind;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{key, to};
use serde_json::{Value, json};

use crate::log::Log;
use crate::support::{Client, connect, soon, until};
use crate::world::{App, Fault, Faults, Rpc, Unwritable, World, builder};

const PING: &str = "connector.entryHandler.echo";

/// Every place on a request's way, and a request that comes by.
const PLACES: &[(&str, &str)] = &[
    ("global before", PING),
    ("global after", PING),
    ("global before", "chat.workHandler.echo"),
    ("global after", "chat.workHandler.echo"),
    ("router", "chat.workHandler.echo"),
    ("router's first step", "area.areaHandler.echo"),
    ("later router", "area.areaHandler.echo"),
    ("global error handler's first step", "nobody.noHandler.none"),
    ("global error handler", "nobody.noHandler.none"),
    ("before", PING),
    ("second after", PING),
    ("handler", PING),
    ("handler", "connector.entryHandler.beside"),
    ("error handler's first step", "connector.entryHandler.fail"),
    ("error handler", "connector.entryHandler.fail"),
    ("before", "chat.workHandler.echo"),
    ("after", "chat.workHandler.echo"),
    ("handler", "chat.workHandler.echo"),
    ("error handler's first step", "chat.workHandler.fail"),
    ("error handler", "chat.workHandler.fail"),
];

async fn works(client: &mut Client) {
    for route in [PING, "chat.workHandler.echo", "area.areaHandler.echo"] {
        assert_eq!(client.request(route, json!("x")).await, json!({ "text": "x" }), "{route}");
    }
}

/// With one lane, a lane that ends is seen at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_anywhere_on_a_requests_way_costs_that_request() {
    let world = World::start().await;
    for (round, &(place, route)) in PLACES.iter().enumerate() {
        println!("{place} of {route}");
        let mut ann = world.user("ann").await;
        ann.request("connector.entryHandler.hook", json!({})).await;
        let before = world.panics();
        world.faults.set(place, Fault::Panic);
        let answer = ann.request(route, json!("x")).await;
        // After filters run when the answer is on its way.
        until(|| world.panics() > before).await;
        world.faults.clear();
        if place.contains("before") || place.contains("router") || place == "handler" {
            assert_eq!(answer["code"], 500, "{answer}");
        }
        works(&mut ann).await;
        ann.close().await;
        until(|| world.faults.count("second hook") == round + 1).await;
        // The user isn't locked out.
        works(&mut world.user("ann").await).await;
        until(|| world.app("connector-1").report().sessions == 0).await;
    }
    world.running.stop().await;
}

/// The before filter has run, so the after filter does: whatever it took, it gives back.
#[tokio::test]
async fn after_filters_run_also_after_a_panic_and_after_one_of_them_has_panicked() {
    let world = World::start().await;
    let ann = world.client().await;
    for (place, route) in [
        ("handler", PING),
        ("second before", PING),
        ("second after", PING),
        ("router", "chat.workHandler.echo"),
    ] {
        let before = ["after", "global after"].map(|after| world.faults.count(after));
        world.faults.set(place, Fault::Panic);
        ann.request(route, json!("x")).await;
        world.faults.clear();
        let own = usize::from(route == PING);
        until(|| world.faults.count("global after") == before[1] + 1).await;
        assert_eq!(world.faults.count("after"), before[0] + own, "{place}");
    }
    world.running.stop().await;
}

#[tokio::test]
async fn a_message_to_a_server_that_is_down_passes_the_global_error_handler_and_after_filters() {
    let mut world = World::start().await;
    let ann = world.client().await;
    world.running.crash_server("chat-1").await;
    assert_eq!(ann.request("chat.workHandler.echo", json!("x")).await["code"], 500);
    until(|| world.faults.count("global after") == 1).await;
    assert_eq!(world.faults.count("global error handler"), 1);
    world.running.stop().await;
}

#[tokio::test]
async fn a_panic_is_counted_and_logged_with_its_server_its_route_and_its_session() {
    let (log, world) = (Log::start(), World::start().await);
    let ann = world.client().await;
    world.faults.set("before", Fault::Panic);
    ann.request("chat.workHandler.echo", json!("x")).await;
    world.faults.clear();
    assert!(log.has(&["chat-1", "before filter", "chat.workHandler.echo", "session=", "before panics"]));
    assert_eq!(world.app("chat-1").counters().panics(), 1);
    assert_eq!(world.app("chat-1").report().panics, 1);
    assert_eq!(world.app("connector-1").report().panics, 0);
    world.running.stop().await;
}

/// What is dropped at its deadline may panic, too.
#[tokio::test]
async fn a_handler_that_panics_when_it_is_dropped_costs_its_request() {
    let world =
        World::start_with(|app| app.limits().request_timeout = std::time::Duration::from_millis(50)).await;
    let mut ann = world.client().await;
    assert_eq!(ann.request("chat.workHandler.trap", json!({})).await["code"], 500);
    // Nothing was skipped: the error handler and the after filters have run.
    until(|| world.faults.count("after") == 1).await;
    assert_eq!(world.faults.count("error handler"), 1);
    works(&mut ann).await;
    assert_eq!(world.panics(), 1);
    world.running.stop().await;
}

#[tokio::test]
async fn a_remote_that_panics_costs_its_call_told_or_not() {
    let (log, world) = (Log::start(), World::start().await);
    let chat = &world.app("connector-1").rpc.chat.chat_remote;
    world.faults.set("remote", Fault::Panic);
    let error = chat.echo(to("chat-1"), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.message().contains("chat.chatRemote.echo"), "{error}");
    chat.echo(to("chat-1"), 2).notify().unwrap();
    until(|| world.panics() == 2).await;
    world.faults.clear();
    assert_eq!(chat.echo(to("chat-1"), 3).await.unwrap(), 3);
    assert!(log.has(&["chat-1", "remote", "chat.chatRemote.echo", "remote panics"]));
    world.running.stop().await;
}

#[tokio::test]
async fn a_router_that_panics_costs_its_call_and_its_notify() {
    let world = World::start().await;
    let chat = &world.app("connector-1").rpc.chat.chat_remote;
    world.faults.set("router", Fault::Panic);
    assert_eq!(chat.echo(key("x"), 1).await.unwrap_err().kind(), ErrorKind::Panic);
    assert_eq!(chat.echo(key("x"), 1).notify().unwrap_err().kind(), ErrorKind::Panic);
    world.faults.clear();
    assert_eq!(chat.echo(key("x"), 3).await.unwrap(), 3);
    world.running.stop().await;
}

#[tokio::test]
async fn a_hook_that_panics_keeps_no_other_from_running_nor_the_user_from_coming_back() {
    let (log, world) = (Log::start(), World::start().await);
    let ann = world.user("ann").await;
    ann.request("connector.entryHandler.hook", json!({})).await;
    world.faults.set("first hook", Fault::Panic);
    ann.close().await;
    until(|| world.faults.count("second hook") == 1).await;
    assert_eq!((world.faults.count("first hook"), world.panics()), (0, 1));
    assert!(log.has(&["connector-1", "on_closed", "session=", "first hook panics"]));
    works(&mut world.user("ann").await).await;
    world.running.stop().await;
}

#[tokio::test]
async fn a_listener_that_panics_keeps_no_other_from_being_told() {
    let (log, world) = (Log::start(), World::start().await);
    world.faults.set("first listener", Fault::Panic);
    world.user("ann").await;
    let told: Vec<_> = world.faults.noted().into_iter().filter(|noted| noted.contains("listener")).collect();
    assert_eq!(told, ["second listener: ann"]);
    assert!(log.has(&["connector-1", "listener", "BindSession", "first listener panics"]));
    world.running.stop().await;
}

#[tokio::test]
async fn a_serializer_that_panics_costs_its_request_and_leaves_the_channel_usable() {
    let world = World::start().await;
    let mut ann = world.user("ann").await;
    assert_eq!(ann.request("chat.workHandler.join", json!({})).await, json!({}));
    for route in ["chat.workHandler.push", "chat.workHandler.answer"] {
        assert_eq!(ann.request(route, json!({})).await["code"], 500, "{route}");
    }
    assert_eq!(world.panics(), 2);
    works(&mut ann).await;
    let den = world.app("chat-1").channels().get("den").unwrap();
    den.push("news", &json!(1)).unwrap();
    assert_eq!(ann.push("news").await, json!(1));
    world.running.stop().await;
}

/// The caller, who is no handler, sees the panic.
#[tokio::test]
async fn a_step_that_panics_leaves_the_channel_as_it_was() {
    let world = World::start().await;
    let channels = world.app("chat-1").channels();
    let den = channels.create("den");
    den.add("ann", "connector-1").unwrap();
    let panics = |act: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).is_err();
    assert!(panics(&|| den.update(|_| -> pomelo::Result<()> { panic!("a step panics") }).unwrap()));
    assert!(panics(&|| den.push("news", &Unwritable).unwrap()));
    assert!(panics(&|| channels
        .update("new", |_| -> pomelo::Result<()> { panic!("a step panics") })
        .unwrap()));
    assert_eq!(den.members(), ["ann"]);
    assert!(channels.get("new").is_none());
    world.running.stop().await;
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The servers of two processes, as far as they can tell.
async fn over_tcp(faults: &Faults) -> (Running<Rpc>, Running<Rpc>) {
    let servers = format!(
        r#"{{ "connector": [{{ "id": "connector-1", "frontend": true }}], "chat": [{{ "id": "chat-1", "port": {} }}] }}"#,
        free_port()
    );
    let start = |id: &'static str| {
        let filtering = faults.clone();
        builder(faults)
            .servers(&*servers)
            .transport(Arc::new(Tcp::new(TcpOptions::default())))
            .configure("all", "connector", move |app| {
                let faults = filtering.clone();
                app.broadcast_filter(move |_, _| {
                    faults.pass("broadcast filter");
                    true
                });
            })
            .start_only(move |info| info.id == id)
    };
    let (connector, chat) = tokio::join!(start("connector-1"), start("chat-1"));
    (connector.unwrap(), chat.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_filter_that_panics_costs_that_delivery_and_not_the_link() {
    let faults = Faults::default();
    let (connector, chat) = over_tcp(&faults).await;
    let (front, back): (&App, &App) = (connector.app("connector-1").unwrap(), chat.app("chat-1").unwrap());
    until(|| !front.servers("chat").is_empty() && !back.servers("connector").is_empty()).await;
    let ann = connect(connector.addresses("connector-1")[0]).await;
    // Her session is open once something is answered.
    assert_eq!(ann.request("chat.workHandler.echo", json!("x")).await, json!({ "text": "x" }));
    faults.set("broadcast filter", Fault::Panic);
    back.channels().broadcast("connector", "news", &json!("lost")).unwrap();
    until(|| front.report().panics == 1).await;
    faults.clear();
    back.channels().broadcast("connector", "news", &json!("seen")).unwrap();
    assert_eq!(ann.push("news").await, json!("seen"));
    assert_eq!(ann.request("chat.workHandler.echo", json!("x")).await, json!({ "text": "x" }));
    let answer: Value =
        soon(front.rpc.chat.chat_remote.echo(to("chat-1"), 5).into_future()).await.unwrap().into();
    assert_eq!(answer, json!(5));
    connector.stop().await;
    chat.stop().await;
}
