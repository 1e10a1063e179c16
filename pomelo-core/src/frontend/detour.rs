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
use crate::metrics::Dropped;
use crate::runtime::boundary::Site;
use crate::runtime::{Added, Backlog, Within, boundary};
use crate::server::{Server, take_in_directly};
use crate::session::Session;
use crate::value::{Error, ErrorKind, ServerId};
use crate::wire::envelope::{Answer, GroupOp, Message, Push};

/// How many sessions are decided on, or messages delivered, before other tasks get their turn.
const TURN: usize = 64;

/// What waits behind broadcasts at a frontend that has a broadcast filter, by sender.
#[derive(Default)]
pub(crate) struct Detours {
    /// How many senders have one now. It is looked at for every push.
    active: AtomicUsize,
    senders: Mutex<HashMap<ServerId, Arc<Detour>, RandomState>>,
}

/// What waits of one sender.
struct Detour {
    from: ServerId,
    backlog: Backlog<Message>,
    /// Held while something other than a broadcast is delivered, so that nothing is any more once the sender is over.
    delivering: Mutex<()>,
}

impl Detours {
    /// Takes a message in: behind those that the filter decides on, or directly.
    pub(crate) fn receive(&self, core: &Arc<Server>, from: &ServerId, message: Message) {
        if let Message::Broadcast { .. } = message {
            return self.begin(core, from, message);
        }
        if self.active.load(Ordering::Acquire) == 0 || !is_ordered(&message) {
            return take_in_directly(core, from, message);
        }
        let detour = self.lock().get(from).cloned();
        let Some(detour) = detour else { return take_in_directly(core, from, message) };
        let limit = if is_optional(&message) { core.limits.queued_pushes } else { usize::MAX };
        match detour.backlog.add_behind(message, limit) {
            Added::Queued | Added::First => {}
            Added::Idle(message) => take_in_directly(core, from, message),
            Added::Full(message) => refuse(core, from, message),
        }
    }

    /// The filter has to decide on a broadcast, after what waits already.
    fn begin(&self, core: &Arc<Server>, from: &ServerId, broadcast: Message) {
        let detour = self.lock().entry(from.clone()).or_insert_with(|| Detour::new(from)).clone();
        match detour.backlog.add(broadcast, core.limits.queued_pushes) {
            Added::Queued | Added::Idle(_) => {}
            Added::Full(message) => refuse(core, from, message),
            Added::First => {
                self.active.fetch_add(1, Ordering::AcqRel);
                core.executor.spawn(work(core.clone(), detour));
            }
        }
    }

    /// That life of a server is over: nothing of what waits is delivered any more. Returns how much that was.
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
        _ => false,
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

/// Drops a message for which there is no room, and tells who waits for an answer to it.
fn refuse(core: &Arc<Server>, from: &ServerId, message: Message) {
    core.counters.add(Dropped::BehindFilter);
    if let Message::PushUids { seq: seq @ 1.., .. }
    | Message::Group { op: GroupOp::Push { seq: seq @ 1.., .. }, .. } = message
    {
        let why = format!("too many pushes wait for the broadcast filter of {}", core.info.id);
        core.reply_later(from.clone(), seq, Err(Error::of(ErrorKind::Overloaded, why)));
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
    fn deliver(&self, core: &Arc<Server>) -> Next {
        let _delivering = self.delivering();
        for _ in 0..TURN {
            match self.backlog.next() {
                None => return Next::Nothing,
                Some(Message::Broadcast { push, bound_only, filter }) => {
                    return Next::Decide { push, bound_only, parameter: filter.unwrap_or(Value::Null) };
                }
                Some(message) => take_in_directly(core, &self.from, message),
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
async fn work(core: Arc<Server>, detour: Arc<Detour>) {
    let site = Site::new(&core, "delivery").named(&detour.from);
    loop {
        // Nothing of the application's runs in there; this is for what nobody foresaw, and what waits goes on.
        match boundary::call(&site, || detour.deliver(&core)).unwrap_or(Next::More) {
            Next::Nothing => break,
            Next::More => tokio::task::yield_now().await,
            Next::Decide { push, bound_only, parameter } => {
                let deciding = pin!(broadcast(&core, &push, bound_only, &parameter));
                let _ = boundary::survive(
                    &core,
                    "broadcast",
                    Within::hook(&core, "broadcast filter").poll(deciding),
                )
                .await;
            }
        }
    }
    if let Some(detours) = &core.detours {
        detours.active.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Delivers a push to all clients of this frontend that the filter lets through; one on which it panics isn't let through.
async fn broadcast(core: &Arc<Server>, push: &Push, bound_only: bool, parameter: &Value) {
    let Some(filter) = &core.registry.settings.broadcast_filter else { return };
    let mut sessions = core.registry.all();
    sessions.retain(|session| !bound_only || session.uid().is_some());
    let mut frames = Frames::new(core, push);
    for sessions in sessions.chunks(TURN) {
        let mut delivery = Delivery::begin();
        for session in sessions {
            let asking = Session::new(&core.sessions, session.snapshot());
            let site = Site::new(core, "broadcast filter").delivering(&push.route, session.id());
            if boundary::call(&site, || filter(&asking, parameter)).unwrap_or(false) {
                session.with_outbox(|outbox| delivery.add(core, &mut frames, outbox));
            }
        }
        delivery.finish(core);
        tokio::task::yield_now().await;
    }
}
