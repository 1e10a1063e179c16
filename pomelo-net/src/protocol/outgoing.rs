//! Wire bytes of what a server sends, built once and shared by all who receive them.
//!
//! A push to a thousand clients is one [`Bytes`] per [`Framing`] (and per way to write its route and
//! body); each connection then queues a clone, which copies nothing.

use bytes::{BufMut, Bytes};
use thiserror::Error;

use super::message::{MessageError, MessageHead, RouteRef};
use super::package::{self, HEADER_LENGTH, PackageError, PackageKind};
use super::websocket::{self, Opcode};

/// How packages travel.
///
/// ```
/// use pomelo_net::protocol::message::RouteRef;
/// use pomelo_net::protocol::outgoing::{Framing, push};
///
/// let tcp = push(Framing::Tcp, RouteRef::Name("onChat"), b"{}").unwrap();
/// let websocket = push(Framing::WebSocket, RouteRef::Name("onChat"), b"{}").unwrap();
/// // The same package; the header of a binary frame is in front of it.
/// assert_eq!(&websocket[2..], &tcp[..]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// One after the other on a stream.
    Tcp,
    /// Each in a binary websocket message.
    WebSocket,
}

/// Why something can't be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OutgoingError {
    /// It is longer than a package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Its route is longer than 255 bytes.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// The answer to request `id`.
///
/// # Errors
/// [`OutgoingError::Package`] if the body does not fit a package.
pub fn response(framing: Framing, id: u64, body: &[u8]) -> Result<Bytes, OutgoingError> {
    message(framing, &MessageHead::response(id), body)
}

/// A push.
///
/// # Errors
/// [`OutgoingError`] if the body does not fit a package or the route's name is longer than 255 bytes.
pub fn push(framing: Framing, route: RouteRef<'_>, body: &[u8]) -> Result<Bytes, OutgoingError> {
    message(framing, &MessageHead::push(route), body)
}

/// Any message, in its package, in its frame: one allocation of the exact size.
///
/// # Errors
/// [`OutgoingError`] if the body does not fit a package or the route's name is longer than 255 bytes.
pub fn message(framing: Framing, head: &MessageHead<'_>, body: &[u8]) -> Result<Bytes, OutgoingError> {
    let length = head.length().saturating_add(body.len());
    let mut out = start(framing, PackageKind::Data, length)?;
    head.put(&mut out)?;
    out.put_slice(body);
    Ok(out.into())
}

/// Any package, in its frame.
///
/// # Errors
/// [`PackageError::TooLong`].
pub fn package(framing: Framing, kind: PackageKind, body: &[u8]) -> Result<Bytes, PackageError> {
    let mut out = start(framing, kind, body.len())?;
    out.put_slice(body);
    Ok(out.into())
}

/// A kick, `{"reason":…}`. Close after it.
///
/// # Errors
/// [`PackageError::TooLong`].
///
/// ```
/// use pomelo_net::protocol::outgoing::{Framing, kick};
///
/// assert_eq!(&kick(Framing::Tcp, "kick").unwrap()[..], b"\x05\0\0\x11{\"reason\":\"kick\"}");
/// ```
pub fn kick(framing: Framing, reason: &str) -> Result<Bytes, PackageError> {
    package(framing, PackageKind::Kick, &package::kick_body(reason))
}

/// The answer to every heartbeat.
pub fn heartbeat(framing: Framing) -> Bytes {
    match framing {
        Framing::Tcp => package::HEARTBEAT,
        Framing::WebSocket => Bytes::from_static(&[0x82, 4, 3, 0, 0, 0]),
    }
}

/// Puts packages that are bytes already into a frame of their own; on TCP they are sent as they are.
pub fn frame(framing: Framing, packages: Bytes) -> Bytes {
    match framing {
        Framing::Tcp => packages,
        Framing::WebSocket => websocket::frame(Opcode::Binary, &packages),
    }
}

/// A buffer with the headers for a package body of `length` bytes in it, and room for that body.
fn start(framing: Framing, kind: PackageKind, length: usize) -> Result<Vec<u8>, PackageError> {
    if length > package::MAX_BODY {
        return Err(PackageError::TooLong { length, limit: package::MAX_BODY });
    }
    let inner = HEADER_LENGTH.saturating_add(length);
    let outer = match framing {
        Framing::Tcp => 0,
        Framing::WebSocket => websocket::header_length(inner),
    };
    let mut out = Vec::with_capacity(outer.saturating_add(inner));
    if framing == Framing::WebSocket {
        websocket::put_header(&mut out, Opcode::Binary, inner);
    }
    package::put_header(&mut out, kind, length)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_and_websocket_differ_by_the_frame_only() {
        for size in [0, 100, 125, 200, 70_000] {
            let body = vec![b'x'; size];
            let tcp = push(Framing::Tcp, RouteRef::Code(300), &body).unwrap();
            let web = push(Framing::WebSocket, RouteRef::Code(300), &body).unwrap();
            assert_eq!(web, frame(Framing::WebSocket, tcp));
        }
    }

    #[test]
    fn a_push_is_frame_package_message_body() {
        let bytes = push(Framing::WebSocket, RouteRef::Name("onAdd"), b"{}").unwrap();
        assert_eq!(bytes, &b"\x82\x0d\x04\0\0\x09\x06\x05onAdd{}"[..]);
        let bytes = response(Framing::Tcp, 128, b"{}").unwrap();
        assert_eq!(bytes, &b"\x04\0\0\x05\x04\x80\x01{}"[..]);
    }

    #[test]
    fn a_heartbeat_is_framed_like_any_package() {
        for framing in [Framing::Tcp, Framing::WebSocket] {
            assert_eq!(heartbeat(framing), package(framing, PackageKind::Heartbeat, b"").unwrap());
        }
    }

    #[test]
    fn refuses_what_no_package_holds() {
        let body = vec![0; package::MAX_BODY];
        let refused = response(Framing::WebSocket, 1, &body);
        assert!(matches!(refused, Err(OutgoingError::Package(PackageError::TooLong { .. }))));
    }
}
