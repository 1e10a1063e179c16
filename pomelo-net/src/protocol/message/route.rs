//! Routes in messages: names and codes.

use std::borrow::Cow;
use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::MessageError;
use crate::protocol::reader::Reader;
use crate::protocol::text;

/// The longest route that can be sent as a name, in bytes of UTF-8: its length is one byte.
pub const MAX_ROUTE: usize = 255;

/// The name of a route, sharing the memory of the package it came in, or of the dictionary.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct RouteName(Bytes);

impl RouteName {
    /// The name. It was checked when it was made; checking again costs a few nanoseconds and saves a copy.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    fn decode(bytes: Bytes) -> Self {
        match text::decode(&bytes) {
            Cow::Borrowed(_) => Self(bytes),
            Cow::Owned(decoded) => Self::from(decoded),
        }
    }
}

impl From<String> for RouteName {
    fn from(name: String) -> Self {
        Self(Bytes::from(name))
    }
}

impl From<&str> for RouteName {
    fn from(name: &str) -> Self {
        Self(Bytes::copy_from_slice(name.as_bytes()))
    }
}

impl AsRef<str> for RouteName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
    /// Takes a route off the start of `rest`; what [`RouteRef::put`] wrote.
    pub(super) fn take(rest: &mut Bytes, code: bool) -> Result<Self, MessageError> {
        let mut reader = Reader::new(rest);
        if code {
            let code = reader.u16_be().map_err(|_| MessageError::RouteTruncated)?;
            rest.advance(2);
            return Ok(MessageRoute::Code(code));
        }
        let length = usize::from(reader.byte().map_err(|_| MessageError::RouteTruncated)?);
        reader.take(length).map_err(|_| MessageError::RouteTruncated)?;
        rest.advance(1);
        Ok(MessageRoute::Name(RouteName::decode(rest.split_to(length))))
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
    pub(super) fn length(self) -> usize {
        match self {
            Self::Code(_) => 2,
            Self::Name(name) => name.len().saturating_add(1),
        }
    }

    pub(super) fn put(self, out: &mut BytesMut) -> Result<(), MessageError> {
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
    use super::*;

    #[test]
    fn takes_what_was_put() {
        let long = "r".repeat(MAX_ROUTE);
        for route in [RouteRef::Code(0), RouteRef::Code(65_535), RouteRef::Name(""), RouteRef::Name(&long)] {
            let mut out = BytesMut::new();
            route.put(&mut out).unwrap();
            assert_eq!(out.len(), route.length());
            let mut rest = out.freeze();
            let taken = MessageRoute::take(&mut rest, matches!(route, RouteRef::Code(_))).unwrap();
            assert_eq!((taken.as_ref(), rest.is_empty()), (route, true));
        }
    }
}
