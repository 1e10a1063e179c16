//! Test peers: one server's way to the others without a server, for tests of the parts that stand on it.

use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, ready};
use tokio::runtime::Handle;

use super::Peers;
use crate::cluster::{LinkSender, Member, Unsent};
use crate::runtime::{Runtime, Supervisor};
use crate::value::config::Config;
use crate::value::{Incarnation, Limits, RouteTable, ServerId, ServerInfo};
use crate::wire::Codecs;
use crate::wire::envelope::{Envelope, Message};

/// A link sender that keeps what is sent, in order, and reaches whom it is told to.
#[derive(Default)]
pub(crate) struct Recorder {
    sent: Mutex<Vec<(ServerId, Message)>>,
    /// Why nothing can be sent now, if so.
    unsent: Mutex<Option<Unsent>>,
}

impl Recorder {
    /// Takes what was sent since the last time.
    pub(crate) fn take(&self) -> Vec<(ServerId, Message)> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    /// Refuses whatever is sent from now on for that reason, or takes it again.
    pub(crate) fn refuse(&self, reason: Option<Unsent>) {
        *self.unsent.lock().unwrap() = reason;
    }
}

impl LinkSender for Recorder {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        match *self.unsent.lock().unwrap() {
            Some(reason) => Err(reason),
            None => {
                self.sent.lock().unwrap().push((to.clone(), envelope.0));
                Ok(())
            }
        }
    }

    fn expect(&self, _: &[Arc<ServerInfo>]) {}

    fn announce(&self, _: Member) {}

    fn cut(&self, _: &ServerId, _: Incarnation) {}

    fn queued_bytes(&self) -> usize {
        0
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

/// The peers of the server `id`, whose type is what is before the `-`; and what it sends. `others` are up and linked.
pub(crate) fn peers(id: &str, others: &[&str]) -> (Arc<Peers>, Arc<Recorder>) {
    peers_with(id, others, Limits::default())
}

/// As [`peers`], with other limits.
pub(crate) fn peers_with(id: &str, others: &[&str], limits: Limits) -> (Arc<Peers>, Arc<Recorder>) {
    let config =
        Config { servers: others.iter().chain([&id]).map(|id| info(id)).collect(), ..Config::default() };
    let tasks = Supervisor::new(Handle::current(), id, |_| {});
    let routes = RouteTable::new(&Arc::default());
    let runtime = Runtime::new(info(id), limits, Handle::current(), tasks, None, routes);
    let peers = Arc::new(Peers::new(runtime, Arc::new(config), Arc::new(Codecs::default())));
    peers.watch_deadlines();
    for id in others {
        peers.view.join(member(id, Incarnation::begin(id)));
    }
    peers.view.join(member(id, peers.incarnation()));
    let recorder = Arc::new(Recorder::default());
    assert!(peers.link_sender.set(recorder.clone()).is_ok());
    (peers, recorder)
}

/// What servers.json says of a server in tests.
pub(crate) fn info(id: &str) -> Arc<ServerInfo> {
    let server_type = id.split('-').next();
    let entry =
        serde_json::json!({ "id": id, "serverType": server_type, "frontend": server_type == Some("gate") });
    Arc::new(serde_json::from_value(entry).unwrap())
}

/// A server that is up.
pub(crate) fn member(id: &str, incarnation: Incarnation) -> Member {
    Member {
        info: info(id),
        incarnation,
        methods: Arc::default(),
        encodings: vec![],
        leaving: false,
        newcomer: false,
    }
}
