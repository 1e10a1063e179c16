//! Servers of two builds in one cluster: a rolling restart.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::app::{Cluster, Running};
use pomelo::error::ErrorKind;
use pomelo::net::transport::Tcp;
use pomelo::{Hybrid, Result, remote, to};

use crate::support::{soon, until};
use crate::world::{free_port, patient};

/// How often each number was added.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<BTreeMap<u32, u32>>>);

impl Sums {
    fn count(&self, number: u32) {
        *self.0.lock().unwrap().entry(number).or_default() += 1;
    }
}

/// The build that runs.
mod old {
    use super::*;

    pomelo::servers! {
        connector: {},
        chat: { remotes: [ChatRemote] },
    }

    pub struct ChatRemote;

    #[remote]
    impl ChatRemote {
        /// Adds two numbers, and says by which build.
        pub async fn add(sums: &Sums, a: u32, b: u32) -> Result<(String, u32)> {
            sums.count(a);
            tokio::task::yield_now().await;
            Ok(("old".to_owned(), a + b))
        }
    }
}

/// The build that replaces it: a method more, in front of the other, and an argument more.
mod new {
    use super::*;

    pomelo::servers! {
        connector: {},
        chat: { remotes: [ChatRemote] },
    }

    pub struct ChatRemote;

    #[remote]
    impl ChatRemote {
        pub async fn about() -> Result<String> {
            Ok("new".to_owned())
        }

        pub async fn add(sums: &Sums, a: u32, b: u32, c: Option<u32>) -> Result<(String, u32)> {
            sums.count(a);
            tokio::task::yield_now().await;
            Ok(("new".to_owned(), a + b + c.unwrap_or_default()))
        }
    }
}

/// The servers, each of which may be of another build.
struct Site {
    servers: String,
    sums: Sums,
}

impl Site {
    fn new() -> Self {
        let (one, two) = (free_port(), free_port());
        let servers = format!(
            r#"{{ "connector": [{{ "id": "connector-1", "frontend": true }}],
                 "chat": [{{ "id": "chat-1", "port": {one} }}, {{ "id": "chat-2", "port": {two} }}] }}"#
        );
        Self { servers, sums: Sums::default() }
    }

    async fn start<R: Cluster>(&self, id: &str) -> Running<R> {
        pomelo::App::<R>::builder()
            .servers(self.servers.as_str())
            .transport(Arc::new(Tcp::new(patient())))
            .configure("all", "all", |app| app.limits().link_timeout = Duration::ZERO)
            .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
            // To a server that is up and stays.
            .route("chat", |by, _| pomelo::pick(by.key_or("")?.as_str(), by.app().servers("chat")))
            .insert(self.sums.clone())
            .start_only(|info| info.id == *id)
            .await
            .unwrap()
    }
}

async fn see_both<R: Cluster>(running: &Running<R>) {
    until(|| running.app("connector-1").unwrap().servers("chat").len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_to_another_build_loses_no_call() {
    let site = Site::new();
    let (one, two) = tokio::join!(site.start::<old::Rpc>("chat-1"), site.start::<old::Rpc>("chat-2"));
    let connector = site.start::<old::Rpc>("connector-1").await;
    see_both(&connector).await;

    let done = Arc::new(AtomicBool::new(false));
    let calling = tokio::spawn({
        let (app, done) = (connector.app("connector-1").unwrap().clone(), done.clone());
        async move {
            let mut by = BTreeMap::<String, u32>::new();
            for number in 0.. {
                if done.load(Ordering::Acquire) {
                    return (number, by);
                }
                let call = app.rpc.chat.chat_remote.add(pomelo::key(number.to_string()), number, 1);
                let (build, sum) = call.await.expect("no call is lost");
                assert_eq!(sum, number + 1);
                *by.entry(build).or_default() += 1;
            }
            unreachable!("it was told to end")
        }
    });
    let called = || site.sums.0.lock().unwrap().len();
    let some_calls = async || {
        let before = called();
        until(|| called() > before + 100).await;
    };
    some_calls().await;
    soon(one.stop()).await;
    let one = site.start::<new::Rpc>("chat-1").await;
    see_both(&connector).await;
    some_calls().await;
    soon(two.stop()).await;
    let two = site.start::<new::Rpc>("chat-2").await;
    see_both(&connector).await;
    some_calls().await;

    done.store(true, Ordering::Release);
    let (numbers, by) = soon(calling).await.unwrap();
    assert!(by["old"] > 100 && by["new"] > 100, "{by:?}");
    let sums = site.sums.0.lock().unwrap().clone();
    assert!(sums.into_iter().eq((0..numbers).map(|number| (number, 1))), "each call ran once");
    connector.stop().await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_call_that_the_other_build_lacks_fails_alone_and_names_the_method() {
    let site = Site::new();
    let (one, two) = tokio::join!(site.start::<old::Rpc>("chat-1"), site.start::<new::Rpc>("chat-2"));
    let connector = site.start::<new::Rpc>("connector-1").await;
    see_both(&connector).await;
    let remote = &connector.app("connector-1").unwrap().rpc.chat.chat_remote;
    let error = remote.about(to("chat-1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchMethod);
    for part in ["chat-1", "chatRemote.about"] {
        assert!(error.message().contains(part), "{error}");
    }
    assert_eq!(remote.about(to("chat-2")).await.unwrap(), "new");
    // The old build ignores the argument that it doesn't know.
    assert_eq!(remote.add(to("chat-1"), 1, 2, Some(4)).await.unwrap(), ("old".to_owned(), 3));
    assert_eq!(remote.add(to("chat-2"), 1, 2, Some(4)).await.unwrap(), ("new".to_owned(), 7));
    connector.stop().await;
    one.stop().await;
    two.stop().await;
}
