//! pomelo's dispatcher: a crc32 modulo the number of servers.

use std::sync::Arc;

use crate::value::{Error, ErrorKind, Result, ServerInfo};

/// The CRC-32 that pomelo 2.2.7 dispatches by: over the low byte of each UTF-16 code unit, as a signed number.
///
/// For ASCII that is the ordinary CRC-32; `中文` differs from the sum of its UTF-8 (npm `crc` 0.2.0).
///
/// ```
/// use pomelo::router::crc32;
///
/// assert_eq!(crc32("u1"), 1_112_514_422);
/// assert_eq!(crc32("changchang"), -1_385_849_486);
/// ```
pub fn crc32(key: &str) -> i32 {
    let mut hasher = crc32fast::Hasher::new();
    if key.is_ascii() {
        hasher.update(key.as_bytes());
    } else {
        let low_bytes: Vec<u8> = key.encode_utf16().map(|unit| unit as u8).collect();
        hasher.update(&low_bytes);
    }
    hasher.finalize() as i32
}

/// Picks the server at `abs(crc32(key)) % servers.len()`, as pomelo's dispatcher does.
///
/// # Errors
/// [`ErrorKind::NoServer`] if the list is empty.
///
/// pomelo's `dispatcher.dispatch`, which its applications have a copy of, is this. Where the list comes from
/// decides what it means: a router is given the servers that are expected, and a key stays where it is when
/// one of them dies; [`ServerContext::servers`](crate::context::ServerContext::servers) are those that are
/// up, which is what a gate wants.
///
/// ```
/// use pomelo::config::Config;
/// use pomelo::pick;
///
/// let json = r#"{ "chat": [{ "id": "chat-1" }, { "id": "chat-2" }, { "id": "chat-3" }] }"#;
/// let servers = Config::from_servers(json, "development")?.servers;
/// let room = pick("tavern", &servers)?;
/// assert_eq!(pick("tavern", &servers)?.id, room.id);
/// # Ok::<(), pomelo::Error>(())
/// ```
#[doc(alias = "dispatch")]
#[doc(alias = "dispatcher")]
pub fn pick(key: impl AsRef<str>, servers: impl AsRef<[Arc<ServerInfo>]>) -> Result<Arc<ServerInfo>> {
    let servers = servers.as_ref();
    let index = crc32(key.as_ref()).unsigned_abs() as usize % servers.len().max(1);
    servers
        .get(index)
        .cloned()
        .ok_or_else(|| Error::of(ErrorKind::NoServer, "there is no server of that type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one uid whose sum has no positive counterpart in 32 bits.
    #[test]
    fn the_smallest_number_has_an_absolute_value() {
        assert_eq!(crc32("2338615298"), i32::MIN);
        assert_eq!(crc32("2338615298").unsigned_abs(), 2_147_483_648);
    }

    #[test]
    fn no_server_is_an_error() {
        assert_eq!(pick("a", &[][..]).unwrap_err().kind(), ErrorKind::NoServer);
    }
}
