//! Transmission: the next message that an endpoint has to publish.

use async_nats::Subject;
use bytes::Bytes;
use pomelo_core::cluster::Member;
use pomelo_core::value::ServerId;

use super::peer::{Peer, Stage};
use super::{Endpoint, make_ready};
use crate::wire::{self, WriteError};

/// A message for the bus.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) subject: Subject,
    pub(crate) payload: Bytes,
}

impl Endpoint {
    /// The next message, whose payload is no longer than `limit`; none if there is nothing, or no connection.
    pub(crate) fn transmit(&mut self, limit: usize) -> Option<Outbound> {
        if !self.bus.is_connected() {
            return None;
        }
        if let Some(announcement) = self.announcements.pop_front() {
            return Some(Outbound { subject: self.subjects.all(), payload: announcement.encode() });
        }
        while self.bus.is_there()
            && let Some(id) = self.ready.pop_front()
        {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.is_ready = false;
            let written = packet(peer, &self.me, self.bits, limit);
            make_ready(&mut self.ready, peer);
            let subject = peer.subject.clone();
            match written {
                Ok(Some(payload)) => return Some(Outbound { subject, payload }),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(server = %self.me.info.id, peer = %id, %error, "a packet can't be written")
                }
            }
        }
        None
    }

    /// Whether nothing is to be published.
    pub(crate) fn is_idle(&self) -> bool {
        self.announcements.is_empty() && self.ready.is_empty()
    }
}

/// The next packet to a peer.
fn packet(peer: &mut Peer, me: &Member, bits: u64, limit: usize) -> Result<Option<Bytes>, WriteError> {
    let from: &ServerId = &me.info.id;
    if let Some(why) = peer.wanted.refusal.take() {
        let head = peer.head(from, bits);
        peer.refusal = Some(why.clone());
        return wire::write_refused(&head, &why).map(Some);
    }
    if std::mem::take(&mut peer.wanted.open) {
        let head = peer.head(from, bits);
        return wire::write_open(&head, me).map(Some);
    }
    if peer.stage != Stage::Linked {
        return Ok(None);
    }
    if !peer.outgoing.is_empty() {
        let head = peer.head(from, bits);
        if let Some((number, data)) = peer.outgoing.next(limit.saturating_sub(head.len()).max(1)) {
            debug_assert_eq!(number, head.number, "a packet's number is that of its head");
            let (payload, length) = (wire::write_data(&head, data)?, data.len());
            peer.outgoing.leaves(length);
            // It says as much.
            peer.wanted.mark = false;
            return Ok(Some(payload));
        }
    }
    match std::mem::take(&mut peer.wanted.mark) {
        true => {
            let head = peer.head(from, bits);
            wire::write_mark(&head).map(Some)
        }
        false => Ok(None),
    }
}
