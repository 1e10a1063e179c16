//! News: what a server says to all others.

use bytes::Bytes;
use pomelo_core::value::{Incarnation, ServerId};
use serde::{Deserialize, Serialize};

use super::VERSION;

/// What a server says to all others, and hears of itself: that is how it knows that the bus is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum News {
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

impl News {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = vec![VERSION];
        // Texts and numbers can always be written.
        if rmp_serde::encode::write_named(&mut bytes, self).is_err() {
            return Bytes::new();
        }
        bytes.into()
    }

    /// Reads news; none if they are of another version, or no news at all. They may come from anywhere.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        (*version == VERSION).then(|| rmp_serde::from_slice(bytes).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read_as_they_were_written_and_those_of_another_version_not() {
        let incarnation = Incarnation::begin("chat-1");
        let news = News::Beat { id: "chat-1".into(), server_type: "chat".into(), incarnation, number: 7 };
        let bytes = news.encode();
        assert_eq!(News::decode(&bytes), Some(news));
        let mut other = bytes.to_vec();
        other[0] += 1;
        assert_eq!(News::decode(&other), None);
        for end in 0..bytes.len() {
            assert_eq!(News::decode(&bytes[..end]), None, "cut at {end}");
        }
    }
}
