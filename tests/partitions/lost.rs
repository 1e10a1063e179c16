//! Sessions of which another server has dropped something: they close, or the application puts them back.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pomelo::app::Configure;
use pomelo::app::LostSessions;
use pomelo::{Error, Result, to};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::until;
use crate::world::{App, Rpc, World};

/// chat-1 gives connector-1 up, and meets it again.
fn lose(world: &World) {
    world.unlink("chat-1", "connector-1");
    world.give_up("chat-1", "connector-1");
    world.link("chat-1", "connector-1");
}

/// Puts all users back into the room.
async fn put_back(app: App, lost: LostSessions) -> Result<()> {
    for session in lost.sessions {
        let uid = session.uid().ok_or_else(|| Error::new(500, "nobody"))?;
        let frontend = session.frontend_id().to_string();
        app.rpc.chat.chat_remote.add(to(&lost.server), &uid, frontend).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn lost_sessions_close_one_after_the_other_within_five_seconds() {
    let world = World::start().await;
    let mut clients = Vec::new();
    for number in 0..50 {
        clients.push(world.member("connector-1", &format!("user{number}"), "chat-1").await);
    }
    let began = Instant::now();
    lose(&world);
    let closed = || clients.iter().filter(|client| client.is_closed()).count();
    world.settle().await;
    assert!(closed() <= 1, "{} at once", closed());
    let mut before = closed();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = closed();
        assert!((5..=15).contains(&(now - before)), "{} in one second", now - before);
        before = now;
    }
    assert_eq!(closed(), 50);
    assert!(began.elapsed() <= Duration::from_secs(5));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_closes_at_its_next_request() {
    let world = World::start().await;
    let mut clients = Vec::new();
    for number in 0..20 {
        clients.push(world.member("connector-1", &format!("user{number}"), "chat-1").await);
    }
    lose(&world);
    let began = Instant::now();
    for client in &clients {
        assert_eq!(client.try_request("chat.roomHandler.ping", json!({})).await, None);
    }
    assert!(began.elapsed() < Duration::from_millis(100), "they had to wait: {:?}", began.elapsed());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_application_that_puts_its_users_back_keeps_their_sessions() {
    let open = Arc::new(Semaphore::new(0));
    let gate = open.clone();
    let world = World::with(move |app| {
        let gate = gate.clone();
        app.on_sessions_lost(move |app, lost| {
            let gate = gate.clone();
            async move {
                gate.acquire().await?.forget();
                put_back(app, lost).await
            }
        });
    })
    .await;
    let ann = world.member("connector-1", "ann", "chat-1").await;
    let bob = world.user("connector-1", "bob", "chat-1").await;
    lose(&world);
    world.settle().await;
    assert_eq!(world.members("chat-1"), Vec::<String>::new());
    // It is served while the application is at it.
    assert_eq!(ann.request("connector.entryHandler.ping", json!({})).await, json!({}));
    open.add_permits(1);
    until(|| world.members("chat-1") == ["ann"]).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.push("chat-1", &json!("news"));
    world.settle().await;
    assert_eq!(ann.pushes("news"), [json!("news")]);
    assert_eq!(bob.pushes("news"), Vec::<serde_json::Value>::new());
    assert_eq!(ann.request("chat.roomHandler.ping", json!({})).await, json!({}));
    // A hook that is registered now is for the end of the session, and runs then.
    assert_eq!(ann.request("chat.roomHandler.watch", json!({})).await, json!({}));
    assert_eq!(world.log.count("chat-1: ann closed"), 1);
    ann.hang_up();
    until(|| world.log.count("chat-1: ann closed") == 2).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_application_is_told_once_which_server_dropped_which_sessions() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = told.clone();
    let world = World::with(move |app| {
        let seen = seen.clone();
        app.on_sessions_lost(move |app, lost| {
            let mut users: Vec<_> = lost.sessions.iter().filter_map(|session| session.uid()).collect();
            users.sort();
            seen.lock().unwrap().push((app.server_id().to_string(), lost.server.to_string(), users));
            ready(Ok(()))
        });
    })
    .await;
    // One of them is in no room, one has no hook, one has nothing there, one is elsewhere.
    let ann = world.user("connector-1", "ann", "chat-1").await;
    ann.request("chat.roomHandler.watch", json!({})).await;
    let bob = world.user("connector-1", "bob", "chat-1").await;
    bob.request("chat.roomHandler.join", json!({})).await;
    let (_eve, _joe) = (
        world.user("connector-1", "eve", "chat-1").await,
        world.member("connector-2", "joe", "chat-1").await,
    );
    for _ in 0..2 {
        lose(&world);
        world.settle().await;
    }
    let expected = ("connector-1".to_owned(), "chat-1".to_owned(), vec!["ann".into(), "bob".into()]);
    assert_eq!(*told.lock().unwrap(), [expected]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn copies_of_channels_whose_members_a_backend_has_dropped_go_with_these() {
    let world = World::with(|app| app.on_sessions_lost(|_, _| ready(Ok(())))).await;
    let ann = world.member("connector-1", "ann", "chat-1").await;
    assert_eq!(world.app("connector-1").report().channel_copies, 1);
    lose(&world);
    world.settle().await;
    assert_eq!(world.app("connector-1").report().channel_copies, 0);
    assert_eq!(ann.request("chat.roomHandler.ping", json!({})).await, json!({}));
    world.stop().await;
}

/// The declaration can't say of a channel that the application keeps to itself who was lost there.
#[tokio::test(start_paused = true)]
async fn who_was_lost_with_a_channel_that_the_application_had_then_is_named_once_it_lets_go() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = told.clone();
    let world = World::with(move |app| {
        let seen = seen.clone();
        app.on_sessions_lost(move |_, lost| {
            seen.lock().unwrap().extend(lost.sessions.iter().filter_map(|session| session.uid()));
            ready(Ok(()))
        });
    })
    .await;
    let ann = world.user("connector-1", "ann", "chat-1").await;
    ann.request("chat.roomHandler.join", json!({})).await;
    let room = world.app("chat-1").channels().get("room").unwrap();
    let ((has, had), (go, gone)) = (std::sync::mpsc::channel::<()>(), std::sync::mpsc::channel::<()>());
    let keeper = std::thread::spawn(move || {
        room.update(|_| {
            has.send(()).unwrap();
            gone.recv().unwrap();
            Ok(())
        })
        .unwrap();
    });
    had.recv().unwrap();
    lose(&world);
    world.settle().await;
    assert!(told.lock().unwrap().is_empty());
    go.send(()).unwrap();
    keeper.join().unwrap();
    until(|| !told.lock().unwrap().is_empty()).await;
    assert_eq!(*told.lock().unwrap(), ["ann"]);
    assert_eq!(world.members("chat-1"), Vec::<String>::new());
    world.stop().await;
}

/// Runs a hook that doesn't do what it should; all lost sessions must be closed.
async fn closes_after(hook: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static) {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let world = World::with(move |app| {
        hook(app);
        app.limits().request_timeout = Duration::from_secs(2);
        count.fetch_add(1, Ordering::SeqCst);
    })
    .await;
    let (ann, bob) = (
        world.member("connector-1", "ann", "chat-1").await,
        world.member("connector-1", "bob", "chat-1").await,
    );
    let idle = world.user("connector-1", "eve", "chat-1").await;
    lose(&world);
    assert_eq!((ann.end().await, bob.end().await), (None, None));
    assert_eq!(idle.request("connector.entryHandler.ping", json!({})).await, json!({}));
    assert_eq!(world.log.count("chat-1: ann closed"), 1);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lost_sessions_close_if_the_application_fails_to_put_them_back() {
    closes_after(|app| app.on_sessions_lost(|_, _| ready(Err(Error::new(500, "no"))))).await;
}

#[tokio::test(start_paused = true)]
async fn lost_sessions_close_if_the_application_panics() {
    closes_after(|app| app.on_sessions_lost(|_, _| async { panic!("no") })).await;
    closes_after(|app| {
        app.on_sessions_lost(|_, lost| match lost.sessions.len() {
            0 => ready(Ok(())),
            _ => panic!("before there is a future"),
        });
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn lost_sessions_close_if_the_application_takes_too_long() {
    closes_after(|app| app.on_sessions_lost(|_, _| std::future::pending())).await;
}
