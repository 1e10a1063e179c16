//! Channels that are used within a step of one, and other code of the application's that a lock could hold up.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use pomelo::channel::Channel;
use pomelo::error::ErrorKind;
use pomelo::{Error, Event, Result, Session};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use crate::log::Log;
use crate::support::{soon, until};
use crate::world::{App, World};

/// An error for the use of `den` within its own step.
fn names_den(result: Result<()>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Application);
    assert!(error.message().contains("channel den"), "{error}");
}

#[tokio::test]
async fn a_channel_within_its_own_step_is_an_error_at_once_that_names_it() {
    let world = World::start().await;
    let channels = world.app("chat-1").channels();
    let den = channels.create("den");
    den.add("ann", "connector-1").unwrap();
    den.update(|_| {
        names_den(den.push("news", &json!(1)));
        names_den(den.add("bob", "connector-1"));
        names_den(den.push_to("ann", "news", &json!(1)));
        names_den(den.update(|_| Ok(())));
        names_den(channels.update("den", |_| Ok(())));
        Ok(())
    })
    .unwrap();
    channels
        .update("den", |_| {
            names_den(channels.update("den", |_| Ok(())));
            Ok(())
        })
        .unwrap();
    assert_eq!(den.members(), ["ann"]);
    den.push("news", &json!(1)).unwrap();
    world.running.stop().await;
}

#[tokio::test]
async fn what_can_return_no_error_changes_nothing_and_says_so_in_the_log() {
    let (log, world) = (Log::start(), World::start().await);
    let den = world.app("chat-1").channels().create("den");
    den.add("ann", "connector-1").unwrap();
    den.update(|step| {
        step.add("bob", "connector-1")?;
        assert!(!den.leave("ann", "connector-1"));
        assert_eq!((den.members(), den.member("ann")), (vec![], None));
        den.destroy();
        // As it was before the step.
        assert_eq!((den.len(), den.is_empty(), step.len()), (1, false, 2));
        Ok(())
    })
    .unwrap();
    assert_eq!((den.members(), den.len()), (vec!["ann".into(), "bob".into()], 2));
    for what in ["leave", "members", "member", "destroy"] {
        assert!(
            log.has(&["chat-1", "a channel was not used", &format!("what=\"{what}\""), "channel den"]),
            "{what}"
        );
    }
    world.running.stop().await;
}

/// Reads the channel while it is written.
struct Curious(Channel, Mutex<Option<Error>>);

impl Serialize for Curious {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        *self.1.lock().unwrap() = self.0.push("other", &json!(1)).err();
        serializer.serialize_u64(1)
    }
}

#[tokio::test]
async fn a_message_that_uses_the_channel_while_it_is_written_is_an_error_at_once() {
    let world = World::start().await;
    let den = world.app("chat-1").channels().create("den");
    den.add("ann", "connector-1").unwrap();
    let curious = Curious(den.clone(), Mutex::default());
    den.push("news", &curious).unwrap();
    names_den(curious.1.into_inner().unwrap().map_or(Ok(()), Err));
    world.running.stop().await;
}

#[tokio::test]
async fn other_channels_may_be_used_within_a_step() {
    let world = World::start().await;
    let channels = world.app("chat-1").channels();
    let (den, hall) = (channels.create("den"), channels.create("hall"));
    den.update(|den| {
        den.add("ann", "connector-1")?;
        hall.update(|hall| hall.add("ann", "connector-1"))?;
        hall.push("news", &json!(1))?;
        channels.update("new", |new| new.add("ann", "connector-1"))
    })
    .unwrap();
    assert_eq!((den.len(), hall.len(), channels.get("new").unwrap().len()), (1, 1, 1));
    world.running.stop().await;
}

/// Both have one and want the other. At least one gives up, and then the other may go on.
#[tokio::test]
async fn two_channels_nested_in_opposite_order_end_with_an_error_that_names_both() {
    let world = World::start().await;
    let channels = world.app("chat-1").channels();
    let (den, hall, both) = (channels.create("den"), channels.create("hall"), Barrier::new(2));
    let nest = |outer: &Channel, inner: &Channel| {
        outer.update(|_| {
            both.wait();
            inner.update(|_| Ok(()))
        })
    };
    let results = thread::scope(|scope| {
        let opposite = scope.spawn(|| nest(&hall, &den));
        [nest(&den, &hall), opposite.join().unwrap()]
    });
    let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert!(!errors.is_empty());
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert!(
            error.message().contains("channel den") && error.message().contains("channel hall"),
            "{error}"
        );
    }
    den.add("ann", "connector-1").unwrap();
    hall.add("ann", "connector-1").unwrap();
    world.running.stop().await;
}

/// A step that never ends keeps its channel, and whoever wants that; the server goes on, and comes back to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_does_not_end_keeps_its_channel_only() {
    let lost = Arc::new(AtomicBool::new(false));
    let noting = lost.clone();
    let mut world = World::start_with(move |app| {
        let noting = noting.clone();
        app.on_event(move |_, event| {
            if let Event::MembersLost { channel, uids } = event {
                assert_eq!((channel.name(), &**uids), ("den", &["ann".into()][..]));
                noting.store(true, Ordering::SeqCst);
            }
        });
    })
    .await;
    let app = world.app("chat-1").clone();
    let den = app.channels().create("den");
    den.add("ann", "connector-1").unwrap();
    let (ends, ended) = mpsc::channel::<()>();
    let (begins, began) = mpsc::channel();
    let step = {
        let den = den.clone();
        thread::spawn(move || {
            den.update(|_| {
                begins.send(()).unwrap();
                let _ = ended.recv();
                Ok(())
            })
        })
    };
    began.recv().unwrap();
    assert_eq!(app.report().channel_members, 1);
    soon(world.running.crash_server("connector-1")).await;
    until(|| app.servers("connector").is_empty()).await;
    app.channels().create("other").add("bob", "area-1").unwrap();
    assert!(!lost.load(Ordering::SeqCst));
    drop(ends);
    step.join().unwrap().unwrap();
    until(|| lost.load(Ordering::SeqCst)).await;
    assert!(den.members().is_empty());
    world.running.stop().await;
}

thread_local!(static READING: RefCell<Option<(App, Session)>> = const { RefCell::new(None) });

/// Uses the settings while it is read from one.
struct Nosy;

impl<'de> Deserialize<'de> for Nosy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READING.with_borrow(|reading| {
            let (app, session) = reading.as_ref().unwrap();
            app.set("other", 1);
            session.set("other", 1);
        });
        u64::deserialize(deserializer).map(|_| Self)
    }
}

#[tokio::test]
async fn what_is_read_from_a_setting_may_use_the_settings() {
    let world = World::start().await;
    let _ann = world.user("ann").await;
    let app = world.app("connector-1").clone();
    let session = app.sessions().get_by_uid("ann").pop().unwrap();
    app.set("one", 1);
    session.set("one", 1);
    let (read, done) = mpsc::channel();
    // In a thread of its own, so that one which never ends fails this test only.
    thread::spawn(move || {
        READING.set(Some((app.clone(), session.clone())));
        read.send((app.get::<Nosy>("one").is_some(), session.get::<Nosy>("one").is_some())).unwrap();
    });
    assert_eq!(done.recv_timeout(Duration::from_secs(60)), Ok((true, true)));
    world.running.stop().await;
}
