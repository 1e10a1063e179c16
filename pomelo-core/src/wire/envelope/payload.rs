//! Payloads: one message in every encoding that its receivers need.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::wire::{Body, Encoding};

/// One message as bodies, one for each encoding that its receivers need, in the order of the encodings' numbers.
///
/// Mostly that is one; two take no memory of their own either.
#[derive(Debug, Default)]
pub(crate) struct Payload(SmallVec<[Body; 2]>);

impl Payload {
    /// Adds a body, unless there is one in its encoding.
    pub(crate) fn add(&mut self, body: Body) {
        let number = body.encoding.number();
        match self.0.iter().position(|other| other.encoding.number() >= number) {
            None => self.0.push(body),
            Some(at) if self.0.get(at).is_some_and(|other| other.encoding == body.encoding) => {}
            Some(at) => self.0.insert(at, body),
        }
    }

    /// Adds a body in an encoding whose number is higher than those of all others.
    pub(super) fn add_last(&mut self, body: Body) {
        debug_assert!(self.0.last().is_none_or(|last| last.encoding.number() < body.encoding.number()));
        self.0.push(body);
    }

    /// The body for receivers that accept `encoding`: what has no schema is in JSON for them, too.
    pub(crate) fn body(&self, accept: Encoding) -> Option<&Body> {
        self.of(accept).or_else(|| self.of(Encoding::Json))
    }

    /// All bodies, in the order of their encodings' numbers.
    pub(crate) fn bodies(&self) -> &[Body] {
        &self.0
    }

    fn of(&self, encoding: Encoding) -> Option<&Body> {
        self.0.iter().find(|body| body.encoding == encoding)
    }
}

impl Clone for Payload {
    fn clone(&self) -> Self {
        // For the one or two that there are, cheaper than to clone a list.
        let mut bodies = SmallVec::new();
        for body in &self.0 {
            bodies.push(body.clone());
        }
        Self(bodies)
    }
}

/// As MessagePack a payload is an array, as servers before had it: at the place of each encoding's number its body or nil, at least
/// for JSON and protobuf.
const FEWEST_PLACES: usize = 2;

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let places =
            self.0.last().map_or(0, |body| usize::from(body.encoding.number()) + 1).max(FEWEST_PLACES);
        let mut array = serializer.serialize_tuple(places)?;
        for encoding in (0..Encoding::COUNT).take(places).filter_map(Encoding::from_number) {
            array.serialize_element(&self.of(encoding).map(|body| &body.bytes))?;
        }
        array.end()
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Bodies)
    }
}

struct Bodies;

impl<'de> Visitor<'de> for Bodies {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a body or nothing for each encoding")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Payload, A::Error> {
        let mut payload = Payload::default();
        let mut number = 0;
        while let Some(bytes) = array.next_element::<Option<Bytes>>()? {
            let encoding = Encoding::from_number(number)
                .ok_or_else(|| de::Error::invalid_length(usize::from(number) + 1, &self))?;
            if let Some(bytes) = bytes {
                payload.add_last(Body { encoding, bytes });
            }
            number += 1;
        }
        Ok(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CustomEncoding;

    fn body(number: u8, text: &'static str) -> Body {
        Body { encoding: Encoding::from_number(number).unwrap(), bytes: text.into() }
    }

    fn payload(bodies: impl IntoIterator<Item = Body>) -> Payload {
        let mut payload = Payload::default();
        bodies.into_iter().for_each(|body| payload.add(body));
        payload
    }

    #[test]
    fn a_receiver_gets_the_body_in_its_encoding_or_else_the_one_in_json() {
        let third = Encoding::Custom(CustomEncoding::new(0).unwrap());
        let all = payload([body(2, "third"), body(0, "json"), body(1, "protobuf"), body(0, "again")]);
        let text = |accept| all.body(accept).map(|body| &body.bytes[..]);
        assert_eq!(text(Encoding::Json), Some(&b"json"[..]));
        assert_eq!(text(Encoding::Protobuf), Some(&b"protobuf"[..]));
        assert_eq!(text(third), Some(&b"third"[..]));
        let json = payload([body(0, "json")]);
        assert_eq!(json.body(third), Some(&body(0, "json")));
        assert_eq!(payload([body(1, "protobuf")]).body(Encoding::Json), None);
    }

    #[test]
    fn as_message_pack_a_payload_is_what_it_was_with_two_fields() {
        #[derive(Serialize)]
        struct Before {
            json: Option<Bytes>,
            protobuf: Option<Bytes>,
        }
        let text = |has: bool, text: &'static str| has.then(|| Bytes::from_static(text.as_bytes()));
        for (json, protobuf) in [(false, false), (true, false), (false, true), (true, true)] {
            let before = Before { json: text(json, "json"), protobuf: text(protobuf, "protobuf") };
            let bodies = [json.then(|| body(0, "json")), protobuf.then(|| body(1, "protobuf"))];
            let now = rmp_serde::to_vec(&payload(bodies.into_iter().flatten())).unwrap();
            assert_eq!(now, rmp_serde::to_vec(&before).unwrap());
        }
    }

    #[test]
    fn bodies_in_encodings_that_there_are_not_are_an_error() {
        let places = |count: usize| rmp_serde::to_vec(&vec![Some(Bytes::from_static(b"x")); count]).unwrap();
        let most = usize::from(Encoding::COUNT);
        let read: Payload = rmp_serde::from_slice(&places(most)).unwrap();
        assert_eq!(read.bodies().len(), most);
        assert!(rmp_serde::from_slice::<Payload>(&places(most + 1)).is_err());
    }
}
