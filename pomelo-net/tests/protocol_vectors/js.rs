//! JavaScript's values, which are more than JSON's: the vectors mark what JSON lacks.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A value, with keys in order and all numbers as JavaScript has them.
#[derive(Debug, Clone)]
pub(crate) enum Js {
    Nothing,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Js>),
    Object(Vec<(String, Js)>),
}

impl From<&Value> for Js {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.as_f64().unwrap()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(list) => Self::List(list.iter().map(Self::from).collect()),
            Value::Object(map) => marked(value).unwrap_or_else(|| {
                Self::Object(map.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect())
            }),
        }
    }
}

fn marked(value: &Value) -> Option<Js> {
    if let Some(number) = value.get("$number") {
        return Some(Js::Number(number.as_str()?.parse().unwrap()));
    }
    if let Some(units) = value.get("$utf16") {
        return Some(Js::Text(text(units)));
    }
    value.get("$undefined").map(|_| Js::Nothing)
}

/// Text from UTF-16 units; a lone surrogate becomes U+FFFD, as it does when Node writes it.
pub(crate) fn text(units: &Value) -> String {
    let units = units.as_array().unwrap().iter().map(|unit| u16::try_from(unit.as_u64().unwrap()).unwrap());
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

impl PartialEq for Js {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Number(left), Self::Number(right)) => same(*left, *right),
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::List(left), Self::List(right)) => left == right,
            (Self::Object(left), Self::Object(right)) => left == right,
            _ => false,
        }
    }
}

/// Up to the last bit: serde_json reads some long decimals one bit off.
fn same(left: f64, right: f64) -> bool {
    left == right || (left.is_nan() && right.is_nan()) || (left - right).abs() <= f64::EPSILON * left.abs()
}

impl Serialize for Js {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => {
                let mut elements = serializer.serialize_seq(None)?;
                list.iter().try_for_each(|element| elements.serialize_element(element))?;
                elements.end()
            }
            Self::Object(entries) => {
                let mut fields = serializer.serialize_map(None)?;
                entries.iter().try_for_each(|(key, value)| fields.serialize_entry(key, value))?;
                fields.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Js {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Js;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Js, E> {
        Ok(Js::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Js, E> {
        Ok(Js::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Js, E> {
        Ok(Js::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Js, E> {
        Ok(Js::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Js, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Js::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Js, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = fields.next_entry()? {
            entries.push(entry);
        }
        Ok(Js::Object(entries))
    }
}
