//! The detour of pushes: what comes from a server after a broadcast that the broadcast filter decides on.
//!
//! The filter is the application's code, so it runs on the server's executor and not where envelopes arrive. Until it has decided,
//! what the same sender sends to clients waits behind it, so that nothing overtakes. Then the way is direct again.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;
use serde_json::Value;

use super::delivery::{Delivery, Frames};
use super::registry::Registry;
use crate::metrics::Dropped;
use crate::peers::Peers;
use crate::runtime::boundary::Site;
use crate::runtime::{Added, Backlog, Within, boundary};
use crate::session::Session;
use crate::value::{Error, ErrorKind, ServerId};
use crate::wire::envelope::{Answer, GroupOp, Message, Push};

/// How many sessions are decided on, or messages delivered, before other tasks get their turn.
const TURN: usize = 64;

/// Takes a message of a sender in whose turn it is.
type TakeIn = dyn Fn(&ServerId, Message) + Send + Sync;

/// What waits behind broadcasts at a frontend that has a broadcast filter, by sender.
pub(crate) struct Detours {
    /// The clients, and the filter.
    registry: Arc<Registry>,
    /// What the server does with a message in its turn.
    take_in: Box<TakeIn>,
    /// How many senders have one now. It is looked at for every push.
    active: AtomicUsize,
    /// Those that have had one, by the server that sends.
    senders: Mutex<HashMap<ServerId, Arc<Detour>, RandomState>>,
}

/// What waits of one sender.
struct Detour {
    /// The server that sends.
    from: ServerId,
    /// What waits, in the order in which it came.
    backlog: Backlog<Message>,
    /// Held while something other than a broadcast is delivered, so that nothing is any more once the sender is over.
    delivering: Mutex<()>,
}

impl Detours {
    /// Detours of the clients that `registry` has. What waited goes to `take_in` in its turn.
    pub(crate) fn new(
        registry: Arc<Registry>,
        take_in: impl Fn(&ServerId, Message) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (active, senders) = Default::default();
        Arc::new(Self { registry, take_in: Box::new(take_in), active, senders })
    }

    /// Takes a message: it waits behind those that the filter decides on, or is given back, since it is its turn.
    pub(crate) fn receive(self: &Arc<Self>, from: &ServerId, message: Message) -> Option<Message> {
        if let Message::Broadcast { .. } = message {
            self.begin(from, message);
            return None;
        }
        if self.active.load(Ordering::Acquire) == 0 || !is_ordered(&message) {
            return Some(message);
        }
        let detour = self.lock().get(from).cloned();
        let Some(detour) = detour else { return Some(message) };
        let limit = if is_optional(&message) { self.peers().limits.queued_pushes } else { usize::MAX };
        match detour.backlog.add_behind(message, limit) {
            Added::Queued | Added::First => None,
            Added::Idle(message) => Some(message),
            Added::Full(message) => {
                self.refuse(from, message);
                None
            }
        }
    }

    /// The filter has to decide on a broadcast, after what waits already.
    fn begin(self: &Arc<Self>, from: &ServerId, broadcast: Message) {
        let detour = self.lock().entry(from.clone()).or_insert_with(|| Detour::new(from)).clone();
        match detour.backlog.add(broadcast, self.peers().limits.queued_pushes) {
            Added::Queued | Added::Idle(_) => {}
            Added::Full(message) => self.refuse(from, message),
            Added::First => {
                self.active.fetch_add(1, Ordering::AcqRel);
                self.peers().executor.spawn(work(self.clone(), detour));
            }
        }
    }

    /// Drops a message for which there is no room, and tells who waits for an answer to it.
    fn refuse(&self, from: &ServerId, message: Message) {
        let peers = self.peers();
        peers.counters.add(Dropped::BehindFilter);
        if let Message::PushUids { seq: seq @ 1.., .. }
        | Message::Group { op: GroupOp::Push { seq: seq @ 1.., .. }, .. } = message
        {
            let why = format!("too many pushes wait for the broadcast filter of {}", peers.info.id);
            peers.reply_later(from.clone(), seq, Err(Error::of(ErrorKind::Overloaded, why)));
        }
    }

    fn peers(&self) -> &Arc<Peers> {
        &self.registry.peers
    }

