//! JavaScript's habits, where they show on the wire: the order of an object's keys and of strings, and characters as pairs of units.
//!
//! `dictVersion` and `protoVersion` are sums over JSON as JavaScript writes it. So what is summed has
//! JavaScript's order of keys, or every client would be sent all of it each time.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

use serde_json::{Map, Value};

/// Puts the keys of an object into the order in which JavaScript lists them: those that are array
/// indices first, by number, then the others as they were added.
pub(crate) fn order_keys(map: &mut Map<String, Value>) {
    if !map.keys().any(|key| array_index(key).is_some()) {
        return;
    }
    let mut entries: Vec<_> = std::mem::take(map).into_iter().collect();
    entries.sort_by_key(|(key, _)| array_index(key).map_or((true, 0), |index| (false, index)));
    map.extend(entries);
}

/// The number that a key is, if JavaScript takes it for an array index: `7`, but not `07`.
fn array_index(key: &str) -> Option<u32> {
    let index: u32 = key.parse().ok()?;
    let canonical = key == "0" || key.starts_with(|first: char| matches!(first, '1'..='9'));
    (canonical && index < u32::MAX).then_some(index)
}

/// Compares strings as JavaScript sorts them: by UTF-16 unit, not by character.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// The same JSON with characters beyond U+FFFF as escapes, `\ud83d\ude00`: they stand in texts only, so that nothing else
/// changes for who reads JSON. Nearly always there are none, and nothing is copied.
pub(crate) fn escape_astral(json: &[u8]) -> Cow<'_, [u8]> {
    // Each begins by such a byte. The greatest of all bytes is found several at a time.
    if json.iter().fold(0, |greatest, byte| greatest.max(*byte)) < 0xf0 {
        return Cow::Borrowed(json);
    }
    match str::from_utf8(json) {
        Ok(text) => Cow::Owned(escaped(text).into_bytes()),
        Err(_) => Cow::Borrowed(json),
    }
}

fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len().saturating_mul(2));
    for character in json.chars() {
        match character {
            '\0'..='\u{ffff}' => escaped.push(character),
            astral => astral.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                // Writing to a String can't fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }),
        }
    }
    escaped
}

/// What a JSON value is, for messages to people.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_numbers_first() {
        let Value::Object(mut map) = json!({ "b": 1, "10": 2, "a": 3, "2": 4, "07": 5 }) else { panic!() };
        order_keys(&mut map);
        assert_eq!(map.keys().collect::<Vec<_>>(), ["2", "10", "b", "a", "07"]);
    }

    #[test]
    fn escapes_what_lies_beyond_the_basic_plane() {
        let json = json!({ "a😀": "好\u{ffff}\u{10000}\u{10ffff}\\" }).to_string();
        let escaped = escape_astral(json.as_bytes());
        let expected = "{\"a\\ud83d\\ude00\":\"好\u{ffff}\\ud800\\udc00\\udbff\\udfff\\\\\"}";
        assert_eq!(escaped, expected.as_bytes());
        assert_eq!(serde_json::from_slice::<Value>(&escaped).unwrap().to_string(), json);
        assert!(matches!(escape_astral("{\"a\":\"好é\"}".as_bytes()), Cow::Borrowed(_)));
        assert!(matches!(escape_astral(b"\xff\xfe"), Cow::Borrowed(_)));
    }

    #[test]
    fn sorts_by_utf16_unit() {
        assert_eq!(compare("\u{10000}", "\u{ffff}"), Ordering::Less);
        assert_eq!(compare("Z", "a"), Ordering::Less);
    }
}
