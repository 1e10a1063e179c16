//! Outgoing: one direction of a link at its sender, a stream of frames that leaves in numbered packets.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, BytesMut};
use pomelo_core::cluster::{Member, Unsent};
use pomelo_core::wire::envelope::Envelope;
use pomelo_net::link::frame;

/// What a frame is: an envelope.
pub(super) const ENVELOPE: u8 = 0;
/// The sender is something else than before.
pub(super) const CHANGED: u8 = 1;
/// The sender's process is over, and this is the last frame.
pub(super) const GOODBYE: u8 = 2;

/// An emptied buffer that is larger is not kept, so that a burst doesn't stay as memory.
const KEPT_BUFFER_BYTES: usize = 256 << 10;

/// What was queued for a link, what of it is on its way, and what the other side has acknowledged.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Frames that have not left yet.
    stream: BytesMut,
    /// How many bytes of the stream have left.
    left: u64,
    /// Where in the stream each envelope ends that has not left yet.
    ends: VecDeque<u64>,
    /// How many packets have left.
    number: u64,
    /// How many envelopes ended in each packet that was not acknowledged yet.
    unacknowledged: VecDeque<usize>,
}

impl Outgoing {
    /// Queues an envelope.
    ///
    /// # Errors
    /// If it is longer than `max_frame`, or can't be written; nothing is queued then.
    pub(super) fn put_envelope(&mut self, envelope: &Envelope, max_frame: usize) -> Result<(), Unsent> {
        let start = frame::begin(&mut self.stream, [ENVELOPE]);
        let written = envelope.encode(&mut self.stream).map_err(|error| error.to_string()).and_then(|body| {
            let length = frame::length::<1>(&self.stream, start) + body.len();
            match length <= max_frame {
                true => Ok((body, length)),
                false => Err(format!("{length} bytes are too long")),
            }
        });
        match written {
            Ok((body, length)) => {
                self.stream.extend_from_slice(&body);
                frame::end(&mut self.stream, start, length);
                self.ends.push_back(self.left + self.stream.len() as u64);
                Ok(())
            }
            Err(error) => {
                self.stream.truncate(start);
                tracing::error!(error, "an envelope can't be sent");
                Err(Unsent::TooLong)
            }
        }
    }

    /// Queues what the sender is now, whatever the limit.
    pub(super) fn put_changed(&mut self, member: &Member) {
        let start = frame::begin(&mut self.stream, [CHANGED]);
        if let Err(error) = rmp_serde::encode::write_named(&mut (&mut self.stream).writer(), member) {
            tracing::error!(%error, "what a server is can't be written");
            return self.stream.truncate(start);
        }
        let length = frame::length::<1>(&self.stream, start);
        frame::end(&mut self.stream, start, length);
    }

    /// Queues the last frame.
    pub(super) fn put_goodbye(&mut self) {
        let start = frame::begin(&mut self.stream, [GOODBYE]);
        frame::end(&mut self.stream, start, 0);
    }

    /// The next packet's number and its part of the stream, no longer than `limit`. It has to be said to have
    /// [left](Self::leaves).
    pub(super) fn next(&self, limit: usize) -> Option<(u64, &[u8])> {
        let part = self.stream.get(..limit).unwrap_or(&self.stream);
        (!part.is_empty()).then_some((self.number, part))
    }

    /// The next packet leaves, with so many bytes.
    pub(super) fn leaves(&mut self, length: usize) {
        self.stream.advance(length.min(self.stream.len()));
        if self.stream.is_empty() && self.stream.capacity() > KEPT_BUFFER_BYTES {
            self.stream = BytesMut::new();
        }
        self.left += length as u64;
        let ended = self.ends.iter().take_while(|end| **end <= self.left).count();
        self.ends.drain(..ended);
        self.unacknowledged.push_back(ended);
        self.number += 1;
    }

    /// The other side has got so many packets.
    pub(super) fn acknowledge(&mut self, count: u64) {
        let waiting = self.unacknowledged.len() as u64;
        let new = waiting.saturating_sub(self.number.saturating_sub(count));
        // No more than there are: the count may be anything.
        self.unacknowledged.drain(..new.min(waiting) as usize);
    }

    /// How many packets have left.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether something has left of which nobody knows whether it arrived.
    pub(super) fn is_unsure(&self) -> bool {
        !self.unacknowledged.is_empty()
    }

    /// Bytes that have not left yet.
    pub(super) fn bytes(&self) -> usize {
        self.stream.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }

    /// How many envelopes may not have arrived.
    pub(super) fn unarrived(&self) -> usize {
        self.ends.len() + self.unacknowledged.iter().sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn take(outgoing: &mut Outgoing, limit: usize) -> Option<(u64, Vec<u8>)> {
        let (number, data) = outgoing.next(limit).map(|(number, data)| (number, data.to_vec()))?;
        outgoing.leaves(data.len());
        Some((number, data))
    }

    fn queued(count: usize) -> Outgoing {
        let mut outgoing = Outgoing::default();
        for _ in 0..count {
            outgoing.put_envelope(&Envelope::greeting(), LIMIT).unwrap();
        }
        outgoing
    }

    #[test]
    fn what_is_queued_leaves_in_packets_no_longer_than_the_limit_with_numbers_from_0() {
        let mut outgoing = queued(3);
        let (whole, mut packets) = (outgoing.bytes(), Vec::new());
        while let Some((number, data)) = take(&mut outgoing, 4) {
            assert!(data.len() <= 4);
            packets.push(number);
        }
        assert_eq!(packets, (0..whole.div_ceil(4) as u64).collect::<Vec<_>>());
    }

    #[test]
    fn an_envelope_may_not_have_arrived_until_the_packet_that_ends_it_is_acknowledged() {
        let mut outgoing = queued(2);
        let half = outgoing.bytes() / 2;
        assert_eq!(outgoing.unarrived(), 2);
        take(&mut outgoing, half).unwrap();
        take(&mut outgoing, half).unwrap();
        assert_eq!((outgoing.unarrived(), outgoing.is_unsure()), (2, true));
        outgoing.acknowledge(1);
        assert_eq!(outgoing.unarrived(), 1);
        outgoing.acknowledge(1);
        assert_eq!(outgoing.unarrived(), 1, "it is the same packet");
        outgoing.acknowledge(u64::MAX);
        assert_eq!((outgoing.unarrived(), outgoing.is_unsure()), (0, false));
    }

    #[test]
    fn an_envelope_that_is_too_long_leaves_nothing_behind() {
        let mut outgoing = queued(1);
        let before = outgoing.bytes();
        assert_eq!(outgoing.put_envelope(&Envelope::greeting(), 0), Err(Unsent::TooLong));
        assert_eq!((outgoing.bytes(), outgoing.unarrived()), (before, 1));
    }
}
