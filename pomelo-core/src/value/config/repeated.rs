//! Keys that an object has twice: JavaScript takes the last value, and what stood before is lost without a word.
//!
//! serde keeps the last one and says nothing, so the text is looked through once more, for a warning.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::file::{is_comment, join};

/// The paths of these keys, such as `development.connector[0].port`, in a text that is JSON.
pub(super) fn keys(json: &str) -> Vec<String> {
    let mut found = Vec::new();
    let walk = Walk { at: String::new(), found: &mut found };
    // The text was read before. If it can't be read again, there is nothing more to say of it.
    let _ = walk.deserialize(&mut serde_json::Deserializer::from_str(json));
    found
}

/// A value that stands at a path.
struct Walk<'a> {
    at: String,
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if is_comment(&key) {
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            let at = join(&self.at, &key);
            if !seen.insert(key) && !self.found.contains(&at) {
                self.found.push(at.clone());
            }
            entries.next_value_seed(Walk { at, found: self.found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let at = |index: usize| format!("{}[{index}]", self.at);
        let mut index = 0;
        while elements.next_element_seed(Walk { at: at(index), found: self.found })?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn a_key_that_is_there_twice_is_found_wherever_it_is() {
        let json = r#"{ "a": { "b": [{ "c": 1 }, { "c": 1, "d": null, "c": "x", "c": 2.5 }] }, "//": 1, "//": { "e": 1, "e": 2 }, "a": true }"#;
        assert_eq!(keys(json), ["a.b[1].c", "a"]);
        assert!(keys(r#"[{ "a": 1 }, { "a": 1 }]"#).is_empty());
    }
}
