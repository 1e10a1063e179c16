//! Codecs: bodies to and from serde's types. JSON is here; other encodings are by a [`Codec`] each.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use erased_serde::{Deserializer, Serialize};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body::{Body, Encoding};
use crate::value::{Error, Result, bad_message, scratch};

/// An encoding of bodies other than JSON: pomelo-protobuf by its schemas, or [one of the application's](Encoding::Custom).
///
/// Every server of a cluster needs it, since the one that sends encodes. The frontends whose clients take the encoding say so by
/// their [`Format`](super::Format).
///
/// ```
/// use bytes::Bytes;
/// use pomelo::ext::codec::{Codec, CustomEncoding, Deserializer, Encoding, Error, Result, Serialize, Value};
///
/// /// MessagePack, for clients whose connector's format asks for it.
/// struct MessagePack;
///
/// const MESSAGE_PACK: Encoding = Encoding::Custom(CustomEncoding::new(0).unwrap());
///
/// impl Codec for MessagePack {
///     fn encode(&self, _: &str, value: &dyn Serialize) -> Option<Result<Bytes>> {
///         Some(rmp_serde::to_vec_named(&value).map(Bytes::from).map_err(|why| Error::new(500, why)))
///     }
///
///     fn encode_known(&self, _: &str, value: &Value) -> Option<Bytes> {
///         rmp_serde::to_vec_named(value).ok().map(Bytes::from)
///     }
///
///     fn decode(
///         &self,
///         _: &str,
///         bytes: &[u8],
///         visit: &mut dyn FnMut(&mut dyn Deserializer<'_>) -> Result<()>,
///     ) -> Result<()> {
///         let mut from = rmp_serde::Deserializer::from_read_ref(bytes);
///         visit(&mut <dyn Deserializer>::erase(&mut from))
///     }
/// }
///
/// # use pomelo_doc::App;
/// let builder = App::builder().codec(MESSAGE_PACK, MessagePack);
/// ```
///
/// A route is a handler's, `chat.chatHandler.send`, for messages and responses, and a push's free text for
/// pushes.
pub trait Codec: Send + Sync + 'static {
    /// Encodes what the server sends on `route`; none if clients read JSON there, as where there is no schema for it.
    ///
    /// # Errors
    /// If the value doesn't fit the schema: which field, and why.
    fn encode(&self, route: &str, value: &dyn Serialize) -> Option<Result<Bytes>>;

    /// Encodes of `value` what clients can read on `route`, and leaves out the rest, such as fields that the schema has not; none if
    /// clients read JSON there.
    fn encode_known(&self, route: &str, value: &Value) -> Option<Bytes>;

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

/// All codecs that a server has: JSON's, and one for each other encoding.
///
/// ```
/// use pomelo::ext::codec::{Codecs, Encoding};
///
/// // Without a schema, protobuf is JSON, too.
/// let body = Codecs::default().encode(Encoding::Protobuf, "onChat", &"hello").unwrap();
/// assert_eq!((body.encoding, &body.bytes[..]), (Encoding::Json, &br#""hello""#[..]));
/// ```
#[derive(Default)]
pub struct Codecs {
    /// By the number of the encoding; that of JSON stays empty.
    by_number: [Option<Arc<dyn Codec>>; Encoding::COUNT as usize],
}

impl Codecs {
    /// JSON and, by `protobuf`, pomelo-protobuf.
    pub fn with_protobuf(protobuf: impl Codec) -> Self {
        Self::default().with(Encoding::Protobuf, protobuf)
    }

    /// Adds a codec for another encoding than JSON, in place of the one that there was.
    #[must_use]
    pub fn with(mut self, encoding: Encoding, codec: impl Codec) -> Self {
        self.add(encoding, Arc::new(codec));
        self
    }

    pub(crate) fn add(&mut self, encoding: Encoding, codec: Arc<dyn Codec>) {
        if let Some(place) = self.by_number.get_mut(usize::from(encoding.number())) {
            *place = Some(codec);
        }
    }

