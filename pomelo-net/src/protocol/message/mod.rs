//! Messages: what a data package carries, `flags | id? | route? | body`.
//!
//! Flags: bit 0 the route is a code, bits 1–3 the kind, bit 4 the body is compressed (pomelo decodes
//! that bit and never acts upon it). Requests and responses carry an id, all but responses a route.
//!
//! ```text
//!  request id 1, a.b.c    00  01  05 61 2e 62 2e 63   {}        flags, id, length of the route, route, body
//!  response to it         04  01                      {}        no route: the client remembers it
//!  push, route by code 5  07      00 05               {}        two bytes, big-endian
//! ```

mod error;
mod name;

use bytes::{Buf, BufMut, Bytes};

use crate::protocol::reader::Reader;
use crate::protocol::varint;

pub use error::MessageError;
pub use name::RouteName;

/// The longest route that can be sent as a name, in bytes of UTF-8: its length is one byte.
pub const MAX_ROUTE: usize = 255;

/// The route is a code.
const CODE_FLAG: u8 = 0x01;
/// The body is said to be compressed.
const GZIP_FLAG: u8 = 0x10;

/// What a message is; the number is that on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// The client wants an answer.
    Request = 0,
    /// The client wants none.
    Notify = 1,
    /// The answer to a request.
    Response = 2,
    /// From the server, unasked.
    Push = 3,
}

impl MessageKind {
    fn of(flags: u8) -> Result<Self, MessageError> {
        Ok(match (flags >> 1) & 7 {
            0 => Self::Request,
            1 => Self::Notify,
            2 => Self::Response,
            3 => Self::Push,
            other => return Err(MessageError::UnknownKind(other)),
        })
    }

    fn has_id(self) -> bool {
        matches!(self, Self::Request | Self::Response)
    }

    fn has_route(self) -> bool {
        self != Self::Response
    }
}

/// What comes before a message's body.
///
/// ```
/// use bytes::BytesMut;
/// use pomelo_net::protocol::message::{MessageHead, RouteRef};
///
/// let mut out = BytesMut::new();
/// MessageHead::push(RouteRef::Name("onChat")).put(&mut out)?;
/// assert_eq!(&out[..], b"\x06\x06onChat");
/// # Ok::<(), pomelo_net::protocol::message::MessageError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHead<'a> {
    /// Request, notify, response or push.
    pub kind: MessageKind,
    /// Of requests and responses; others don't carry it.
    pub id: u64,
    /// Of all but responses; none is written as an empty name.
    pub route: Option<RouteRef<'a>>,
    /// Whether the body is said to be compressed.
    pub gzip: bool,
}

impl<'a> MessageHead<'a> {
    /// The head of an answer to request `id`.
    pub fn response(id: u64) -> Self {
        Self { kind: MessageKind::Response, id, route: None, gzip: false }
    }

    /// The head of a push.
    pub fn push(route: RouteRef<'a>) -> Self {
        Self { kind: MessageKind::Push, id: 0, route: Some(route), gzip: false }
    }

    /// How many bytes [`MessageHead::put`] writes.
    pub fn length(&self) -> usize {
        let id = if self.kind.has_id() { varint::length(self.id) } else { 0 };
        let route = if self.kind.has_route() { self.route.map_or(1, RouteRef::length) } else { 0 };
        id.saturating_add(route).saturating_add(1)
    }

    /// Appends it to `out`; the body comes next.
    ///
    /// # Errors
    /// [`MessageError::RouteTooLong`]; `out` is not usable then.
    // On the way of every push and response, and too large for the compiler's taste.
    #[inline(always)]
    pub fn put(&self, out: &mut impl BufMut) -> Result<(), MessageError> {
        out.put_u8(self.flags());
        if self.kind.has_id() {
            varint::put(out, self.id);
        }
        if self.kind.has_route() {
            self.route.unwrap_or(RouteRef::Name("")).put(out)?;
        }
        Ok(())
    }

