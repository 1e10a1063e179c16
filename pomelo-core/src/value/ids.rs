//! The names of sessions and users.
//!
//! | type | names | lasts |
//! |---|---|---|
//! | [`Uid`] | a user, as the application says | as the application says |
//! | [`SessionId`] | a client's session, in the cluster | as long as the session, and is never used again |
//! | [`Incarnation`] | a process of a server | as long as the process |

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A user's name, as the application bound it to a session. Cheap to clone.
///
/// It deserializes from a string or a whole number, since pomelo's applications use both.
///
/// pomelo keeps a number as a number; here it becomes text, so that `10001` and `"10001"` are one user, and
/// clients that are sent it read `"10001"`.
///
/// ```
/// use pomelo::session::Uid;
///
/// let from_client: Uid = serde_json::from_str("10001").unwrap();
/// assert_eq!(from_client, Uid::from("10001"));
/// assert_eq!(serde_json::to_string(&from_client).unwrap(), r#""10001""#);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(Arc<str>);

impl Uid {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Uid {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Uid {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Uid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Uid {
    fn from(uid: &str) -> Self {
        Self(uid.into())
    }
}

impl From<String> for Uid {
    fn from(uid: String) -> Self {
        Self(uid.into())
    }
}

impl From<&String> for Uid {
    fn from(uid: &String) -> Self {
        Self(uid.as_str().into())
    }
}

impl From<&Uid> for Uid {
    fn from(uid: &Uid) -> Self {
        uid.clone()
    }
}

impl From<u64> for Uid {
    fn from(uid: u64) -> Self {
        uid.to_string().into()
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.0.as_ref().to_owned()
    }
}

impl PartialEq<str> for Uid {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Uid {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Uid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UidVisitor;

        impl Visitor<'_> for UidVisitor {
            type Value = Uid;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a user id: a string or a whole number")
            }

            fn visit_str<E: de::Error>(self, uid: &str) -> Result<Uid, E> {
                Ok(uid.into())
            }

            fn visit_u64<E: de::Error>(self, uid: u64) -> Result<Uid, E> {
                Ok(uid.into())
            }

            fn visit_i64<E: de::Error>(self, uid: i64) -> Result<Uid, E> {
                Ok(uid.to_string().into())
            }
        }

        deserializer.deserialize_any(UidVisitor)
    }
}

/// One run of a server, from its start to its end: a server that starts again under its old id is another incarnation.
///
/// Later ones are greater, on all machines whose clocks agree, and also after one that was heard of.
///
/// ```
/// use pomelo::session::Incarnation;
///
/// let (before, after) = (Incarnation::begin("chat-1"), Incarnation::begin("chat-1"));
/// assert!(before < after);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Incarnation(u64);

impl Incarnation {
    /// A new one: microseconds since 1970, 12 bits of the server's name below them, and later than every other
    /// that this process took.
    pub fn begin(server_id: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64);
        let last = LAST.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(now.max(last + 1)));
        let stamp = last.map_or(now, |last| now.max(last + 1));
        Self(stamp << 12 | u64::from(crc32fast::hash(server_id.as_bytes())) & 0xfff)
    }

    /// A new one that is also later than `other`, whatever the clock says.
    pub fn begin_after(server_id: &str, other: Self) -> Self {
        LAST.fetch_max(other.0 >> 12, Ordering::AcqRel);
        Self::begin(server_id)
    }

    /// The number that travels between servers.
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// The stamp of the last incarnation that this process took or heard of.
static LAST: AtomicU64 = AtomicU64::new(0);

/// The incarnation that a server has now: it takes another one when others have declared it gone.
#[derive(Debug)]
pub(crate) struct OwnIncarnation(AtomicU64);

impl OwnIncarnation {
    pub(crate) fn new(incarnation: Incarnation) -> Self {
        Self(AtomicU64::new(incarnation.0))
    }

    pub(crate) fn now(&self) -> Incarnation {
        Incarnation(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, incarnation: Incarnation) {
        self.0.store(incarnation.0, Ordering::Release);
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A session's name: unique in the cluster and across restarts, since it holds the frontend's incarnation.
///
/// An event of a connection that is long gone can so never touch a new one. It is written as
/// `<incarnation in hex>-<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    /// That of the frontend.
    pub(crate) incarnation: Incarnation,
    /// Counted by the frontend from 1 on.
    pub(crate) serial: u64,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.incarnation, self.serial)
    }
}

impl FromStr for SessionId {
    type Err = ParseSessionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('-').and_then(|(incarnation, serial)| {
            let incarnation = Incarnation(u64::from_str_radix(incarnation, 16).ok()?);
            Some(Self { incarnation, serial: serial.parse().ok()? })
        });
        parsed.ok_or_else(|| ParseSessionIdError(text.to_owned()))
    }
}

/// A text that is no session id.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no session id")]
pub struct ParseSessionIdError(String);

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_read_from_a_string_or_a_number() {
        let uids: Vec<Uid> = serde_json::from_str(r#"["u1", 10001, -3]"#).unwrap();
        assert_eq!(uids, [Uid::from("u1"), Uid::from(10001), Uid::from("-3")]);
        assert!(serde_json::from_str::<Uid>("true").is_err());
    }

    #[test]
    fn every_incarnation_is_new() {
        let mut seen: Vec<_> = (0..100).map(|_| Incarnation::begin("chat-1")).collect();
        seen.dedup();
        assert_eq!(seen.len(), 100);
        assert!(seen.is_sorted());
    }

    #[test]
    fn a_session_id_is_read_as_it_is_written() {
        let id = SessionId { incarnation: Incarnation::begin("c"), serial: 7 };
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        assert!("7".parse::<SessionId>().is_err());
    }
}
