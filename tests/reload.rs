//! Handlers and remotes that are replaced while their server runs.

mod support;

use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, ready};
use pomelo::app::Running;
use pomelo::error::ErrorKind;
use pomelo::ext::discovery::{Discovery, MembershipEvents, Registration};
use pomelo::ext::transport::Member;
use pomelo::{Result, remote, to};
use serde_json::Value;
use support::until;
use tokio::sync::Semaphore;

pomelo::servers! {
    caller: {},
    chat: { remotes: [RoomRemote, impl Extra] },
}

/// What the first version has; `impl` blocks are code, so the second one is another type under the same name.
struct RoomRemote;

#[remote]
impl RoomRemote {
    pub async fn version() -> Result<u8> {
        Ok(1)
    }

    pub async fn slow(door: &Arc<Semaphore>) -> Result<u8> {
        door.acquire().await?.forget();
        Ok(1)
    }
}

mod second {
    use super::*;

    pub struct RoomRemote;

    #[remote]
    #[allow(dead_code, reason = "no `servers!` lists it")]
    impl RoomRemote {
        /// Comes first here: numbers must not follow the order of methods.
        pub async fn more() -> Result<u8> {
            Ok(3)
        }

        pub async fn version(_trailing: Option<u8>) -> Result<u8> {
            Ok(2)
        }
    }
}

#[remote]
trait Extra {
    async fn count(&self) -> Result<u8>;
}

struct Counts(u8);

#[remote]
impl Extra for Counts {
    async fn count(&self) -> Result<u8> {
        Ok(self.0)
    }
}

const SERVERS: &str = r#"{ "caller": [{ "id": "caller-1" }], "chat": [{ "id": "chat-1" }] }"#;

async fn start(door: &Arc<Semaphore>) -> Running<Rpc> {
    let builder = App::builder().servers(SERVERS).insert(door.clone());
    builder.mount("chat", |_, mount| mount.remote(Counts(1))).start().await.unwrap()
}

#[tokio::test]
async fn calls_under_way_end_on_the_old_version_and_later_ones_run_on_the_new() {
    let door = Arc::new(Semaphore::new(0));
    let running = start(&door).await;
    let (caller, chat) = (running.app("caller-1").unwrap(), running.app("chat-1").unwrap());
    let (room, extra) = (&caller.rpc.chat.room_remote, &caller.rpc.chat.extra);
    assert_eq!((room.version(to("chat-1")).await.unwrap(), extra.count(to("chat-1")).await.unwrap()), (1, 1));
    let slow = tokio::spawn(room.slow(to("chat-1")).into_future());
    until(|| caller.report().pending_calls == 1).await;

    chat.reload(|_, mount| {
        mount.remote(second::RoomRemote);
        mount.remote(Counts(2));
    })
    .unwrap();
    assert_eq!((room.version(to("chat-1")).await.unwrap(), extra.count(to("chat-1")).await.unwrap()), (2, 2));
    let more: u8 = caller.rpc_invoke("chat-1", "user", "roomRemote", "more", &()).await.unwrap();
    assert_eq!(more, 3);
    assert_eq!(room.slow(to("chat-1")).await.unwrap_err().kind(), ErrorKind::NoSuchMethod);
    door.add_permits(1);
    assert_eq!(slow.await.unwrap().unwrap(), 1);
    let counted = |route: &str| chat.report().routes.iter().find(|r| r.route == route).map(|r| r.requests);
    assert_eq!((counted("chat.roomRemote.version"), counted("chat.roomRemote.more")), (Some(2), Some(1)));
    running.stop().await;
}

#[tokio::test]
async fn a_method_that_wants_what_was_not_inserted_leaves_all_as_it_was() {
    let builder = App::builder().servers(SERVERS).insert(Arc::new(Semaphore::new(0)));
    let running = builder.mount("chat", |_, mount| mount.remote(Counts(1))).start().await.unwrap();
    let (caller, chat) = (running.app("caller-1").unwrap(), running.app("chat-1").unwrap());
    let error = chat.reload(|_, mount| mount.remote(wanting::Wanting)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(caller.rpc.chat.extra.count(to("chat-1")).await.unwrap(), 1);
    running.stop().await;
}

mod wanting {
    use super::*;

    pub struct Wanting;

    #[remote]
    #[allow(dead_code, reason = "no `servers!` lists it")]
    impl Wanting {
        pub async fn wants(_: &std::net::Ipv4Addr) -> Result<u8> {
            Ok(0)
        }
    }
}

/// A method of its own for each of two reloads.
mod one {
    use super::*;

    pub struct OneRemote;

    #[remote]
    #[allow(dead_code, reason = "no `servers!` lists it")]
    impl OneRemote {
        pub async fn one() -> Result<u8> {
            Ok(1)
        }
    }

    pub struct TwoRemote;

    #[remote]
    #[allow(dead_code, reason = "no `servers!` lists it")]
    impl TwoRemote {
        pub async fn two() -> Result<u8> {
            Ok(2)
        }
    }
}

/// A discovery that notes the numbers of chat-1's methods each time that they change.
#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<Vec<Value>>>);

impl Discovery for Numbers {
    fn register(
        &self,
        _: Member,
        _: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        Box::pin(ready(Ok(Arc::new(self.clone()) as Arc<dyn Registration>)))
    }
}

impl Registration for Numbers {
    fn update(&self, member: Member) {
        self.0.lock().unwrap().push(serde_json::to_value(&*member.methods).unwrap());
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

/// A call that is on its way carries a number, which must never be another method's.
#[tokio::test]
async fn two_reloads_at_once_give_their_methods_different_numbers() {
    let numbers = Numbers::default();
    let builder = App::builder().servers(SERVERS).insert(Arc::new(Semaphore::new(0)));
    let builder = builder.mount("chat", |_, mount| mount.remote(Counts(1)));
    let running = builder.discovery(Arc::new(numbers.clone())).start().await.unwrap();
    let chat = running.app("chat-1").unwrap();
    chat.reload(|chat, mount| {
        mount.remote(one::OneRemote);
        // Another one begins, and ends, while this one is under way.
        chat.reload(|_, mount| mount.remote(one::TwoRemote)).unwrap();
    })
    .unwrap();
    let seen = numbers.0.lock().unwrap().clone();
    let (two, one) = (&seen[0]["twoRemote"]["two"], &seen[1]["oneRemote"]["one"]);
    assert!(two.is_number() && one.is_number() && one != two, "{seen:?}");
    running.stop().await;
}
