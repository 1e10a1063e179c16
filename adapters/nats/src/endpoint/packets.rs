//! Packets that come in: links that are asked for, and what comes by them.

use std::time::Instant;

use pomelo_core::cluster::Member;
use pomelo_core::value::ServerId;

use super::announcements::repeat_refusal;
use super::incoming::{Broken, Frame};
use super::peer::Stage;
use super::{Departure, Endpoint, Event, make_ready, unlink};
use crate::wire::{self, Body, Head, Packet};

impl Endpoint {
    /// Takes a packet in.
    pub(crate) fn packet(&mut self, packet: Packet, now: Instant) {
        self.look(now);
        let Packet { head, body } = packet;
        // Another process with this id hears the same, and while the bus is away all links are over.
        if !self.claim.is_held() || !self.bus.is_there() || head.other.incarnation != self.bits {
            return;
        }
        match body {
            Body::Open(member) => self.asked(&head, *member, now),
            Body::Data(data) => {
                if self.belongs(&head, now) {
                    self.data(&head, &data, now);
                }
            }
            Body::Mark => {
                if self.belongs(&head, now) {
                    let came =
                        self.peers.get(&head.from).map_or(Ok(()), |peer| peer.incoming.check(head.number));
                    self.check(&head.from, came, now);
                }
            }
            Body::Refused(why) => self.events.push_back(Event::Refused(head.from, why)),
        }
    }

    /// A server asks for a link, or answers that it wants it, too.
    fn asked(&mut self, head: &Head, member: Member, now: Instant) {
        let (id, incarnation) = (&head.from, member.incarnation);
        if member.info.id != *id || *id == self.me.info.id || wire::bits(incarnation) != head.own.incarnation
        {
            return;
        }
        if !self.meets(id, &member.info.server_type, incarnation, now) {
            return;
        }
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.hearing.heard(now);
        if head.own.epoch < peer.other_epoch {
            return;
        }
        if peer.stage == Stage::Refused {
            repeat_refusal(peer);
            return make_ready(&mut self.ready, peer);
        }
        if head.own.epoch > peer.other_epoch {
            // Its end of the link broke, and what this server said by it of changes may be lost.
            unlink(&mut self.events, peer);
            (peer.other_epoch, peer.said_version) = (head.own.epoch, None);
        }
        if peer.stage == Stage::Opening || peer.member.is_none() {
            peer.member = Some(member);
        }
        if head.other.epoch != peer.own_epoch {
            // It doesn't know this end yet.
            peer.wanted.open = true;
        } else if peer.stage == Stage::Opening {
            self.agree(id);
        } else {
            // It doesn't know that the link is agreed.
            peer.wanted.mark = true;
        }
        if let Some(peer) = self.peers.get_mut(id) {
            make_ready(&mut self.ready, peer);
        }
    }

    fn agree(&mut self, id: &ServerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let Some(member) = peer.member.clone() else { return };
        peer.stage = Stage::Agreed;
        peer.wanted.open = false;
        self.events.push_back(Event::Agreed(member, peer.link()));
    }

    /// Whether a packet belongs to the link that there is. The first one that does shows that the link is agreed.
    fn belongs(&mut self, head: &Head, now: Instant) -> bool {
        let Some(peer) = self.peers.get_mut(&head.from) else { return false };
        if peer.bits != head.own.incarnation || peer.stage == Stage::Refused {
            return false;
        }
        peer.hearing.heard(now);
        if peer.own_epoch != head.other.epoch || head.own.epoch < peer.other_epoch {
            return false;
        }
        if head.own.epoch > peer.other_epoch || peer.member.is_none() {
            // It asked for this link by a packet that never came.
            self.break_link(&head.from, now);
            return false;
        }
        if peer.stage == Stage::Opening {
            self.agree(&head.from);
        }
        if let Some(peer) = self.peers.get_mut(&head.from) {
            peer.outgoing.acknowledge(head.acknowledged);
        }
        true
    }

    fn data(&mut self, head: &Head, data: &[u8], now: Instant) {
        let Some(peer) = self.peers.get_mut(&head.from) else { return };
        match peer.incoming.packet(head.number, data) {
            Ok(true) => self.frames(&head.from, now),
            Ok(false) => {}
            Err(broken) => self.check(&head.from, Err(broken), now),
        }
    }

    /// Takes out the frames that are complete.
    fn frames(&mut self, id: &ServerId, now: Instant) {
        while let Some(peer) = self.peers.get_mut(id) {
            match peer.incoming.frame(self.settings.max_frame) {
                Ok(None) => return,
                Ok(Some(Frame::Envelope(bytes))) => {
                    self.events.push_back(Event::Arrived(id.clone(), peer.link(), bytes))
                }
                Ok(Some(Frame::Changed(member))) => {
                    if member.info.id == *id && member.incarnation == peer.incarnation {
                        peer.member = Some((*member).clone());
                        self.events.push_back(Event::Changed(*member));
                    }
                }
                Ok(Some(Frame::Goodbye)) => return self.lose(id, Departure::Goodbye),
                Err(broken) => return self.check(id, Err(broken), now),
            }
        }
    }

    /// Breaks a link by which something did not come, or came that can't be read.
    fn check(&mut self, id: &ServerId, came: Result<(), Broken>, now: Instant) {
        if let Err(broken) = came {
            tracing::debug!(server = %self.me.info.id, peer = %id, %broken, "a link over NATS is made anew");
            self.break_link(id, now);
        }
    }
}