    fn flags(&self) -> u8 {
        let code = if matches!(self.route, Some(RouteRef::Code(_))) { CODE_FLAG } else { 0 };
        let gzip = if self.gzip { GZIP_FLAG } else { 0 };
        ((self.kind as u8) << 1) | code | gzip
    }
}

/// One message.
///
/// ```
/// use pomelo_net::protocol::message::{Message, MessageKind};
///
/// let message = Message::decode(b"\x00\x01\x05a.b.c{}"[..].into())?;
/// assert_eq!((message.kind, message.id, &message.body[..]), (MessageKind::Request, 1, &b"{}"[..]));
/// assert!(message.wants_answer());
/// # Ok::<(), pomelo_net::protocol::message::MessageError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Request, notify, response or push.
    pub kind: MessageKind,
    /// Of requests and responses, else 0. Pomelo's ids break at 2^31; here all 64 bits work.
    pub id: u64,
    /// Of all but responses.
    pub route: Option<MessageRoute>,
    /// The rest; shares the memory it was read into.
    pub body: Bytes,
    /// Whether the sender says that the body is compressed; pomelo never looks at it.
    pub gzip: bool,
}

impl Message {
    /// Reads the body of a data package, without copying.
    ///
    /// # Errors
    /// [`MessageError`], if the flags are missing, the kind is unknown, or the id or route is cut off.
    pub fn decode(mut package: Bytes) -> Result<Self, MessageError> {
        let mut reader = Reader::new(&package);
        let flags = reader.byte().map_err(|_| MessageError::Empty)?;
        let kind = MessageKind::of(flags)?;
        let id = if kind.has_id() { varint::read(&mut reader).map_err(MessageError::Id)? } else { 0 };
        let route = match kind.has_route() {
            true => Some(MessageRoute::read(&mut reader, flags & CODE_FLAG != 0, &package)?),
            false => None,
        };
        let head = reader.position();
        package.advance(head);
        Ok(Self { kind, id, route, body: package, gzip: flags & GZIP_FLAG != 0 })
    }

    /// The bytes of this message.
    ///
    /// # Errors
    /// [`MessageError::RouteTooLong`].
    pub fn encode(&self) -> Result<Bytes, MessageError> {
        let head = self.head();
        let mut out = Vec::with_capacity(head.length().saturating_add(self.body.len()));
        head.put(&mut out)?;
        out.put_slice(&self.body);
        Ok(out.into())
    }

    /// What comes before the body.
    pub fn head(&self) -> MessageHead<'_> {
        let route = self.route.as_ref().map(MessageRoute::as_ref);
        MessageHead { kind: self.kind, id: self.id, route, gzip: self.gzip }
    }

    /// Whether the sender waits for an answer. A request with id 0 counts as a notify, as in pomelo.
    pub fn wants_answer(&self) -> bool {
        self.kind == MessageKind::Request && self.id != 0
    }
}

/// A route as a message carries it: by name, or by its code in the dictionary.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MessageRoute {
    /// Its code.
    Code(u16),
    /// Its name; may be empty.
    Name(RouteName),
}

impl MessageRoute {
    /// Reads a route, what [`RouteRef::put`] wrote; the bytes that are read are those of `package`.
    fn read(reader: &mut Reader<'_>, code: bool, package: &Bytes) -> Result<Self, MessageError> {
        if code {
            return Ok(MessageRoute::Code(reader.u16_be().map_err(|_| MessageError::RouteTruncated)?));
        }
        let length = usize::from(reader.byte().map_err(|_| MessageError::RouteTruncated)?);
        let start = reader.position();
        reader.take(length).map_err(|_| MessageError::RouteTruncated)?;
        Ok(MessageRoute::Name(RouteName::decode(package, start..reader.position())))
    }

    /// Borrows it, to be sent.
    pub fn as_ref(&self) -> RouteRef<'_> {
        match self {
            Self::Code(code) => RouteRef::Code(*code),
            Self::Name(name) => RouteRef::Name(name.as_str()),
        }
    }
}

