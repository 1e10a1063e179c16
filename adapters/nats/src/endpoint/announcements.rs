//! Announcements that come in: who is there, who claims an id, who is over.

use std::time::{Duration, Instant};

use pomelo_core::cluster::Refused;
use pomelo_core::value::{Incarnation, ServerId};

use super::peer::{Peer, Stage};
use super::{Departure, Endpoint, Event, make_ready};
use crate::wire::Announcement;

/// How long the last frames of a link may come after the announcement that their sender is over: the two take ways of their own.
pub(super) const LINGER: Duration = Duration::from_millis(500);

impl Endpoint {
    /// Takes an announcement in.
    pub(crate) fn announcement(&mut self, announcement: Announcement, now: Instant) {
        self.look(now);
        match announcement {
            Announcement::Claim { id, incarnation, number } if self.is_me(&id) => {
                self.claimed(incarnation, number, now)
            }
            Announcement::Taken { id, claimed, number, incarnation, host, pid } if self.is_me(&id) => {
                if claimed == self.me.incarnation && self.claim.is_asking() {
                    self.claim.begin_again(number);
                    self.events.push_back(Event::Refused(id, Refused::Occupied { host, pid, incarnation }));
                }
            }
            Announcement::Beat { id, incarnation, number, .. } if self.is_me(&id) => {
                self.beat_of_my_id(id, incarnation, number, now);
            }
            Announcement::Beat { id, server_type, incarnation, .. } => {
                self.beat(&id, &server_type, incarnation, now)
            }
            Announcement::Bye { id, incarnation } => self.bye(&id, incarnation, now),
            Announcement::Claim { .. } | Announcement::Taken { .. } => {}
        }
    }

    fn is_me(&self, id: &ServerId) -> bool {
        self.me.info.id == *id
    }

    /// The client has a connection; whether the bus is there shows by what is heard.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.bus.connected();
        self.beat_at = now;
    }

    /// The client has a connection now, or none. It says so itself when that changes, but only what it can say at once.
    pub(crate) fn see_connection(&mut self, is_connected: bool, now: Instant) {
        match (self.bus.is_connected(), is_connected) {
            (false, true) => self.connected(now),
            (true, false) => self.disconnected(now),
            (true, true) | (false, false) => {}
        }
    }

    /// The client has lost its connection, and whatever was on its way there or here.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        if self.bus.disconnected() {
            self.bus_away(now);
        }
    }

    pub(super) fn bus_away(&mut self, now: Instant) {
        self.claim.begin_again(self.bus.said());
        self.break_all(now);
        self.events.push_back(Event::BusAway);
    }

    fn heard_oneself(&mut self, number: u64, now: Instant) {
        let is_back = self.bus.heard_oneself(number, now);
        if self.bus.is_there() {
            self.claim.heard(number, now, self.settings.answer);
        }
        if !is_back {
            return;
        }
        self.events.push_back(Event::BusBack);
        // Nobody could be heard.
        for peer in self.peers.values_mut() {
            peer.hearing.heard(now);
            peer.wanted.open = peer.stage == Stage::Opening;
            make_ready(&mut self.ready, peer);
        }
    }

    /// A process claims this server's id.
    fn claimed(&mut self, claimed: Incarnation, number: u64, now: Instant) {
        let own = self.me.incarnation;
        if claimed == own {
            return self.heard_oneself(number, now);
        }
        // Of two that ask at once the one that began earlier has it.
        if self.claim.is_held() || self.claim.is_asking() && own < claimed {
            let (id, host) = (self.me.info.id.clone(), self.me.info.host.clone());
            self.announcements.push_back(Announcement::Taken {
                id,
                claimed,
                number,
                incarnation: own,
                host,
                pid: self.pid,
            });
        }
    }

    fn beat_of_my_id(&mut self, id: ServerId, incarnation: Incarnation, number: u64, now: Instant) {
        let own = self.me.incarnation;
        if incarnation == own {
            self.heard_oneself(number, now);
        } else if incarnation > own && self.claim.is_held() {
            // This process did not answer when that one asked, as when it was suspended.
            self.events.push_back(Event::Refused(id, Refused::Superseded(incarnation)));
        }
    }

    fn beat(&mut self, id: &ServerId, server_type: &str, incarnation: Incarnation, now: Instant) {
        if !self.claim.is_held() || !self.bus.is_there() {
            return;
        }
        if self.meets(id, server_type, incarnation, now)
            && let Some(peer) = self.peers.get_mut(id)
        {
            peer.hearing.heard(now);
            repeat_refusal(peer);
            make_ready(&mut self.ready, peer);
        }
    }

    /// A word of that process of a server; false if a later one of it is known.
    pub(super) fn meets(
        &mut self,
        id: &ServerId,
        server_type: &str,
        incarnation: Incarnation,
        now: Instant,
    ) -> bool {
        match self.peers.get(id).map(|peer| peer.incarnation) {
            Some(known) if known == incarnation => return true,
            Some(known) if known > incarnation => return false,
            Some(_) => self.lose(id, Departure::Replaced),
            None => {}
        }
        self.meet(id, server_type, incarnation, now);
        true
    }

    fn bye(&mut self, id: &ServerId, incarnation: Incarnation, now: Instant) {
        match self.peers.get_mut(id).filter(|peer| peer.incarnation == incarnation) {
            Some(peer) if peer.stage == Stage::Linked => peer.bye_at = Some(now + LINGER),
            Some(_) => self.lose(id, Departure::Goodbye),
            None if self.silent.incarnation(id) == Some(incarnation) => {
                self.silent.remove(id);
                self.events.push_back(Event::Forgotten(id.clone(), incarnation));
            }
            None => {}
        }
    }
}

/// A process that is not taken hears so as long as it is there: it may have missed it.
pub(super) fn repeat_refusal(peer: &mut Peer) {
    if peer.stage == Stage::Refused && peer.wanted.refusal.is_none() {
        peer.wanted.refusal = peer.refusal.clone();
    }
}
