//! An endpoint: one server on the bus, without I/O. Announcements, packets and the time go in; events, announcements and packets come
//! out. An announcement is for all servers, a packet for one.
//!
//! | file | noun |
//! |---|---|
//! | `bus` | whether the bus is there: the endpoint hears itself |
//! | `claim` | the endpoint's claim of its id, and the round of answers after it |
//! | `peer` | another server, and how far the link to it is |
//! | `outgoing`, `incoming` | the two directions of a link |
//! | `announcements`, `packets` | what is heard from all, and from one |
//! | `clock` | what is due by now |
//! | `transmit` | what is to be published next |
//! | `silent` | servers that fell silent, until they are forgotten |
//!
//! A link is two numbered streams between two *ends*, one of each process. Either side asks for it by a packet that says which end it
//! has, and which end of the other side it knows (`Open`); the side that hears its own end agrees, greets, and so tells the other that
//! it is agreed:
//!
//! ```text
//! A ── Open(a, ?) ──▶ B      B ── Open(b, a) ──▶ A      A ── Data(a, b, 0: greeting) ──▶ B      B ── Data(b, a, 0: greeting) ──▶ A
//! ```
//!
//! A side whose link breaks takes another end, and asks again; packets to or from an end of before are not read. A gap in the numbers
//! breaks a link. What left is kept in mind until it is acknowledged, and said again to have left (`Mark`) as long as it isn't, so that
//! the loss of a last packet is noticed, too.

mod announcements;
mod bus;
mod claim;
mod clock;
mod incoming;
mod outgoing;
mod packets;
mod peer;
mod silent;
#[cfg(test)]
mod tests;
mod transmit;
#[cfg(test)]
mod world;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::fast::RandomState;
use pomelo_core::cluster::{Member, Refused, Unsent};
use pomelo_core::value::{Incarnation, ServerId};
use pomelo_core::wire::envelope::Envelope;

use self::bus::Bus;
use self::claim::Claim;
use self::peer::{NewPeer, Peer, Stage};
use self::silent::Silent;
use crate::subject::Subjects;
use crate::wire::{self, Announcement};

pub(crate) use self::peer::LinkId;
#[cfg(test)]
pub(crate) use self::world::member;

/// The times and bounds of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How often it says that it is there.
    pub(crate) beat: Duration,
    /// After how long without hearing itself the bus is away.
    pub(crate) away_after: Duration,
    /// After how long without a word a peer is gone.
    pub(crate) silence: Duration,
    /// How long whoever has an id may take to say so.
    pub(crate) answer: Duration,
    /// How long a silent server is remembered, while the bus is there.
    pub(crate) forget_after: Duration,
    /// How many bytes may wait for one peer.
    pub(crate) queue_limit: usize,
    /// The longest envelope.
    pub(crate) max_frame: usize,
}

/// Why a server is no more, for this endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It said so.
    Goodbye,
    /// Nothing was heard of it for too long.
    Silence,
    /// A later process has its id.
    Replaced,
}

/// What an endpoint tells its server, one after the other.
#[derive(Debug)]
pub(crate) enum Event {
    /// The id is this process's.
    Claimed,
    /// Whoever is there has answered, and is linked.
    Settled,
    /// This process isn't taken, by whom and why.
    Refused(ServerId, Refused),
    /// A link is agreed, and is to be [opened](Endpoint::open).
    Agreed(Member, LinkId),
    /// An envelope has come by that link.
    Arrived(ServerId, LinkId, Bytes),
    /// A server that is linked is something else than before.
    Changed(Member),
    /// A link is no more; so many envelopes may not have arrived.
    Unlinked(ServerId, usize),
    /// That process of a server is no more.
    Left(ServerId, Incarnation, Departure),
    /// A server that fell silent is not expected back any more.
    Forgotten(ServerId, Incarnation),
    /// The bus is away.
    BusAway,
    /// The bus is there, or there again.
    BusBack,
}

/// One server on the bus.
pub(crate) struct Endpoint {
    me: Member,
    /// The number of its incarnation.
    bits: u64,
    pid: u32,
    subjects: Subjects,
    settings: Settings,
    /// How often it has changed.
    version: u64,
    claim: Claim,
    bus: Bus,
    peers: HashMap<ServerId, Peer, RandomState>,
    silent: Silent,
    /// The last end of a link that it took.
    epoch: u64,
    /// What is to be said to all.
    announcements: VecDeque<Announcement>,
    /// To whom something is to be written, whoever has waited longest first.
    ready: VecDeque<ServerId>,
    events: VecDeque<Event>,
    beat_at: Instant,
    /// When it last looked at the clock.
    looked_at: Instant,
}

