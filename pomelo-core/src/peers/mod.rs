//! Peers: the way from one server to the others, and back to itself.
//!
//! ```text
//!  ask, call ── question ──▶ pending (number ─▶ who waits) ── send ──▶ link, or this very server
//!                               ▲                                            │
//!  Reply ── complete ───────────┘◀── lost link, lost server, deadline ───────┘ each ends the entry, once
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `ask` | questions, answers, and what it means that something could not be sent |
//! | `pending` | who waits for which answer |
//! | `deadlines` | the end of questions that nobody answers in time |
//! | `owed` | errors for questions whose answer found a full link |
//! | `busy` | how much this server has begun for others |

mod ask;
mod busy;
mod deadlines;
mod owed;
mod pending;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use self::ask::{Unqueued, returned};
pub(crate) use self::busy::{Busy, Task};
pub(crate) use self::owed::Owed;
pub(crate) use self::pending::{AwaitsReply, Pending, Question};

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cluster::{LinkEvents, LinkSender, Unsent, View};
use crate::runtime::Runtime;
use crate::runtime::throttle::Throttle;
use crate::value::config::Config;
use crate::value::{Incarnation, OwnIncarnation, ServerId};
use crate::wire::Codecs;
use crate::wire::envelope::{Envelope, Message};

/// One server's way to the others, and back to itself: what every part of it stands on.
pub struct Peers {
    /// What runs tasks, bounds and counts.
    pub(crate) runtime: Runtime,
    /// What the configuration says, of this server and of the others.
    pub(crate) config: Arc<Config>,
    /// Who is expected, and who is up.
    pub(crate) view: View,
    /// Which process of the server this is.
    pub(crate) own_incarnation: OwnIncarnation,
    /// How bodies are written.
    pub(crate) codecs: Arc<Codecs>,
    /// Of log lines on bodies that are no JSON, by route.
    pub(crate) unreadable: Throttle<String>,
    /// Questions that are out.
    pub(crate) pending: Pending,
    /// Answers that found full links.
    pub(crate) owed: Owed,
    /// What has begun here and isn't answered.
    pub(crate) busy: Busy,
    /// Sends over links; none before the server is bound.
    pub(crate) link_sender: OnceLock<Arc<dyn LinkSender>>,
    /// The receiving side of this very server: it is its own peer.
    pub(crate) local: OnceLock<Arc<dyn LinkEvents>>,
    /// The server is about to stop.
    pub(crate) leaving: AtomicBool,
}

impl Peers {
    /// The way of a server that is about to start: nothing is linked yet.
    pub(crate) fn new(runtime: Runtime, config: Arc<Config>, codecs: Arc<Codecs>) -> Self {
        Self {
            view: View::expecting(&config.servers),
            own_incarnation: OwnIncarnation::new(Incarnation::begin(&runtime.info.id)),
            pending: Pending::new(runtime.limits.pending_calls),
            runtime,
            config,
            codecs,
            unreadable: Throttle::default(),
            owed: Owed::default(),
            busy: Busy::default(),
            link_sender: OnceLock::new(),
            local: OnceLock::new(),
            leaving: AtomicBool::new(false),
        }
    }

    /// Which process of the server this is.
    pub(crate) fn incarnation(&self) -> Incarnation {
        self.own_incarnation.now()
    }

    /// Whether the server is about to stop, and takes nothing new.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// Whether that is this server.
    pub(crate) fn owns(&self, server: &ServerId) -> bool {
        *server == self.info.id
    }

    /// After how long without a link a server counts as gone.
    pub(crate) fn gone_after(&self) -> Duration {
        self.link_sender.get().map_or(Duration::from_secs(5), |link_sender| link_sender.gone_after())
    }

    /// Queues a message for a server; one for this server itself is taken in at once.
    pub(crate) fn send(&self, server: &ServerId, message: Message) -> Result<(), Unsent> {
        if self.owns(server) {
            if let Some(local) = self.local.get() {
                local.receive(server, Envelope(message));
            }
            return Ok(());
        }
        let link_sender = self.link_sender.get().ok_or(Unsent::NoLink)?;
        link_sender.send(server, Envelope(message))
    }
}

impl Deref for Peers {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        &self.runtime
    }
}
