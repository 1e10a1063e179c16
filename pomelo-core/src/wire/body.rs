//! Bodies of messages between clients and handlers.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Encoding {
    /// JSON text, in UTF-8.
    #[default]
    Json,
    /// pomelo-protobuf, by the schema that the configuration has for the route; JSON where it has none.
    Protobuf,
    /// An encoding that the application brings a [`Codec`](super::Codec) for, such as MessagePack.
    Custom(CustomEncoding),
}

/// The number of an encoding that the application brings, below [`CustomEncoding::COUNT`].
///
/// ```
/// use pomelo::request::{CustomEncoding, Encoding};
///
/// const MESSAGE_PACK: Encoding = Encoding::Custom(CustomEncoding::new(0).unwrap());
/// assert!(CustomEncoding::new(CustomEncoding::COUNT).is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct CustomEncoding(u8);

impl CustomEncoding {
    /// How many there may be. A push says in the bits of one byte which encodings it comes in.
    pub const COUNT: u8 = Encoding::COUNT - Encoding::FIRST_CUSTOM;

    /// The encoding with that number, which must mean the same on all servers of the cluster; none if it is too high.
    pub const fn new(number: u8) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }
}

impl TryFrom<u8> for CustomEncoding {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("an encoding's number is too high")
    }
}

impl From<CustomEncoding> for u8 {
    fn from(encoding: CustomEncoding) -> Self {
        encoding.0
    }
}

impl Encoding {
    /// How many encodings there may be.
    pub(crate) const COUNT: u8 = 7;
    /// The number of the first encoding that an application may bring.
    const FIRST_CUSTOM: u8 = 2;

    /// The encoding's number between servers.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Json => 0,
            Self::Protobuf => 1,
            Self::Custom(CustomEncoding(number)) => Self::FIRST_CUSTOM + number,
        }
    }

    /// The encoding with that number; none if nothing has it.
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Json),
            1 => Some(Self::Protobuf),
            Self::FIRST_CUSTOM..Self::COUNT => {
                Some(Self::Custom(CustomEncoding(number - Self::FIRST_CUSTOM)))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("JSON"),
            Self::Protobuf => f.write_str("protobuf"),
            Self::Custom(CustomEncoding(number)) => write!(f, "custom encoding {number}"),
        }
    }
}

/// The body of a message, undecoded.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// How `bytes` is written.
    pub encoding: Encoding,
    /// The encoded value.
    pub bytes: Bytes,
}

impl Body {
    /// A body of JSON text.
    pub fn json(bytes: impl Into<Bytes>) -> Self {
        Self { encoding: Encoding::Json, bytes: bytes.into() }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.encoding {
            Encoding::Json => f.write_str(&String::from_utf8_lossy(&self.bytes)),
            encoding => write!(f, "{:?} as {encoding}", self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_has_a_number_of_its_own_and_no_number_means_two() {
        let all: Vec<_> = (0..=u8::MAX).filter_map(Encoding::from_number).collect();
        assert_eq!(all.len(), usize::from(Encoding::COUNT));
        assert!(all.iter().zip(0..).all(|(encoding, number)| encoding.number() == number));
        assert_eq!(all[2..].len(), usize::from(CustomEncoding::COUNT));
    }

    #[test]
    fn an_encoding_that_a_peer_makes_up_is_an_error() {
        for encoding in (0..Encoding::COUNT).filter_map(Encoding::from_number) {
            let text = serde_json::to_string(&encoding).unwrap();
            assert_eq!(serde_json::from_str::<Encoding>(&text).unwrap(), encoding);
        }
        assert!(serde_json::from_str::<Encoding>(r#"{"Custom":5}"#).is_err());
    }
}