    /// The codec of an encoding; JSON has none.
    fn codec(&self, encoding: Encoding) -> Option<&dyn Codec> {
        if encoding == Encoding::Json {
            return None;
        }
        self.by_number.get(usize::from(encoding.number()))?.as_deref()
    }

    /// Encodes a body in the encoding that is accepted, or in JSON where that has no schema for the route.
    ///
    /// # Errors
    /// If the value can't be encoded: which field, and why.
    pub fn encode<T>(&self, accept: Encoding, route: &str, value: &T) -> Result<Body>
    where
        T: serde::Serialize + ?Sized,
    {
        if let Some(codec) = self.codec(accept)
            && let Some(encoded) = codec.encode(route, &value)
        {
            let bytes = encoded.map_err(|e| e.context(route))?;
            return Ok(Body { encoding: accept, bytes });
        }
        encode_json(value).map(Body::json).map_err(|e| bad_message(format_args!("{route}: {e}")))
    }

    /// Makes a response readable: a client that reads responses on the route in another encoding than JSON reads every response
    /// by it, an error, too. Of JSON that was to go there, it gets what that encoding has, such as the fields of a schema.
    pub fn fit<'a>(&self, accept: Encoding, route: &str, body: &'a Body) -> Cow<'a, Body> {
        let (Encoding::Json, Some(codec)) = (body.encoding, self.codec(accept)) else {
            return Cow::Borrowed(body);
        };
        let nothing = Value::Object(Map::new());
        if codec.encode_known(route, &nothing).is_none() {
            return Cow::Borrowed(body);
        }
        let value = serde_json::from_slice(&body.bytes).unwrap_or(nothing);
        match codec.encode_known(route, &value) {
            Some(bytes) => Cow::Owned(Body { encoding: accept, bytes }),
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
        if body.encoding == Encoding::Json {
            return decode_json(&body.bytes, unreadable);
        }
        let codec = self.codec(body.encoding).ok_or_else(|| missing(body.encoding))?;
        let mut value = None;
        codec.decode(route, &body.bytes, &mut |deserializer| {
            value = Some(erased_serde::deserialize(deserializer).map_err(bad_message)?);
            Ok(())
        })?;
        value.ok_or_else(|| bad_message("nothing was decoded"))
    }
}

#[cold]
fn missing(encoding: Encoding) -> Error {
    match encoding {
        Encoding::Protobuf => bad_message("no protobuf schemas here"),
        encoding => bad_message(format_args!("no codec for {encoding} here")),
    }
}

fn encode_json<T: serde::Serialize + ?Sized>(value: &T) -> serde_json::Result<Bytes> {
    scratch::encoded(|buffer| serde_json::to_writer(buffer, value))
}

fn decode_json<T: DeserializeOwned>(bytes: &[u8], unreadable: impl FnOnce(&dyn Display)) -> Result<T> {
    // Nearly always that is all.
    pomelo_json::from_plain(bytes).or_else(|_| decode_lenient(bytes, unreadable))
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
    fn what_has_no_type_is_whole_where_javascript_says_so() {
        #[derive(serde::Deserialize)]
        struct Buy {
            price: f64,
            what: Value,
        }
        let json = r#"{"price": 2.0, "what": {"count": 1.0, "of": [5e0, 1.5]}}"#;
        let codecs = Codecs::default();
        let buy: Buy = codecs.decode("a.b.c", &Body::json(json)).unwrap();
        assert_eq!(
            (buy.price, buy.what["count"].as_i64(), buy.what["of"][0].as_u64()),
            (2.0, Some(1), Some(5))
        );
        assert_eq!(buy.what["of"][1].as_f64(), Some(1.5));
        let all: Value = codecs.decode("a.b.c", &Body::json(json)).unwrap();
        assert_eq!(all.to_string(), r#"{"price":2,"what":{"count":1,"of":[5,1.5]}}"#);
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
