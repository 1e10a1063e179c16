//! Entries: what the key of a server holds, as JSON, so that `etcdctl get --prefix` shows who is there.

use pomelo_core::cluster::Member;
use serde::{Deserialize, Serialize};

/// A process that has an id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What others need to know of it.
    pub(crate) member: Member,
    /// Its number on its host, for people.
    pub(crate) pid: u32,
    /// How often it has changed: a write that only says that the process is there has the same as before.
    pub(crate) version: u64,
    /// It has said goodbye; the key goes next. By that an end is told from a lease that expired.
    #[serde(default)]
    pub(crate) left: bool,
}

impl Entry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Only maps with keys that are no texts can't be JSON, and a member has none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a value; none if something else wrote it.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrant::member;

    #[test]
    fn an_entry_is_read_as_it_is_written_and_something_else_is_none() {
        let entry = Entry { member: member("chat-1"), pid: 7, version: 3, left: false };
        let read = Entry::decode(&entry.encode()).unwrap();
        assert_eq!((read.member.info, read.pid, read.version, read.left), (entry.member.info, 7, 3, false));
        assert_eq!(read.member.incarnation, entry.member.incarnation);
        for other in [&b""[..], b"{}", b"chat", b"\xff"] {
            assert!(Entry::decode(other).is_none());
        }
    }
}
