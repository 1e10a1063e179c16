//! Keys: where servers and their questions are in etcd.
//!
//! | key | value |
//! |---|---|
//! | `<prefix>/servers/<id>` | an [`Entry`](crate::entry::Entry): the process that has the id |
//! | `<prefix>/questions/<lease>` | the id whose process is asked whether it is there, by the one that has the lease |

use pomelo_core::value::ServerId;

use crate::error::EtcdError;

/// The longest prefix, in bytes: keys are sent with each request.
const MAX_PREFIX_BYTES: usize = 512;

/// The keys of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Without a `/` at its end.
    prefix: String,
}

/// What a key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The process that has that id.
    Server(ServerId),
    /// A question whether a process is there.
    Question,
}

impl Keys {
    /// The keys below `prefix`, whether or not that ends with `/`.
    ///
    /// # Errors
    /// If it is empty, or too long.
    pub(crate) fn new(prefix: &str) -> Result<Self, EtcdError> {
        let bare = prefix.trim_end_matches('/');
        match bare.is_empty() || bare.len() > MAX_PREFIX_BYTES {
            true => Err(EtcdError::Prefix(prefix.to_owned())),
            false => Ok(Self { prefix: bare.to_owned() }),
        }
    }

    /// What all keys of the cluster begin with.
    pub(crate) fn all(&self) -> String {
        format!("{}/", self.prefix)
    }

    /// The key of a server.
    pub(crate) fn server(&self, id: &ServerId) -> String {
        format!("{}/servers/{id}", self.prefix)
    }

    /// The key of the question that the process with that lease asks.
    pub(crate) fn question(&self, lease: i64) -> String {
        format!("{}/questions/{lease:016x}", self.prefix)
    }

    /// What a key is for; none if it is not one of ours.
    pub(crate) fn read(&self, key: &[u8]) -> Option<Key> {
        let rest = std::str::from_utf8(key).ok()?.strip_prefix(&self.prefix)?;
        if rest.starts_with("/questions/") {
            return Some(Key::Question);
        }
        let id = rest.strip_prefix("/servers/").filter(|id| !id.is_empty())?;
        Some(Key::Server(id.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_others_are_left_alone() {
        let keys = Keys::new("/game/").unwrap();
        for id in ["chat-1", "a/b", "ü"] {
            let key = keys.server(&id.into());
            assert_eq!(keys.read(key.as_bytes()), Some(Key::Server(id.into())), "{key}");
            assert!(key.starts_with(&keys.all()));
        }
        assert_eq!(keys.server(&"chat-1".into()), "/game/servers/chat-1");
        assert_eq!(keys.read(keys.question(-7).as_bytes()), Some(Key::Question));
        for other in [&b"/game/servers/"[..], b"/game/else", b"/gamer/servers/a", b"", b"/game/servers/\xff"]
        {
            assert_eq!(keys.read(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_prefix_that_is_empty_or_too_long_is_refused() {
        for wrong in ["", "/", "//", &"x".repeat(MAX_PREFIX_BYTES + 1)] {
            assert!(matches!(Keys::new(wrong), Err(EtcdError::Prefix(prefix)) if prefix == *wrong));
        }
    }
}
