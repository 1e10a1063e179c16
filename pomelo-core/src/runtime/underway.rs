//! Work under way: what a server has begun for others and not ended, by name, for a stop that waits for it.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Mutex, MutexGuard};

use crate::value::{Route, ServerId, SessionId};

/// Workers of a runtime mostly find a table of their own.
const SHARDS: usize = 8;

/// A table that is empty again keeps so many places; a burst doesn't stay as memory.
const KEPT_CAPACITY: usize = 256;

/// So many kinds of work are named; the rest is counted.
const MAX_NAMED: usize = 10;

/// Messages, calls and hooks that had to wait for something. What is done at once is never in here, so it costs nothing.
#[derive(Default)]
pub(crate) struct Underway([Mutex<Slots>; SHARDS]);

#[derive(Default)]
struct Slots {
    /// By slot; those that are free are none.
    works: Vec<Option<Work>>,
    /// Slots that can be taken.
    free: Vec<usize>,
}

/// Something that a server has begun.
#[derive(Clone)]
pub(crate) enum Work {
    /// A client's message: its filters, router, handler or error handler.
    Message { route: Route, session: SessionId },
    /// A call of the remote method of that number.
    Call { method: u32, from: ServerId },
    /// What was to run when that session closed.
    Hooks(SessionId),
    /// A run of the timer that was started there.
    Timer(&'static Location<'static>),
    /// A run of the cron of that id.
    #[cfg(feature = "crons")]
    Cron(std::sync::Arc<str>),
}

/// Work that is under way until this is dropped.
pub(crate) struct Entered<'a> {
    shard: &'a Mutex<Slots>,
    slot: usize,
}

impl Underway {
    /// Notes that something is under way.
    pub(crate) fn enter(&self, work: Work) -> Entered<'_> {
        let shard = &self.0[tokio::runtime::worker_index().unwrap_or(0) % SHARDS];
        let mut slots = lock(shard);
        let slot = slots.free.pop().unwrap_or(slots.works.len());
        match slots.works.get_mut(slot) {
            Some(place) => *place = Some(work),
            None => slots.works.push(Some(work)),
        }
        Entered { shard, slot }
    }

    /// What is under way, each kind with how often: `handler chat.roomHandler.send (2)`.
    pub(crate) fn names(&self, methods: &[String]) -> Vec<String> {
        let mut kinds = BTreeMap::<String, usize>::new();
        for shard in &self.0 {
            let works: Vec<Work> = lock(shard).works.iter().flatten().cloned().collect();
            for work in works {
                *kinds.entry(Named { work: &work, methods }.to_string()).or_default() += 1;
            }
        }
        let rest = kinds.len().saturating_sub(MAX_NAMED);
        let kinds = kinds.into_iter().take(MAX_NAMED).map(|(name, count)| match count {
            1 => name,
            count => format!("{name} ({count})"),
        });
        kinds.chain((rest > 0).then(|| format!("{rest} more"))).collect()
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut slots = lock(self.shard);
        slots.works[self.slot] = None;
        slots.free.push(self.slot);
        if slots.free.len() == slots.works.len() && slots.works.len() > KEPT_CAPACITY {
            *slots = Slots::default();
        }
    }
}

fn lock(shard: &Mutex<Slots>) -> MutexGuard<'_, Slots> {
    shard.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

struct Named<'a> {
    work: &'a Work,
    methods: &'a [String],
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.work {
            Work::Message { route, session } => write!(f, "message {route} of session {session}"),
            Work::Call { method, from } => match self.methods.get(*method as usize) {
                Some(name) => write!(f, "call {name} from {from}"),
                None => write!(f, "call {method} from {from}"),
            },
            Work::Hooks(session) => write!(f, "on_closed of session {session}"),
            Work::Timer(place) => write!(f, "timer {place}"),
            #[cfg(feature = "crons")]
            Work::Cron(id) => write!(f, "cron {id}"),
        }
    }
}