/// A route to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteRef<'a> {
    /// By its code in the dictionary, two bytes.
    Code(u16),
    /// By name, at most [`MAX_ROUTE`] bytes.
    Name(&'a str),
}

impl RouteRef<'_> {
    fn length(self) -> usize {
        match self {
            Self::Code(_) => 2,
            Self::Name(name) => name.len().saturating_add(1),
        }
    }

    fn put(self, out: &mut impl BufMut) -> Result<(), MessageError> {
        match self {
            Self::Code(code) => out.put_u16(code),
            Self::Name(name) => {
                let length = name.len();
                out.put_u8(u8::try_from(length).map_err(|_| MessageError::RouteTooLong(length))?);
                out.put_slice(name.as_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::protocol::reader::ReadError;

    fn decode(bytes: &'static [u8]) -> Result<Message, MessageError> {
        Message::decode(Bytes::from_static(bytes))
    }

    #[test]
    fn decodes_what_was_encoded() {
        for (kind, id) in [(MessageKind::Request, 1 << 31), (MessageKind::Response, u64::MAX)] {
            let route = (kind == MessageKind::Request).then_some(MessageRoute::Code(300));
            let message = Message { kind, id, route, body: Bytes::from_static(b"{}"), gzip: true };
            let bytes = message.encode().unwrap();
            assert_eq!(bytes.len(), message.head().length() + 2);
            assert_eq!(Message::decode(bytes).unwrap(), message);
        }
    }

    #[test]
    fn refuses_what_is_cut_off() {
        assert_eq!(decode(b""), Err(MessageError::Empty));
        assert_eq!(decode(b"\x00\x85"), Err(MessageError::Id(ReadError::Truncated)));
        assert_eq!(decode(b"\x00\x01\x05a.b"), Err(MessageError::RouteTruncated));
        assert_eq!(decode(b"\x07\x01"), Err(MessageError::RouteTruncated));
        assert_eq!(decode(b"\x0e\x01\x02"), Err(MessageError::UnknownKind(7)));
    }

    #[test]
    fn an_eleventh_byte_of_id_is_refused() {
        let long = b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01a";
        assert_eq!(decode(long), Err(MessageError::Id(ReadError::NumberTooLong)));
    }

    #[test]
    fn request_zero_is_a_notify() {
        assert!(!decode(b"\x00\x00\x01a").unwrap().wants_answer());
        assert!(decode(b"\x00\x01\x01a").unwrap().wants_answer());
        assert!(!decode(b"\x02\x01a").unwrap().wants_answer());
    }

    #[test]
    fn a_route_that_is_no_text_is_still_text() {
        let message = decode(b"\x02\x03a\xff.{}").unwrap();
        assert_eq!(message.route, Some(MessageRoute::Name("a\u{fffd}.".into())));
        assert_eq!(message.body, "{}");
    }

    #[test]
    fn refuses_to_send_a_long_route() {
        let route = "r".repeat(256);
        let refused = MessageHead::push(RouteRef::Name(&route)).put(&mut BytesMut::new());
        assert_eq!(refused, Err(MessageError::RouteTooLong(256)));
    }

    #[test]
    fn takes_what_was_put() {
        let long = "r".repeat(MAX_ROUTE);
        for route in [RouteRef::Code(0), RouteRef::Code(65_535), RouteRef::Name(""), RouteRef::Name(&long)] {
            let mut out = BytesMut::new();
            route.put(&mut out).unwrap();
            assert_eq!(out.len(), route.length());
            let bytes = out.freeze();
            let mut reader = Reader::new(&bytes);
            let read = MessageRoute::read(&mut reader, matches!(route, RouteRef::Code(_)), &bytes).unwrap();
            assert_eq!((read.as_ref(), reader.is_empty()), (route, true));
        }
    }
}
