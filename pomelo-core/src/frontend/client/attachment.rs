//! The attachment of a session: the connection that it sends to now.
//!
//! Every delivery reads it, and nearly no session ever has a second one. So the first connection is read without a lock, and only a
//! session that was attached anew pays for one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::outbox::Outbox;

/// How often a session was attached anew: tells a connection that ends whether it still is the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

/// The connection of a session, which can be replaced.
pub(super) struct Attachment {
    first: Arc<Outbox>,
    /// 0 as long as it is the first.
    generation: AtomicU64,
    later: Mutex<Option<Arc<Outbox>>>,
}

impl Attachment {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self { first: outbox, generation: AtomicU64::new(0), later: Mutex::default() }
    }

    /// Reads the connection that is attached now. One that replaces it waits until `read` returns, if it isn't the first that does.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Arc<Outbox>) -> T) -> T {
        if self.generation.load(Ordering::Acquire) == 0 {
            return read(&self.first);
        }
        read(self.lock().as_ref().unwrap_or(&self.first))
    }

    /// Attaches another connection; gives its generation.
    pub(super) fn replace(&self, outbox: Arc<Outbox>) -> Generation {
        let mut later = self.lock();
        *later = Some(outbox);
        Generation(self.generation.fetch_add(1, Ordering::AcqRel) + 1)
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Outbox>>> {
        self.later.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
