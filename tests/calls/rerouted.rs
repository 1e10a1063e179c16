//! Rerouting of calls that could not be sent: steps between routing and sending.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pomelo::app::Running;
use pomelo::error::ErrorKind;
use pomelo::router::asynchronous;
use pomelo::server::ServerId;
use pomelo::{key, pick, to};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::support::{Client, connect, soon, until};
use crate::world::{App, Parts, Rpc, World, endless};

const CHATS: [&str; 3] = ["chat-1", "chat-2", "chat-3"];

/// The server that the router has picked, and what tells it to go on.
type Step = (ServerId, oneshot::Sender<()>);

/// Numbers that look random (xorshift): the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The servers, each as a process of its own would be, and the test, which does something in every step.
struct Site {
    parts: Parts,
    connector: Running<Rpc>,
    chats: HashMap<&'static str, Running<Rpc>>,
    stopping: Vec<JoinHandle<()>>,
    steps: mpsc::UnboundedReceiver<Step>,
    random: Random,
}

impl Site {
    async fn start(seed: u64) -> Self {
        let (parts, (sender, steps)) = (Parts::new(), mpsc::unbounded_channel::<Step>());
        let router = asynchronous(move |by: pomelo::router::RouteBy, _| {
            let sender = sender.clone();
            async move {
                let server = pick(by.key().unwrap_or_default(), by.app().servers("chat"))?;
                let (go_on, told) = oneshot::channel();
                sender.send((server.id.clone(), go_on))?;
                told.await?;
                Ok(server)
            }
        });
        let builder = parts.builder(endless).router("chat", router);
        let connector = builder.start_only(|info| info.id == *"connector-1").await.unwrap();
        let (chats, random) = (HashMap::new(), Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        let mut site = Self { parts, connector, chats, stopping: vec![], steps, random };
        site.start_missing().await;
        site
    }

    fn app(&self) -> &App {
        self.connector.app("connector-1").unwrap()
    }

    async fn start_missing(&mut self) {
        for stopping in self.stopping.drain(..) {
            soon(stopping).await.unwrap();
        }
        for id in CHATS {
            if !self.chats.contains_key(id) {
                self.chats.insert(id, self.start_chat(id).await);
            }
        }
        until(|| self.app().servers("chat").len() == CHATS.len()).await;
    }

    async fn start_chat(&self, id: &'static str) -> Running<Rpc> {
        self.parts.builder(endless).start_only(move |info| info.id == id).await.unwrap()
    }

    /// The router has picked that server, and nothing was sent: perhaps it leaves, is gone or begins anew. One stays.
    async fn step(&mut self, picked: &ServerId) {
        let id = CHATS.into_iter().find(|id| *picked == *id).unwrap();
        if self.app().servers("chat").len() == 1 {
            return;
        }
        match self.random.below(5) {
            0 => {}
            1 => {
                let chat = self.chats.remove(id).unwrap();
                self.stopping.push(spawn_local(chat.stop()));
                until(|| self.app().servers("chat").by_id(id).is_none()).await;
            }
            2 => soon(self.chats.remove(id).unwrap().stop()).await,
            3 => drop(self.chats.remove(id).unwrap().crash_server(id).await),
            _ => {
                soon(self.chats.remove(id).unwrap().stop()).await;
                self.chats.insert(id, self.start_chat(id).await);
            }
        }
    }

    /// Does the steps until `sending` has ended.
    async fn through<T>(&mut self, sending: impl Future<Output = T>) -> T {
        let mut sending = std::pin::pin!(sending);
        soon(async {
            loop {
                tokio::select! {
                    biased;
                    ended = &mut sending => return ended,
                    Some((picked, go_on)) = self.steps.recv() => {
                        self.step(&picked).await;
                        go_on.send(()).unwrap();
                    }
                }
            }
        })
        .await
    }

    /// Sends a number, by one of the three ways.
    async fn send(&mut self, number: u32, client: &mut Client) {
        let (app, log) = (self.app().clone(), self.parts.log.clone());
        let remote = &app.rpc.chat.chat_remote;
        match number % 3 {
            0 => {
                let call = remote.echo(key(number.to_string()), number).into_future();
                assert_eq!(self.through(call).await.unwrap(), number);
            }
            1 => {
                let request = client.request("chat.workHandler.echo", json!(number));
                let answer = self.through(request).await;
                assert!(CHATS.contains(&answer.as_str().unwrap_or_default()), "{answer}");
            }
            _ => {
                remote.echo(key(number.to_string()), number).notify().unwrap();
                self.through(until(|| log.count(&number.to_string()) == 1)).await;
            }
        }
    }
}

/// Each number is handled once, whatever becomes of the servers that the router picks.
#[tokio::test]
async fn what_was_routed_to_a_server_that_leaves_before_it_is_sent_goes_to_another_once() {
    for seed in 1..=5 {
        println!("seed {seed}");
        LocalSet::new().run_until(send_all(seed)).await;
    }
}

async fn send_all(seed: u64) {
    let mut site = Site::start(seed).await;
    let mut client = connect(site.connector.addresses("connector-1")[0]).await;
    for number in 0..30 {
        site.send(number, &mut client).await;
        site.start_missing().await;
    }
    for number in 0..30 {
        assert_eq!(site.parts.log.count(&number.to_string()), 1, "{number}");
    }
    site.connector.stop().await;
    for chat in site.chats.into_values() {
        chat.stop().await;
    }
}

#[tokio::test]
async fn a_router_that_picks_the_same_server_again_has_the_call_fail_as_it_would_have() {
    let (parts, asked) = (Parts::new(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let builder = parts.builder(endless).route("chat", move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok("chat-1")
    });
    let mut world = World { running: builder.start().await.unwrap(), parts };
    world.running.crash_server("chat-1").await;
    let remote = &world.app("connector-1").rpc.chat.chat_remote;
    let error = remote.echo(key("a"), 1).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Refused, "chat-1 is down"));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let error = remote.echo(to("chat-1"), 1).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Refused, "chat-1 is down"));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "nobody is asked where a call goes that says so");
    world.running.stop().await;
}

/// A link may be down while its server is up, and a full one is no reason to go elsewhere.
#[tokio::test]
async fn a_call_whose_link_is_down_goes_where_the_router_picks_now_and_one_whose_link_is_full_does_not() {
    let (parts, asked) = (Parts::new(), Arc::new(AtomicUsize::new(0)));
    let turns = asked.clone();
    let builder = parts.builder(endless).route("chat", move |_, servers| {
        Ok(servers[turns.fetch_add(1, Ordering::SeqCst) % servers.len()].clone())
    });
    let world = World { running: builder.start().await.unwrap(), parts };
    let remote = &world.app("connector-1").rpc.chat.chat_remote;
    world.transport().memory.cut("connector-1", "chat-1");
    assert_eq!(remote.echo(key("a"), 1).await.unwrap(), 1);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    world.transport().set("connector-1", "chat-3", "Call", crate::faulty::Fault::Full);
    assert_eq!(remote.echo(key("a"), 2).await.unwrap_err().kind(), ErrorKind::Overloaded);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    world.running.stop().await;
}
