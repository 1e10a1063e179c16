//! Bodies to and from serde's types: JSON here, pomelo-protobuf by whoever knows its schemas.

use std::cell::Cell;

use std::borrow::Cow;
use std::fmt::Display;

use bytes::Bytes;
use erased_serde::{Deserializer, Serialize};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body::{Body, Encoding};
use crate::value::{Result, bad_message};

/// A schema-driven encoding of bodies, chosen by route.
pub trait SchemaCodec: Send + Sync + 'static {
    /// Encodes what the server sends on `route`; none if there is no schema for it.
    ///
    /// # Errors
    /// If the value doesn't fit the schema: which field, and why.
    fn encode(&self, route: &str, value: &dyn Serialize) -> Option<Result<Bytes>>;

    /// Encodes of `fields` what the schema for `route` has and what fits it, and leaves out the rest; none if there is no
    /// schema for it.
    fn encode_known(&self, route: &str, fields: &Map<String, Value>) -> Option<Bytes>;

    /// Hands `visit` a deserializer of what a client sent on `route`.
    ///
    /// # Errors
    /// What `visit` returns, or that there is no schema for the route.
    fn decode(
        &self,
        route: &str,
        bytes: &[u8],
        visit: &mut dyn FnMut(&mut dyn Deserializer<'_>) -> Result<()>,
    ) -> Result<()>;
}

/// All codecs that a server has.
#[derive(Default)]
pub struct Codecs {
    protobuf: Option<Box<dyn SchemaCodec>>,
}

impl Codecs {
    /// JSON and, by `protobuf`, pomelo-protobuf.
    pub fn with_protobuf(protobuf: impl SchemaCodec) -> Self {
        Self { protobuf: Some(Box::new(protobuf)) }
    }

    /// Encodes a body in the encoding that is accepted, or in JSON where that has no schema for the route.
    ///
    /// # Errors
    /// If the value can't be encoded: which field, and why.
    pub fn encode<T>(&self, accept: Encoding, route: &str, value: &T) -> Result<Body>
    where
        T: serde::Serialize + ?Sized,
    {
        if let (Encoding::Protobuf, Some(protobuf)) = (accept, &self.protobuf)
            && let Some(encoded) = protobuf.encode(route, &value)
        {
            let bytes = encoded.map_err(|e| e.context(route))?;
            return Ok(Body { encoding: Encoding::Protobuf, bytes });
        }
        encode_json(value).map(Body::json).map_err(|e| bad_message(format_args!("{route}: {e}")))
    }

    /// Makes a response readable: a client that has a schema for the route reads every response by it, an error, too.
    /// Of JSON that was to go there, it gets the fields that the schema has.
    pub fn fit<'a>(&self, accept: Encoding, route: &str, body: &'a Body) -> Cow<'a, Body> {
        let (Encoding::Protobuf, Encoding::Json, Some(protobuf)) = (accept, body.encoding, &self.protobuf)
        else {
            return Cow::Borrowed(body);
        };
        let nothing = Map::new();
        if protobuf.encode_known(route, &nothing).is_none() {
            return Cow::Borrowed(body);
        }
        let fields = serde_json::from_slice(&body.bytes).unwrap_or(nothing);
        match protobuf.encode_known(route, &fields) {
            Some(bytes) => Cow::Owned(Body { encoding: Encoding::Protobuf, bytes }),
            None => Cow::Borrowed(body),
        }
    }

    /// Decodes a body that a client sent on `route`: JSON as [`pomelo_json`] reads it. What isn't valid counts as `{}`, as in pomelo.
    ///
    /// # Errors
    /// [`BadMessage`](crate::value::ErrorKind::BadMessage) naming the field.
    pub fn decode<T: DeserializeOwned>(&self, route: &str, body: &Body) -> Result<T> {
        self.decode_or(route, body, |_| {})
    }

    /// As [`decode`](Self::decode); tells `unreadable` of a body that counts as `{}`.
    pub(crate) fn decode_or<T: DeserializeOwned>(
        &self,
        route: &str,
        body: &Body,
        unreadable: impl FnOnce(&dyn Display),
    ) -> Result<T> {
        match body.encoding {
            Encoding::Json => decode_json(&body.bytes, unreadable),
            Encoding::Protobuf => {
                let protobuf =
                    self.protobuf.as_ref().ok_or_else(|| bad_message("no protobuf schemas here"))?;
                let mut value = None;
                protobuf.decode(route, &body.bytes, &mut |deserializer| {
                    value = Some(erased_serde::deserialize(deserializer).map_err(bad_message)?);
                    Ok(())
                })?;
                value.ok_or_else(|| bad_message("nothing was decoded"))
            }
        }
    }
}

