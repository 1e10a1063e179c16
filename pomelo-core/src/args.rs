//! Arguments and results of remote calls, as MessagePack.

use bytes::Bytes;
use rmp_serde::Deserializer;
use rmp_serde::decode::ReadRefReader;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::value::{Result, bad_message, scratch};

/// MessagePack with structs as maps, so that they can grow.
pub(crate) fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    scratch::encoded(|buffer| rmp_serde::encode::write_named(buffer, value)).map_err(bad_message)
}

/// Reads what [`pack`] wrote.
pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).map_err(bad_message)
}

/// Writes a call's arguments: a MessagePack array, structs as maps.
pub struct ArgWriter(Vec<u8>);

impl ArgWriter {
    /// An array of `count` arguments, which must follow.
    pub fn new(count: u8) -> Self {
        let mut bytes = scratch::take();
        match count {
            0..=15 => bytes.push(0x90 | count),
            _ => bytes.extend_from_slice(&[0xdc, 0, count]),
        }
        Self(bytes)
    }

    /// Adds one argument.
    ///
    /// # Errors
    /// If it can't be written: which argument, and why.
    pub fn arg<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        rmp_serde::encode::write_named(&mut self.0, value)
            .map_err(|e| bad_message(format_args!("argument `{name}`: {e}")))
    }

    pub(crate) fn into_bytes(mut self) -> Bytes {
        let buffer = std::mem::take(&mut self.0);
        let bytes = Bytes::copy_from_slice(&buffer);
        scratch::give_back(buffer);
        bytes
    }
}

/// Reads a call's arguments one by one; more than are read are ignored, so that callers can be newer.
pub struct ArgReader<'a> {
    /// One for all: it reads texts where they are, and one over a reader would copy each of them once more.
    rest: Deserializer<ReadRefReader<'a, [u8]>>,
    left: usize,
}

impl<'a> ArgReader<'a> {
    /// Reads the array's head.
    ///
    /// # Errors
    /// If `args` is no MessagePack array.
    pub fn new(args: &'a [u8]) -> Result<Self> {
        let (left, rest) = match args {
            [head @ 0x90..=0x9f, rest @ ..] => (usize::from(head & 0x0f), rest),
            [0xdc, a, b, rest @ ..] => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            _ => return Err(bad_message("the arguments are no array")),
        };
        Ok(Self { rest: Deserializer::from_read_ref(rest), left })
    }

    /// The next argument.
    ///
    /// # Errors
    /// If it is missing or no `T`: which argument, and why.
    pub fn next<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        match self.take(name)? {
            Some(value) => Ok(value),
            None => Err(bad_message(format_args!("argument `{name}` is missing"))),
        }
    }

    /// The next argument, or its default if the caller sent fewer: a trailing `Option` or `#[pomelo(default)]`.
    ///
    /// # Errors
    /// If it is there and no `T`: which argument, and why.
    pub fn next_or_default<T: DeserializeOwned + Default>(&mut self, name: &str) -> Result<T> {
        Ok(self.take(name)?.unwrap_or_default())
    }

    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        if self.left == 0 {
            return Ok(None);
        }
        let value = T::deserialize(&mut self.rest)
            .map_err(|e| bad_message(format_args!("argument `{name}`: {e}")))?;
        self.left -= 1;
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> Bytes {
        let mut writer = ArgWriter::new(2);
        writer.arg("uid", "u1").unwrap();
        writer.arg("n", &7u32).unwrap();
        writer.into_bytes()
    }

    #[test]
    fn arguments_are_read_one_by_one() {
        let args = args();
        let mut reader = ArgReader::new(&args).unwrap();
        assert_eq!(reader.next::<String>("uid").unwrap(), "u1");
        assert_eq!(reader.next::<u32>("n").unwrap(), 7);
        assert_eq!(reader.next_or_default::<Option<u8>>("more").unwrap(), None);
        assert_eq!(reader.next::<u32>("must").unwrap_err().message(), "argument `must` is missing");
    }

    #[test]
    fn an_error_names_the_argument() {
        let args = args();
        let error = ArgReader::new(&args).unwrap().next::<u32>("uid").unwrap_err();
        assert!(error.message().starts_with("argument `uid`: "), "{error}");
    }

    #[test]
    fn surplus_is_ignored() {
        let args = args();
        assert_eq!(ArgReader::new(&args).unwrap().next::<String>("uid").unwrap(), "u1");
    }

    #[test]
    fn cut_arguments_are_an_error() {
        let args = args();
        for end in 0..args.len() {
            let read = ArgReader::new(&args[..end])
                .and_then(|mut reader| Ok((reader.next::<String>("uid")?, reader.next::<u32>("n")?)));
            assert!(read.is_err(), "{end}");
        }
    }
    #[test]
    fn fuzz_args() {
        let mut odd = ArgWriter::new(4);
        odd.arg("a", &Some("text")).unwrap();
        odd.arg("b", &vec![1u8, 2, 255]).unwrap();
        odd.arg("c", &serde_json::json!({ "a": [1.5, null, { "b": -7 }] })).unwrap();
        odd.arg("d", &u64::MAX).unwrap();
        pomelo_fuzz::fuzz("args", &[args(), odd.into_bytes()], |random, input| {
            let Ok(mut reader) = ArgReader::new(input) else { return };
            for _ in 0..5 {
                let read = match random.below(4) {
                    0 => reader.next::<String>("text").is_ok(),
                    1 => reader.next::<Vec<u64>>("list").is_ok(),
                    2 => reader.next_or_default::<Option<serde_json::Value>>("tree").is_ok(),
                    _ => reader.next::<i64>("number").is_ok(),
                };
                if !read {
                    return;
                }
            }
        });
    }
}
