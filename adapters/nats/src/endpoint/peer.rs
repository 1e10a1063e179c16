//! Another server, as an endpoint knows it, and the link to it.

use std::time::{Duration, Instant};

use async_nats::Subject;
use pomelo_core::cluster::{Member, Refused};
use pomelo_core::value::{Incarnation, ServerId};
use pomelo_net::link::liveness::Hearing;

use super::incoming::Incoming;
use super::outgoing::Outgoing;
use crate::wire::{self, Head, LinkEnd};

/// A link that is asked for and was not answered is asked for again after so long.
pub(super) const REOPEN: Duration = Duration::from_millis(500);

/// The link of two processes: both ends' epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkId {
    own: u64,
    other: u64,
}

/// How far the link to a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is asked for.
    Opening,
    /// Both sides know both ends. The receiver of events has been told, and is to [open](super::Endpoint::open) it.
    Agreed,
    /// It is open.
    Linked,
    /// The receiver takes no link to that process.
    Refused,
}

/// What is to be written to a peer, beside its stream.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) open: bool,
    pub(super) mark: bool,
    pub(super) refusal: Option<Refused>,
}

pub(super) struct Peer {
    pub(super) id: ServerId,
    /// Where it hears what is said to it alone.
    pub(super) subject: Subject,
    pub(super) incarnation: Incarnation,
    /// The number of that incarnation.
    pub(super) bits: u64,
    pub(super) hearing: Hearing,
    pub(super) stage: Stage,
    /// This side's end of the link that there is or should be.
    pub(super) own_epoch: u64,
    /// The latest end at the other side that is known; zero if none is.
    pub(super) other_epoch: u64,
    /// What it is, once it has said so.
    pub(super) member: Option<Member>,
    /// The receiver of events has been told that it joined, and not that it left.
    pub(super) is_up: bool,
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) wanted: Wanted,
    /// Why the receiver takes no link to it, if it doesn't.
    pub(super) refusal: Option<Refused>,
    /// It is in the queue of those that something is to be written to.
    pub(super) is_ready: bool,
    /// When to ask for the link again.
    pub(super) open_at: Instant,
    /// When it last broke.
    pub(super) broke_at: Option<Instant>,
    /// It said to all that it is over; its last frames may still come until then.
    pub(super) bye_at: Option<Instant>,
    /// Which version of the endpoint the peer knows by the packet that asked for this link; none if it may know an older one.
    pub(super) said_version: Option<u64>,
}

/// What a new peer is made of.
pub(super) struct NewPeer {
    pub(super) id: ServerId,
    pub(super) subject: Subject,
    pub(super) incarnation: Incarnation,
    pub(super) own_epoch: u64,
    pub(super) silence: Duration,
    pub(super) version: u64,
}

impl Peer {
    pub(super) fn new(new: NewPeer, now: Instant) -> Self {
        let NewPeer { id, subject, incarnation, own_epoch, silence, version } = new;
        Self {
            id,
            subject,
            incarnation,
            bits: wire::bits(incarnation),
            hearing: Hearing::new(silence, now),
            stage: Stage::Opening,
            own_epoch,
            other_epoch: 0,
            member: None,
            is_up: false,
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
            wanted: Wanted { open: true, ..Wanted::default() },
            refusal: None,
            is_ready: false,
            open_at: now + REOPEN,
            broke_at: None,
            bye_at: None,
            said_version: Some(version),
        }
    }

    pub(super) fn link(&self) -> LinkId {
        LinkId { own: self.own_epoch, other: self.other_epoch }
    }

    /// There is no link any more; says how many envelopes may not have arrived, if there was one.
    pub(super) fn unlink(&mut self) -> Option<usize> {
        let was_linked = self.stage == Stage::Linked;
        let unarrived = self.outgoing.unarrived();
        (self.outgoing, self.incoming) = (Outgoing::default(), Incoming::default());
        self.wanted.mark = false;
        if self.stage != Stage::Refused {
            self.stage = Stage::Opening;
        }
        was_linked.then_some(unarrived)
    }

    /// Whether something is to be written to it.
    pub(super) fn has_something(&self) -> bool {
        let Wanted { open, mark, refusal } = &self.wanted;
        *open || refusal.is_some() || self.stage == Stage::Linked && (*mark || !self.outgoing.is_empty())
    }

    /// The head of the next packet to it.
    pub(super) fn head(&mut self, from: &ServerId, incarnation: u64) -> Head {
        Head {
            from: from.clone(),
            own: LinkEnd { incarnation, epoch: self.own_epoch },
            other: LinkEnd { incarnation: self.bits, epoch: self.other_epoch },
            number: self.outgoing.number(),
            acknowledged: self.incoming.acknowledge(),
        }
    }
}
