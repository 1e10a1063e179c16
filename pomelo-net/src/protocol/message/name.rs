//! Names of routes.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::Bytes;

use crate::protocol::text;

/// A name of so many bytes is kept in place: as long as those of most routes, and no larger than sharing one.
const SHORT_BYTES: usize = 38;

/// The name of a route: a short one in place, a long one sharing the memory of the package it came in, or of the dictionary.
#[derive(Clone)]
pub struct RouteName(Name);

#[derive(Clone)]
enum Name {
    Short { bytes: [u8; SHORT_BYTES], length: u8 },
    Long(Bytes),
}

impl RouteName {
    /// The name. It was checked when it was made; checking again costs a few nanoseconds and saves a copy.
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.bytes()).unwrap_or_default()
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Name::Short { bytes, length } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Name::Long(bytes) => bytes,
        }
    }

    fn short(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT_BYTES];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        let length = u8::try_from(name.len()).ok()?;
        Some(Self(Name::Short { bytes, length }))
    }

    /// The name that the bytes at `range` of a package are.
    pub(super) fn decode(package: &Bytes, range: std::ops::Range<usize>) -> Self {
        let name = package.get(range.clone()).unwrap_or_default();
        match text::decode(name) {
            Cow::Borrowed(_) => Self::short(name).unwrap_or_else(|| Self(Name::Long(package.slice(range)))),
            Cow::Owned(decoded) => Self::from(decoded),
        }
    }
}

impl Default for RouteName {
    fn default() -> Self {
        Self(Name::Short { bytes: [0; SHORT_BYTES], length: 0 })
    }
}

impl PartialEq for RouteName {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for RouteName {}

impl Hash for RouteName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl From<String> for RouteName {
    fn from(name: String) -> Self {
        Self::short(name.as_bytes()).unwrap_or_else(|| Self(Name::Long(Bytes::from(name))))
    }
}

impl From<&str> for RouteName {
    fn from(name: &str) -> Self {
        Self::short(name.as_bytes())
            .unwrap_or_else(|| Self(Name::Long(Bytes::copy_from_slice(name.as_bytes()))))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_whether_it_is_kept_in_place_or_shared() {
        for length in [0, 1, SHORT_BYTES - 1, SHORT_BYTES, SHORT_BYTES + 1, 255] {
            let text = "é".repeat(length / 2) + &"r".repeat(length % 2);
            let package = Bytes::from(format!("<{text}>"));
            let names = [
                RouteName::decode(&package, 1..package.len() - 1),
                RouteName::from(text.as_str()),
                RouteName::from(text.clone()),
            ];
            assert!(names.iter().all(|name| name.as_str() == text && *name == names[0]), "{names:?}");
        }
        assert_eq!(RouteName::default(), RouteName::from(""));
    }

    #[test]
    fn a_short_name_keeps_no_package_alive() {
        let package = Bytes::from(b"a.b.c{}".to_vec());
        let name = RouteName::decode(&package, 0..5);
        assert!(package.is_unique());
        assert_eq!(name.as_str(), "a.b.c");
    }
}
