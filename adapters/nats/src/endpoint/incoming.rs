//! Incoming: one direction of a link at its receiver, packets that are frames again.

use bytes::{Bytes, BytesMut};
use pomelo_core::cluster::Member;
use pomelo_net::link::frame::{self, TooLong};

use super::outgoing::{CHANGED, ENVELOPE, GOODBYE};

/// What has come by a link.
#[derive(Default)]
pub(super) struct Incoming {
    /// The number that the next packet must have, and so how many have come.
    next: u64,
    /// The beginning of a frame whose end has not come yet.
    rest: BytesMut,
    /// How many packets the other side knows to have come.
    told: u64,
}

/// A frame that has come.
#[derive(Debug)]
pub(super) enum Frame {
    Envelope(Bytes),
    Changed(Box<Member>),
    Goodbye,
}

/// Why a link is broken, as its receiver sees it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("packets are missing: number {came} came where {expected} is next")]
    Gap { expected: u64, came: u64 },
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error("a frame of an unknown kind, {0}")]
    Kind(u8),
    #[error("a frame can't be read")]
    Unpack(#[from] rmp_serde::decode::Error),
}

impl Incoming {
    /// Takes a packet in; its frames are to be taken out by [`frame`](Self::frame) until there are none. False if it came before.
    ///
    /// # Errors
    /// If one before it has not come.
    pub(super) fn packet(&mut self, number: u64, data: &[u8]) -> Result<bool, Broken> {
        if number < self.next {
            return Ok(false);
        }
        self.check(number)?;
        self.next += 1;
        self.rest.extend_from_slice(data);
        Ok(true)
    }

    /// Checks that so many packets have come.
    ///
    /// # Errors
    /// If there should be more.
    pub(super) fn check(&self, count: u64) -> Result<(), Broken> {
        match count > self.next {
            true => Err(Broken::Gap { expected: self.next, came: count }),
            false => Ok(()),
        }
    }

    /// The next frame; none until more packets have come.
    ///
    /// # Errors
    /// If there is no frame there: nothing after it can be read.
    pub(super) fn frame(&mut self, max_frame: usize) -> Result<Option<Frame>, Broken> {
        let Some(([kind], body)) = frame::take(&mut self.rest, max_frame)? else { return Ok(None) };
        match kind {
            ENVELOPE => Ok(Some(Frame::Envelope(body))),
            CHANGED => Ok(Some(Frame::Changed(Box::new(rmp_serde::from_slice(&body)?)))),
            GOODBYE => Ok(Some(Frame::Goodbye)),
            kind => Err(Broken::Kind(kind)),
        }
    }

    /// How many packets have come; who is told that knows it.
    pub(super) fn acknowledge(&mut self) -> u64 {
        self.told = self.next;
        self.next
    }

    /// Whether the other side doesn't know yet what has come.
    pub(super) fn is_untold(&self) -> bool {
        self.told != self.next
    }
}

#[cfg(test)]
mod tests {
    use super::super::outgoing::Outgoing;
    use super::*;
    use pomelo_core::wire::envelope::Envelope;

    const LIMIT: usize = 1 << 20;

    #[test]
    fn frames_are_read_as_they_were_sent_however_they_are_cut() {
        for limit in 1..40 {
            let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
            (0..3).for_each(|_| outgoing.put_envelope(&Envelope::greeting(), LIMIT).unwrap());
            outgoing.put_goodbye();
            let mut seen = Vec::new();
            while let Some((number, data)) =
                outgoing.next(limit).map(|(number, data)| (number, data.to_vec()))
            {
                outgoing.leaves(data.len());
                assert!(incoming.packet(number, &data).unwrap());
                while let Some(frame) = incoming.frame(LIMIT).unwrap() {
                    seen.push(matches!(frame, Frame::Goodbye));
                }
            }
            assert_eq!(seen, [false, false, false, true], "at {limit}");
        }
    }

    #[test]
    fn a_missing_packet_is_noticed_by_the_next_one_and_a_repeated_one_changes_nothing() {
        let mut incoming = Incoming::default();
        assert!(incoming.packet(0, b"").unwrap());
        assert!(!incoming.packet(0, b"again").unwrap());
        assert!(matches!(incoming.packet(2, b""), Err(Broken::Gap { expected: 1, came: 2 })));
        assert!(incoming.check(1).is_ok() && incoming.check(2).is_err());
    }

    #[test]
    fn a_length_beyond_the_limit_breaks_the_link_before_memory_is_taken() {
        let mut incoming = Incoming::default();
        incoming.packet(0, &[0xff, 0xff, 0xff, 0xff, 0, 1]).unwrap();
        assert!(matches!(incoming.frame(LIMIT), Err(Broken::TooLong(_))));
        assert!(incoming.rest.capacity() < 1 << 10);
    }

    #[test]
    fn the_other_side_is_told_what_has_come_once() {
        let mut incoming = Incoming::default();
        assert!(!incoming.is_untold());
        incoming.packet(0, b"").unwrap();
        assert!(incoming.is_untold());
        assert_eq!((incoming.acknowledge(), incoming.is_untold()), (1, false));
    }
}
