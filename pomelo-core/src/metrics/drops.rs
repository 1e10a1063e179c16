//! Counters of what was dropped, by reason: nothing is lost silently.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why something was dropped.
///
/// Each is counted where it is dropped, so that the sum over a cluster's reports is what the cluster lost.
/// [`Report::dropped`](crate::metrics::Report::dropped) has them by [`name`](Self::name).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dropped {
    /// What didn't fit into a client's outbox: a volatile push to one beyond its limit, or anything to one that is behind by 16
    /// times as much.
    Overflow,
    /// A push to a client that was closing.
    Closing,
    /// A push whose frontend could not be reached, or whose link was full.
    Unreachable,
    /// A push that a connection's format can't carry, such as one with a too long route.
    Unencodable,
    /// A request that hadn't started when its session closed.
    SessionClosed,
    /// Something that was queued for another server when the link to it broke.
    LinkBroke,
    /// A request that came when its server was about to stop.
    Stopping,
    /// An answer that nobody waits for any more: the client was already answered, or who asked has given up or is gone.
    LateReply,
    /// A client's message with a route that is none, or a code that is not in the dictionary.
    BadRoute,
    /// A connection that was refused, since there were too many.
    TooManyConnections,
    /// A connection that was closed for what it sent.
    BadInput,
    /// A connection that was kicked: too much waited for its client, and its socket took nothing for a second.
    TooSlow,
    /// An answer that could not be sent. If it was too long, or the link full, an error is sent in its place.
    Unanswered,
    /// A notify, of a client or a server, that came when its lane was full (`lane_queue`).
    LaneFull,
    /// A notify, of a client or a server, that no server could be sent, where the sender isn't told.
    Undelivered,
    /// A push that came while too many waited for the broadcast filter; or a join or a leave, which is made good.
    BehindFilter,
    /// An event that came while too many waited for the listeners.
    Event,
    /// What is longer than all that may ever wait in a client's outbox.
    TooLong,
    /// What would have gone to a client whose socket takes nothing, when all such clients of the server together had too much
    /// waiting.
    OutboxesFull,
    /// A connection that was refused, since there were too many from its address.
    TooManyFromAddress,
    /// A wait for a session to close that took longer than `close_wait`: the kick or the bind went on while hooks had still to
    /// run, or the `bind_unique` failed.
    CloseWait,
    /// Something that another server had sent before it counted as gone, or an earlier process of it.
    Outdated,
    /// The body of a client's message that is no JSON; it was handled as `{}`.
    Unreadable,
}

impl Dropped {
    /// Its name for machines, such as `session_closed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Closing => "closing",
            Self::Unreachable => "unreachable",
            Self::Unencodable => "unencodable",
            Self::SessionClosed => "session_closed",
            Self::LinkBroke => "link_broke",
            Self::Stopping => "stopping",
            Self::LateReply => "late_reply",
            Self::BadRoute => "bad_route",
            Self::TooManyConnections => "too_many_connections",
            Self::BadInput => "bad_input",
            Self::TooSlow => "too_slow",
            Self::Unanswered => "unanswered",
            Self::LaneFull => "lane_full",
            Self::Undelivered => "undelivered",
            Self::BehindFilter => "behind_filter",
            Self::Event => "event",
            Self::TooLong => "too_long",
            Self::OutboxesFull => "outboxes_full",
            Self::TooManyFromAddress => "too_many_from_address",
            Self::CloseWait => "close_wait",
            Self::Outdated => "outdated",
            Self::Unreadable => "unreadable",
        }
    }
}

const REASONS: [Dropped; 23] = [
    Dropped::Overflow,
    Dropped::Closing,
    Dropped::Unreachable,
    Dropped::Unencodable,
    Dropped::SessionClosed,
    Dropped::LinkBroke,
    Dropped::Stopping,
    Dropped::LateReply,
    Dropped::BadRoute,
    Dropped::TooManyConnections,
    Dropped::BadInput,
    Dropped::TooSlow,
    Dropped::Unanswered,
    Dropped::LaneFull,
    Dropped::Undelivered,
    Dropped::BehindFilter,
    Dropped::Event,
    Dropped::TooLong,
    Dropped::OutboxesFull,
    Dropped::TooManyFromAddress,
    Dropped::CloseWait,
    Dropped::Outdated,
    Dropped::Unreadable,
];

/// A server's counters of what was dropped and of what panicked, since it started.
///
/// ```
/// use pomelo::metrics::{Counters, Dropped};
///
/// let counters = Counters::default();
/// counters.add(Dropped::Closing);
/// assert_eq!(counters.dropped(Dropped::Closing), 1);
/// assert_eq!(counters.iter().map(|(_, count)| count).sum::<u64>(), 1);
/// ```
#[derive(Debug, Default)]
pub struct Counters {
    dropped: [AtomicU64; REASONS.len()],
    panics: AtomicU64,
}

impl Counters {
    /// Counts one.
    pub fn add(&self, reason: Dropped) {
        self.add_many(reason, 1);
    }

    /// Counts several.
    pub fn add_many(&self, reason: Dropped, count: usize) {
        self.dropped[reason as usize].fetch_add(count as u64, Ordering::Relaxed);
    }

    /// How many were dropped for that reason.
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped[reason as usize].load(Ordering::Relaxed)
    }

    /// Counts a panic.
    pub(crate) fn add_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the application's code panicked. Each cost one call.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// All reasons with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Dropped, u64)> + '_ {
        REASONS.into_iter().map(|reason| (reason, self.dropped(reason)))
    }
}
