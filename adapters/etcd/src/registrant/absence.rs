//! Absence: a server's key is gone, and nobody has said goodbye.
//!
//! A lease that expired says that a server could not reach etcd for a TTL, and no more than that. So the server stays expected:
//!
//! | its key is gone | and | it is given up |
//! |---|---|---|
//! | while etcd was watched | there has been no link to it for half a TTL | after a second, or once that is so |
//! | while etcd was watched | there is a link, or there can be none | if it is gone for a TTL |
//! | when etcd was away | | if it is gone for a TTL after that |
//!
//! Before that all keys are read once more: an etcd that has just fallen silent would be believed else.

use std::time::{Duration, Instant};

/// A server is given up no sooner than this: its next process may write the key in the same moment.
const GRACE: Duration = Duration::from_secs(1);

/// Since when a key is gone, and how long that means nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Absence {
    /// Until then it means nothing, link or not.
    not_before: Instant,
    /// From then on the server is given up whatever links say.
    until: Instant,
}

impl Absence {
    /// The key is gone since now, by what a watch says. Nothing is believed before `trusted_at`.
    pub(super) fn watched(now: Instant, ttl: Duration, trusted_at: Instant) -> Self {
        Self { not_before: (now + GRACE).max(trusted_at), until: (now + ttl).max(trusted_at) }
    }

    /// The key is gone, since some time at which nobody looked.
    pub(super) fn unseen(now: Instant, ttl: Duration) -> Self {
        Self { not_before: now + ttl, until: now + ttl }
    }

    /// Whether the server is given up if its key is still gone, and there has been no link to it for so long.
    pub(super) fn is_due(self, now: Instant, ttl: Duration, missing_for: Option<Duration>) -> bool {
        let is_missing = missing_for.is_some_and(|missing_for| missing_for >= ttl / 2);
        now >= self.until || now >= self.not_before && is_missing
    }
}