impl Endpoint {
    /// A server that begins to claim its id.
    pub(crate) fn new(me: Member, pid: u32, subjects: Subjects, settings: Settings, now: Instant) -> Self {
        Self {
            bits: wire::bits(me.incarnation),
            me,
            pid,
            subjects,
            version: 0,
            claim: Claim::new(),
            bus: Bus::new(settings.away_after, now),
            settings,
            peers: HashMap::default(),
            silent: Silent::default(),
            epoch: 0,
            announcements: VecDeque::new(),
            ready: VecDeque::new(),
            events: VecDeque::new(),
            beat_at: now,
            looked_at: now,
        }
    }

    /// What happened, in order; to be asked until there is nothing.
    pub(crate) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn is_bus_there(&self) -> bool {
        self.bus.is_there()
    }

    /// Queues an envelope for a server.
    ///
    /// # Errors
    /// If there is no link, the queue is full, or the envelope is too long.
    pub(crate) fn send(&mut self, to: &ServerId, envelope: &Envelope) -> Result<(), Unsent> {
        let is_open = self.claim.is_held() && self.bus.is_there();
        let peer = self.peers.get_mut(to).filter(|peer| is_open && peer.stage == Stage::Linked);
        let peer = peer.ok_or(Unsent::NoLink)?;
        if peer.outgoing.bytes() >= self.settings.queue_limit {
            return Err(Unsent::Full);
        }
        peer.outgoing.put_envelope(envelope, self.settings.max_frame)?;
        make_ready(&mut self.ready, peer);
        Ok(())
    }

    /// Opens a link that is [agreed](Event::Agreed): from now on it takes envelopes, and the greeting goes first. False if it is no
    /// more.
    ///
    /// # Errors
    /// If the greeting can't be sent; the link is broken then.
    pub(crate) fn open(
        &mut self,
        id: &ServerId,
        link: LinkId,
        greeting: Option<&Envelope>,
        now: Instant,
    ) -> Result<bool, Unsent> {
        let Some(peer) = self.peers.get_mut(id) else { return Ok(false) };
        if peer.stage != Stage::Agreed || peer.link() != link {
            return Ok(false);
        }
        if let Some(greeting) = greeting
            && let Err(unsent) = peer.outgoing.put_envelope(greeting, usize::MAX)
        {
            self.break_link(id, now);
            return Err(unsent);
        }
        (peer.stage, peer.is_up) = (Stage::Linked, true);
        if peer.said_version != Some(self.version) {
            peer.outgoing.put_changed(&self.me);
        }
        // Without a greeting this is the first that the other side hears of it.
        peer.wanted.mark = true;
        make_ready(&mut self.ready, peer);
        Ok(true)
    }

