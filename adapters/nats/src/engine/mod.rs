//! The engine: an endpoint with a NATS client under it, for as long as a server is on the bus.
//!
//! | file | noun |
//! |---|---|
//! | `connect` | making the client |
//! | `signal` | what happens to its connection |
//! | `inbound` | the task that takes in what comes, and tells the server |
//! | `outbound` | the task that publishes what the endpoint has to say |
//! | `receiver` | the server that is told |
//!
//! What waits to be sent waits in the endpoint, where it is bounded, and where it is given up when its link breaks. The client is given
//! only what it can write at once: what it holds when the connection breaks it publishes later, and then it belongs to no link any
//! more.

mod connect;
mod inbound;
mod outbound;
mod receiver;
mod signal;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_nats::Client;
use pomelo_core::cluster::Member;
use pomelo_core::runtime::Supervisor;
use pomelo_core::runtime::throttle::Throttle;
use pomelo_core::value::{Error, ServerId};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

pub(crate) use self::receiver::{Receiver, Verdict};

use self::inbound::Inbound;
use crate::endpoint::Endpoint;
use crate::error::NatsError;
use crate::options::Nats;
use crate::subject::{Plane, Subjects};
use crate::wire;

/// How long the last words of a server may take to leave.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// What came of a server's claim of its id.
#[derive(Debug, Clone)]
pub(crate) enum Claimed {
    /// Nobody has answered yet, or the bus is away.
    Waiting,
    /// The id is its own.
    Held,
    /// It is, and whoever is there has answered.
    Settled,
    /// Another process has the id; the claim is made again, unless the receiver gives up.
    Refused,
    /// The receiver has given up.
    GivenUp(Error),
}

/// A server on the bus.
pub(crate) struct Engine {
    id: ServerId,
    endpoint: Mutex<Endpoint>,
    receiver: Arc<dyn Receiver>,
    client: Client,
    tasks: Supervisor,
    /// There may be something to publish.
    outbound: Notify,
    /// There may be something to tell.
    told: Notify,
    /// All there was to publish is.
    drained: Notify,
    claimed: watch::Sender<Claimed>,
    /// Of which lines there may be many.
    complaints: Throttle<String>,
    /// Shared with the client, which goes on trying to connect after all handles to it are gone.
    is_closed: Arc<AtomicBool>,
}

impl Engine {
    /// Puts a server on the bus. If that is away it begins all the same, and says so in the log.
    ///
    /// # Errors
    /// If what is configured can't be meant, or NATS refuses it.
    pub(crate) async fn start(
        nats: &Nats,
        plane: Plane,
        me: Member,
        receiver: Arc<dyn Receiver>,
    ) -> Result<Arc<Self>, NatsError> {
        let (id, server_type) = (me.info.id.clone(), me.info.server_type.clone());
        if !wire::can_write(&id) {
            return Err(NatsError::Id(id.to_string()));
        }
        let subjects = Subjects::new(&nats.cluster, plane);
        let is_closed = Arc::new(AtomicBool::new(false));
        let (client, signals, is_away) = connect::connect(nats, &id, is_closed.clone()).await?;
        let own =
            client.subscribe(subjects.server(&server_type, &id)).await.map_err(|_| NatsError::Closed)?;
        let all = client.subscribe(subjects.all()).await.map_err(|_| NatsError::Closed)?;
        let failing = receiver.clone();
        let report = move |error: &Error| failing.failed(error.clone());
        let endpoint = Endpoint::new(me, std::process::id(), subjects, nats.settings, Instant::now());
        let engine = Arc::new(Self {
            tasks: Supervisor::new(tokio::runtime::Handle::current(), &id, report),
            id,
            endpoint: Mutex::new(endpoint),
            receiver,
            client,
            outbound: Notify::new(),
            told: Notify::new(),
            drained: Notify::new(),
            claimed: watch::Sender::new(Claimed::Waiting),
            complaints: Throttle::default(),
            is_closed,
        });
        if !is_away {
            engine.lock().connected(Instant::now());
        }
        inbound::start(&engine, Inbound::new(own, all, signals), nats.settings.beat);
        outbound::start(&engine);
        Ok(engine)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Endpoint> {
        self.endpoint.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// There may be something to publish now.
    pub(crate) fn publish_soon(&self) {
        self.outbound.notify_one();
    }

    /// The server is something else now.
    pub(crate) fn announce(&self, me: Member) {
        self.lock().announce(me, Instant::now());
        self.told.notify_one();
        self.publish_soon();
    }

    /// Waits until it is known what comes of the claim of the id, or `limit` is over, as it is while the bus is away.
    pub(crate) async fn claim(&self, limit: Duration) -> Claimed {
        self.until(|claimed| !matches!(claimed, Claimed::Waiting), limit).await
    }

    /// Waits until whoever is there has answered, or `limit` is over.
    pub(crate) async fn settle(&self, limit: Duration) -> Claimed {
        self.until(|claimed| matches!(claimed, Claimed::Settled | Claimed::GivenUp(_)), limit).await
    }

    async fn until(&self, is_known: impl FnMut(&Claimed) -> bool, limit: Duration) -> Claimed {
        let mut claimed = self.claimed.subscribe();
        // The sender is here, so it is nothing but the limit that can end this early.
        let _ = timeout(limit, claimed.wait_for(is_known)).await;
        claimed.borrow().clone()
    }

    /// Takes the server off the bus: what is queued leaves first, if it can in a second.
    pub(crate) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.lock().close();
        self.publish_soon();
        let last_words = async {
            loop {
                let drained = self.drained.notified();
                if self.lock().is_idle() {
                    break;
                }
                drained.await;
            }
            // If it fails the connection is gone, and everybody else knows that by silence.
            let _ = self.client.flush().await;
        };
        // Who can't take them is not waited for.
        let _ = timeout(LAST_WORDS_TIMEOUT, last_words).await;
        self.tasks.end();
        // The client's task ends then; without a connection, with its next attempt.
        let _ = timeout(LAST_WORDS_TIMEOUT, self.client.drain()).await;
    }

    /// As [`close`](Self::close), for a server that is dropped: in the background.
    pub(crate) fn close_soon(self: &Arc<Self>) {
        if !self.is_closed.load(Ordering::Acquire) {
            let engine = self.clone();
            self.tasks.runtime().spawn(async move { engine.close().await });
        }
    }
}