/// Memory that a longer body took is not kept.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Writes to a buffer of the thread first, so that the body takes memory once and no more than it needs.
fn encode_json<T: serde::Serialize + ?Sized>(value: &T) -> serde_json::Result<Bytes> {
    // Taken, since serializing a value may encode another one.
    let mut buffer = BUFFER.take();
    buffer.clear();
    let written = serde_json::to_writer(&mut buffer, value);
    let bytes = written.map(|()| Bytes::copy_from_slice(&buffer));
    if buffer.capacity() <= SCRATCH {
        BUFFER.set(buffer);
    }
    bytes
}

fn decode_json<T: DeserializeOwned>(bytes: &[u8], unreadable: impl FnOnce(&dyn Display)) -> Result<T> {
    // Nearly always that is all.
    serde_json::from_slice(bytes).or_else(|_| decode_lenient(bytes, unreadable))
}

/// Reads what `serde_json` doesn't, as JavaScript would.
#[cold]
fn decode_lenient<T: DeserializeOwned>(bytes: &[u8], unreadable: impl FnOnce(&dyn Display)) -> Result<T> {
    let why: &dyn Display = &match str::from_utf8(bytes) {
        Err(error) => error.to_string(),
        Ok(text) => match pomelo_json::from_str(text) {
            Ok(value) => return Ok(value),
            Err(pomelo_json::Error::Syntax(error)) => error.to_string(),
            Err(error) => return Err(bad_message(error)),
        },
    };
    unreadable(why);
    pomelo_json::from_str("{}").map_err(bad_message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_javascript_reads_them() {
        // Each is one bit off where a parser is only nearly right.
        for text in ["31.245270191439438", "-0.014334833795275087", "121.48791951161945"] {
            let number: f64 = Codecs::default().decode("a.b.c", &Body::json(text)).unwrap();
            assert_eq!(number, text.parse::<f64>().unwrap());
        }
    }

    #[test]
    fn what_javascript_reads_is_read_and_the_rest_is_an_empty_object() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Say {
            #[serde(default)]
            text: String,
            #[serde(default)]
            count: u32,
        }
        let decode = |text: &str| {
            let mut why = None;
            let say = Codecs::default().decode_or::<Say>("a.b.c", &Body::json(text.to_owned()), |error| {
                why = Some(error.to_string());
            });
            (say, why)
        };
        let say = |text: &str, count| Say { text: text.into(), count };
        for (text, expected) in [
            (r#"{"text": "cut \ud83d"}"#, say("cut \u{fffd}", 0)),
            (r#"{"count": 5.0}"#, say("", 5)),
            (r#"{"count": 5e0, "other": [1e400, "\ude00"]}"#, say("", 5)),
            (r#"{"count": 1, "count": 2}"#, say("", 2)),
        ] {
            assert_eq!((decode(text).0.unwrap(), decode(text).1), (expected, None), "{text}");
        }
        let (refused, why) = decode(r#"{"count": 1.5}"#);
        assert_eq!(refused.unwrap_err().message(), "count: invalid type: floating point `1.5`, expected u32");
        assert_eq!(why, None);
        // Also where a field is wrong before the text is.
        for text in ["", "{", r#"{"count": 1, }"#, r#"{"count": true "#, "\u{feff}{}", &"[".repeat(100_000)] {
            let (empty, why) = decode(text);
            assert!(empty.unwrap() == say("", 0) && why.is_some(), "{text}");
        }
    }
}
