//! Encoding of pushes, once for all who receive them.
//!
//! Frontends say by their membership which encodings their clients take; a body that has no schema for its
//! route is JSON in all of them, and is encoded once.

use serde::Serialize;

use crate::peers::Peers;
use crate::value::{Error, ErrorKind, Result, ServerId};
use crate::wire::Body;
use crate::wire::envelope::{Payload, Push};

/// The longest route of a push, in bytes: its length is one byte on the wire.
const MAX_ROUTE: usize = 255;

/// The longest package of the client protocol, in bytes: its length has three bytes.
const MAX_PACKAGE: usize = 0x00ff_ffff;

/// The kind of a message and the length of its route, in bytes.
const HEAD: usize = 2;

/// Encodes a push once in each encoding that one of the frontends needs.
///
/// # Errors
/// If it can't be encoded, or is longer than any client can be sent.
pub(super) fn encode_push<'a>(
    peers: &Peers,
    route: &str,
    message: &impl Serialize,
    volatile: bool,
    frontends: impl Iterator<Item = &'a ServerId>,
) -> Result<Push> {
    check_route(route)?;
    let known = peers.view.known();
    let (mut payload, mut encoded) = (Payload::default(), 0_u8);
    for accept in frontends.filter_map(|server| known.member(server)).flat_map(|member| &member.encodings) {
        let bit = 1 << accept.number();
        if encoded & bit != 0 {
            continue;
        }
        let body = peers.codecs.encode(*accept, route, &message)?;
        check_body(route, &body)?;
        // Without a schema it is JSON, which then is there, too.
        encoded |= bit | 1 << body.encoding.number();
        payload.add(body);
    }
    Ok(Push { route: route.into(), payload, volatile })
}

/// What no client can be sent is an error to who pushes it.
#[inline]
fn check_route(route: &str) -> Result<()> {
    if route.len() <= MAX_ROUTE { Ok(()) } else { Err(long_route(route)) }
}

#[cold]
fn long_route(route: &str) -> Error {
    let (length, start) = (route.len(), route.chars().take(32).collect::<String>());
    let why = format!("the route of a push has at most {MAX_ROUTE} bytes, not {length}: {start}…");
    Error::of(ErrorKind::BadMessage, why)
}

#[inline]
fn check_body(route: &str, body: &Body) -> Result<()> {
    let length = HEAD + route.len() + body.bytes.len();
    if length <= MAX_PACKAGE { Ok(()) } else { Err(long_message(route, length)) }
}

#[cold]
fn long_message(route: &str, length: usize) -> Error {
    let why = format!("push {route}: a message takes at most {MAX_PACKAGE} bytes, not {length}");
    Error::of(ErrorKind::BadMessage, why)
}
