//! Announcements: what a server says to all others.

use bytes::Bytes;
use pomelo_core::value::{Incarnation, ServerId};
use serde::{Deserialize, Serialize};

use super::VERSION;

/// What a server says to all others, and hears of itself: that is how it knows that the bus is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Announcement {
    /// This process wants the id. Whoever has it answers with [`Taken`](Self::Taken).
    Claim {
        id: ServerId,
        incarnation: Incarnation,
        /// How often the process has said something of itself.
        number: u64,
    },
    /// That claim is refused: this process has the id.
    Taken {
        id: ServerId,
        /// Whose claim is refused.
        claimed: Incarnation,
        /// The number of that claim.
        number: u64,
        /// The process that has the id.
        incarnation: Incarnation,
        /// The host that it runs on.
        host: String,
        /// Its process on that host.
        pid: u32,
    },
    /// This process is there.
    Beat {
        id: ServerId,
        server_type: String,
        incarnation: Incarnation,
        /// As in a [`Claim`](Self::Claim).
        number: u64,
    },
    /// This process is over.
    Bye { id: ServerId, incarnation: Incarnation },
}

impl Announcement {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = vec![VERSION];
        // Texts and numbers can always be written.
        if rmp_serde::encode::write_named(&mut bytes, self).is_err() {
            return Bytes::new();
        }
        bytes.into()
    }

    /// Reads an announcement; none if it is of another version, or none at all. It may come from anywhere.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        (*version == VERSION).then(|| rmp_serde::from_slice(bytes).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_read_as_it_was_written_and_one_of_another_version_not() {
        let incarnation = Incarnation::begin("chat-1");
        let announcement =
            Announcement::Beat { id: "chat-1".into(), server_type: "chat".into(), incarnation, number: 7 };
        let bytes = announcement.encode();
        assert_eq!(Announcement::decode(&bytes), Some(announcement));
        let mut other = bytes.to_vec();
        other[0] += 1;
        assert_eq!(Announcement::decode(&other), None);
        for end in 0..bytes.len() {
            assert_eq!(Announcement::decode(&bytes[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn fuzz_nats_announcement() {
        let (id, incarnation) = (ServerId::from("chat-1"), Incarnation::begin("chat-1"));
        let samples = [
            Announcement::Claim { id: id.clone(), incarnation, number: 1 },
            Announcement::Beat { id: id.clone(), server_type: "chat".into(), incarnation, number: 7 },
            Announcement::Bye { id: id.clone(), incarnation },
            Announcement::Taken {
                id,
                claimed: incarnation,
                number: 1,
                incarnation,
                host: "10.0.0.5".into(),
                pid: 7,
            },
        ];
        pomelo_fuzz::fuzz("NATS announcement", &samples.map(|sample| sample.encode()), |_, input| {
            if let Some(read) = Announcement::decode(input) {
                assert_eq!(Announcement::decode(&read.encode()), Some(read));
            }
        });
    }
}
