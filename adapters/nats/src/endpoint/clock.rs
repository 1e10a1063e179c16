//! The clock of an endpoint: what is due by now.

use std::time::Instant;

use super::claim::Step;
use super::peer::{REOPEN, Stage};
use super::{Departure, Endpoint, Event, make_ready};
use crate::wire::Announcement;

impl Endpoint {
    /// Does what is due. It costs little, and is to be called several times in a [beat](super::Settings::beat).
    pub(crate) fn tick(&mut self, now: Instant) {
        let before = self.looked_at;
        self.look(now);
        if self.bus.is_there() {
            let forgotten = self.silent.pass(now.saturating_duration_since(before));
            self.events
                .extend(forgotten.into_iter().map(|(id, incarnation)| Event::Forgotten(id, incarnation)));
        }
        match self.claim.step(now, self.bus.said()) {
            Some(Step::Taken) => {
                self.events.push_back(Event::Claimed);
                self.beat_at = now;
            }
            Some(Step::Settled) => self.events.push_back(Event::Settled),
            None => {}
        }
        if now >= self.beat_at {
            self.beat_at = now + self.settings.beat;
            self.say_so();
            self.mark();
        }
        if self.claim.is_held() && self.bus.is_there() {
            self.lose_silent(now);
            self.ask_again(now);
        }
    }

    /// Sees whether the bus is still there. A process that was suspended sees it first of all: what waited for it meanwhile was meant for
    /// a process that its peers have given up.
    pub(super) fn look(&mut self, now: Instant) {
        self.looked_at = now;
        if self.bus.falls_silent(now) {
            self.bus_away(now);
        }
    }

    /// Says that this process is there, or that it wants to be.
    fn say_so(&mut self) {
        // What could not be said yet is not said twice.
        if !self.bus.is_connected() || !self.announcements.is_empty() {
            return;
        }
        let (id, incarnation) = (self.me.info.id.clone(), self.me.incarnation);
        if self.claim.is_held() {
            let (server_type, number) = (self.me.info.server_type.to_string(), self.bus.say());
            self.announcements.push_back(Announcement::Beat { id, server_type, incarnation, number });
        } else if self.claim.is_asking() {
            let number = self.bus.say();
            self.announcements.push_back(Announcement::Claim { id, incarnation, number });
        }
    }

    /// Says to those who may have missed something how much there is, and to those who may not know it how much has come.
    fn mark(&mut self) {
        for peer in self.peers.values_mut().filter(|peer| peer.stage == Stage::Linked) {
            if peer.outgoing.is_unsure() || peer.incoming.is_untold() {
                peer.wanted.mark = true;
                make_ready(&mut self.ready, peer);
            }
        }
    }

    fn lose_silent(&mut self, now: Instant) {
        let lost = self.peers.values().filter_map(|peer| {
            let is_over = peer.bye_at.is_some_and(|bye_at| now >= bye_at);
            let departure = match is_over {
                true => Departure::Goodbye,
                false if peer.hearing.is_silent(now) => Departure::Silence,
                false => return None,
            };
            Some((peer.id.clone(), departure))
        });
        for (id, departure) in lost.collect::<Vec<_>>() {
            self.lose(&id, departure);
        }
    }

    /// Asks again for links that were asked for in vain.
    fn ask_again(&mut self, now: Instant) {
        for peer in self.peers.values_mut().filter(|peer| peer.stage == Stage::Opening && now >= peer.open_at)
        {
            peer.open_at = now + REOPEN;
            peer.wanted.open = true;
            make_ready(&mut self.ready, peer);
        }
    }
}
