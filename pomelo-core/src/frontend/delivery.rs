//! Delivery of pushes to the connections of a frontend.
//!
//! ```text
//!  Push ─▶ Frames: one frame per format, built when the first connection needs it
//!       ─▶ Delivery: append to each outbox ─▶ the dirty ones ─▶ flusher, woken once
//! ```
//!
//! Per member that is a clone of a `Bytes` and a place in a queue: nothing is encoded, framed or allocated
//! for one connection.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::client::ClientSession;
use super::registry::Registry;
use crate::metrics::Dropped;
use crate::outbox::{Appended, Outbox};
use crate::value::{ServerId, Uid};
use crate::wire::Format;
use crate::wire::envelope::{Answer, Push};

/// A push's frames, each built when the first connection needs it.
pub(crate) struct Frames<'a> {
    /// Where the formats are.
    registry: &'a Registry,
    /// What the frames are built of.
    push: &'a Push,
    /// By the number of the format.
    built: SmallVec<[Option<Result<Bytes, ()>>; 4]>,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(registry: &'a Registry, push: &'a Push) -> Self {
        Self { registry, push, built: SmallVec::new() }
    }

    /// The frame for a connection that is the only one to get the push.
    fn only(&self, outbox: &Outbox) -> Option<Bytes> {
        build(self.registry, &**self.registry.formats.get(outbox.format())?, self.push).ok()
    }

    fn of(&mut self, outbox: &Outbox) -> Option<&Bytes> {
        let (id, push) = (outbox.format(), self.push);
        let format = self.registry.formats.get(id)?;
        let index = usize::from(id.0);
        if index >= self.built.len() {
            self.built.resize(index + 1, None);
        }
        self.built.get_mut(index)?.get_or_insert_with(|| build(self.registry, &**format, push)).as_ref().ok()
    }
}

fn build(registry: &Registry, format: &dyn Format, push: &Push) -> Result<Bytes, ()> {
    let body = push.payload.body(format.encoding()).ok_or(())?;
    format.push(&push.route, &format.readable(&push.route, body)).map_err(|error| {
        let route = &push.route;
        if let Some(left_out) = registry.peers.admit(format_args!("push {route}")) {
            tracing::error!(server = %registry.peers.info.id, %route, %error, left_out, "a push can't be sent");
        }
    })
}

/// What delivery to several connections leaves to be done.
#[derive(Default)]
pub(crate) struct Delivery {
    /// Outboxes that were empty, and must be written.
    dirty: Vec<Arc<Outbox>>,
}

impl Delivery {
    /// Queues the push for one connection, and says whether it will be sent.
    pub(crate) fn add(&mut self, registry: &Registry, frames: &mut Frames<'_>, outbox: &Arc<Outbox>) -> bool {
        let frame = frames.of(outbox).cloned();
        self.append(registry, frame, outbox, frames.push.volatile)
    }

    fn append(
        &mut self,
        registry: &Registry,
        frame: Option<Bytes>,
        outbox: &Arc<Outbox>,
        volatile: bool,
    ) -> bool {
        let Some(frame) = frame else {
            registry.peers.counters.add(Dropped::Unencodable);
            return false;
        };
        let appended = if volatile { outbox.append_volatile(frame) } else { outbox.append(frame) };
        if appended == Appended::NeedsFlush {
            self.dirty.push(outbox.clone());
        }
        match appended.dropped() {
            None => true,
            Some(reason) => {
                registry.peers.counters.add(reason);
                false
            }
        }
    }

    /// Wakes the flusher.
    pub(crate) fn finish(mut self, registry: &Registry) {
        registry.flusher.mark_all(&mut self.dirty);
        DIRTY.set(self.dirty);
    }

    pub(crate) fn begin() -> Self {
        Self { dirty: DIRTY.take() }
    }
}

thread_local! {
    /// The list's memory, kept from one delivery to the next.
    static DIRTY: std::cell::Cell<Vec<Arc<Outbox>>> = const { std::cell::Cell::new(Vec::new()) };
}

/// Delivers a push to users by name, and answers who was not reached.
pub(crate) fn deliver_to_uids(registry: &Registry, from: &ServerId, seq: u64, push: &Push, uids: Vec<Uid>) {
    let (mut frames, mut delivery, mut missing) =
        (Frames::new(registry, push), Delivery::begin(), Vec::new());
    let (tables, is_only) = (registry.tables(), uids.len() == 1);
    for uid in uids {
        let reached = match tables.sessions_of(&uid) {
            [session] if is_only => usize::from(session.with_outbox(|outbox| {
                let frame = frames.only(outbox);
                delivery.append(registry, frame, outbox, push.volatile)
            })),
            sessions => {
                let mut add = |outbox: &Arc<Outbox>| delivery.add(registry, &mut frames, outbox);
                sessions.iter().filter(|session| session.with_outbox(&mut add)).count()
            }
        };
        if reached == 0 {
            missing.push(uid);
        }
    }
    drop(tables);
    delivery.finish(registry);
    if seq != 0 {
        registry.peers.reply(from, seq, Ok(Answer::Missing(missing)));
    }
}

/// Delivers a push to all clients of this frontend, which has no broadcast filter.
pub(crate) fn broadcast(registry: &Registry, push: &Push, bound_only: bool) {
    let sessions: Vec<Arc<ClientSession>> = registry.tables().sessions().cloned().collect();
    let (mut frames, mut delivery) = (Frames::new(registry, push), Delivery::begin());
    for session in sessions.iter().filter(|session| !bound_only || session.uid().is_some()) {
        session.with_outbox(|outbox| delivery.add(registry, &mut frames, outbox));
    }
    delivery.finish(registry);
}