    /// That incarnation of a server is over: nothing of what waits is delivered any more. Returns how much that was.
    pub(crate) fn forget(&self, sender: &ServerId) -> usize {
        let Some(detour) = self.lock().remove(sender) else { return 0 };
        let _delivering = detour.delivering();
        detour.backlog.clear().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServerId, Arc<Detour>, RandomState>> {
        self.senders.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Whether its place among a sender's pushes matters: to a client, or to a copy of a channel.
fn is_ordered(message: &Message) -> bool {
    match message {
        Message::Group { .. }
        | Message::Groups { .. }
        | Message::PushUids { .. }
        | Message::Broadcast { .. } => true,
        // A client sees its answer after what was pushed before.
        Message::Reply { result, .. } => {
            !matches!(result, Ok(answer) if !matches!(answer, Answer::Response(_)))
        }
        Message::Call { .. }
        | Message::Forward { .. }
        | Message::Session { .. }
        | Message::Abandon { .. }
        | Message::SessionClosed { .. }
        | Message::FetchGroup { .. }
        | Message::Barrier { .. }
        | Message::SessionGone { .. }
        | Message::Ask { .. }
        | Message::Greeting(_)
        | Message::Settled(_) => false,
    }
}

/// Whether it may be dropped: a push; a join or a leave, since the gap in the versions shows it.
fn is_optional(message: &Message) -> bool {
    match message {
        Message::Group { op, .. } => !matches!(op, GroupOp::Drop | GroupOp::Sync(_)),
        Message::PushUids { .. } | Message::Broadcast { .. } => true,
        _ => false,
    }
}

impl Detour {
    fn new(from: &ServerId) -> Arc<Self> {
        Arc::new(Self { from: from.clone(), backlog: Backlog::default(), delivering: Mutex::default() })
    }

    fn delivering(&self) -> MutexGuard<'_, ()> {
        self.delivering.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Delivers what waits, up to the next broadcast, or as much as one turn allows.
    fn deliver(&self, take_in: &TakeIn) -> Next {
        let _delivering = self.delivering();
        for _ in 0..TURN {
            match self.backlog.next() {
                None => return Next::Nothing,
                Some(Message::Broadcast { push, bound_only, filter }) => {
                    return Next::Decide { push, bound_only, parameter: filter.unwrap_or(Value::Null) };
                }
                Some(message) => take_in(&self.from, message),
            }
        }
        Next::More
    }
}

/// What a detour's task has to do next.
enum Next {
    Nothing,
    More,
    Decide { push: Push, bound_only: bool, parameter: Value },
}

/// Works one sender's detour off.
async fn work(detours: Arc<Detours>, detour: Arc<Detour>) {
    let peers = detours.peers();
    let site = Site::new(peers, "delivery").named(&detour.from);
    loop {
        // Nothing of the application's runs in there; this is for what nobody foresaw, and what waits goes on.
        match boundary::call(&site, || detour.deliver(&*detours.take_in)).unwrap_or(Next::More) {
            Next::Nothing => break,
            Next::More => tokio::task::yield_now().await,
            Next::Decide { push, bound_only, parameter } => {
                let deciding = pin!(broadcast(&detours.registry, &push, bound_only, &parameter));
                let deciding = Within::hook(peers, "broadcast filter").poll(deciding);
                let _ = boundary::survive(peers, "broadcast", deciding).await;
            }
        }
    }
    detours.active.fetch_sub(1, Ordering::AcqRel);
}

/// Delivers a push to all clients of this frontend that the filter lets through; one on which it panics isn't let through.
async fn broadcast(registry: &Registry, push: &Push, bound_only: bool, parameter: &Value) {
    let Some(filter) = &registry.settings.broadcast_filter else { return };
    let mut sessions = registry.all();
    sessions.retain(|session| !bound_only || session.uid().is_some());
    let mut frames = Frames::new(registry, push);
    for sessions in sessions.chunks(TURN) {
        let mut delivery = Delivery::begin();
        for session in sessions {
            let asking = Session::new(&registry.sessions, session.snapshot());
            let site = Site::new(&registry.peers, "broadcast filter").delivering(&push.route, session.id());
            if boundary::call(&site, || filter(&asking, parameter)).unwrap_or(false) {
                session.with_outbox(|outbox| delivery.add(registry, &mut frames, outbox));
            }
        }
        delivery.finish(registry);
        tokio::task::yield_now().await;
    }
}