    /// The server takes no link to that process, since it knows a later one: the process is told, and nothing more is said of it.
    pub(crate) fn refuse(&mut self, id: &ServerId, link: LinkId, later: Incarnation) {
        let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.link() == link) else { return };
        peer.unlink();
        (peer.stage, peer.is_up) = (Stage::Refused, false);
        peer.wanted.open = false;
        peer.wanted.refusal = Some(Refused::Superseded(later));
        make_ready(&mut self.ready, peer);
    }

    /// Breaks a link, if it is still that one: what came by it can't be read.
    pub(crate) fn reject(&mut self, id: &ServerId, link: LinkId, now: Instant) {
        if self.link(id) == Some(link) {
            self.break_link(id, now);
        }
    }

    /// The link to a server that there is or should be.
    pub(crate) fn link(&self, id: &ServerId) -> Option<LinkId> {
        self.peers.get(id).map(Peer::link)
    }

    /// The server is something else now. With another incarnation all links are made anew.
    pub(crate) fn announce(&mut self, me: Member, now: Instant) {
        let is_another = me.incarnation != self.me.incarnation;
        self.me = me;
        self.version += 1;
        if is_another {
            self.bits = wire::bits(self.me.incarnation);
            self.claim.begin_again(self.bus.said());
            self.break_all(now);
            self.beat_at = now;
            return;
        }
        for peer in self.peers.values_mut().filter(|peer| peer.stage == Stage::Linked) {
            peer.outgoing.put_changed(&self.me);
            make_ready(&mut self.ready, peer);
        }
    }

    /// The server declared that process of another one over: there is no link to it any more.
    pub(crate) fn cut(&mut self, id: &ServerId, incarnation: Incarnation) {
        if self.peers.get(id).is_some_and(|peer| peer.incarnation == incarnation) {
            self.peers.remove(id);
        }
    }

    /// The server is over: whoever is linked is told after all that was queued, and all others by an announcement.
    pub(crate) fn close(&mut self) {
        if self.claim.is_held() {
            self.announcements.push_back(Announcement::Bye {
                id: self.me.info.id.clone(),
                incarnation: self.me.incarnation,
            });
        }
        self.claim = Claim::Over;
        for peer in self.peers.values_mut().filter(|peer| peer.stage == Stage::Linked) {
            peer.outgoing.put_goodbye();
            make_ready(&mut self.ready, peer);
        }
    }

    /// Bytes that are queued and have not left yet.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.peers.values().map(|peer| peer.outgoing.bytes()).sum()
    }

    /// Why there is no link to a server, for people.
    pub(crate) fn trouble(&self, id: &ServerId) -> Option<String> {
        if self.claim.is_asking() {
            return Some("it is not known yet whether another process has this server's id".into());
        }
        if !self.bus.is_there() {
            return Some("the NATS bus is away".into());
        }
        match self.peers.get(id).map(|peer| peer.stage) {
            None => Some("it is not heard on the NATS bus".into()),
            Some(Stage::Opening) => Some("it has not answered on the NATS bus yet".into()),
            Some(Stage::Refused) => Some("a later process of it was there".into()),
            Some(Stage::Agreed | Stage::Linked) => None,
        }
    }

    /// A peer that nothing was known of.
    fn meet(&mut self, id: &ServerId, server_type: &str, incarnation: Incarnation, now: Instant) {
        self.epoch += 1;
        let new = NewPeer {
            id: id.clone(),
            subject: self.subjects.server(server_type, id),
            incarnation,
            own_epoch: self.epoch,
            silence: self.settings.silence,
            version: self.version,
        };
        self.silent.remove(id);
        let peer = self.peers.entry(id.clone()).insert_entry(Peer::new(new, now)).into_mut();
        make_ready(&mut self.ready, peer);
    }

    /// The link to a peer is no more, by this side: it takes another end and asks for the link anew.
    fn break_link(&mut self, id: &ServerId, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        unlink(&mut self.events, peer);
        self.epoch += 1;
        (peer.own_epoch, peer.said_version) = (self.epoch, Some(self.version));
        if peer.stage == Stage::Refused {
            return;
        }
        let is_frequent = peer.broke_at.is_some_and(|broke_at| now < broke_at + peer::REOPEN);
        peer.broke_at = Some(now);
        peer.open_at = now + peer::REOPEN;
        peer.wanted.open = !is_frequent;
        make_ready(&mut self.ready, peer);
    }

    /// Nothing that was sent can be relied on: every link is made anew.
    fn break_all(&mut self, now: Instant) {
        let ids: Vec<_> = self.peers.keys().cloned().collect();
        ids.iter().for_each(|id| self.break_link(id, now));
    }

    /// That process of a peer is over, for this endpoint.
    fn lose(&mut self, id: &ServerId, departure: Departure) {
        let Some(mut peer) = self.peers.remove(id) else { return };
        unlink(&mut self.events, &mut peer);
        if !peer.is_up {
            return;
        }
        self.events.push_back(Event::Left(id.clone(), peer.incarnation, departure));
        if departure == Departure::Silence {
            self.silent.add(id.clone(), peer.incarnation, self.settings.forget_after);
        }
    }
}

/// The link to a peer is no more; its server is told, if it knew of one.
fn unlink(events: &mut VecDeque<Event>, peer: &mut Peer) {
    if let Some(unarrived) = peer.unlink() {
        events.push_back(Event::Unlinked(peer.id.clone(), unarrived));
    }
}

/// Something is to be written to that peer.
fn make_ready(ready: &mut VecDeque<ServerId>, peer: &mut Peer) {
    if !peer.is_ready && peer.has_something() {
        peer.is_ready = true;
        ready.push_back(peer.id.clone());
    }
}
