//! Names of routes.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::protocol::text;

/// The name of a route, sharing the memory of the package it came in, or of the dictionary.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct RouteName(Bytes);

impl RouteName {
    /// The name. It was checked when it was made; checking again costs a few nanoseconds and saves a copy.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(super) fn decode(bytes: Bytes) -> Self {
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
