//! JavaScript's habits, where they show on the wire: the order of an object's keys, and of strings.

use std::cmp::Ordering;

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
    fn sorts_by_utf16_unit() {
        assert_eq!(compare("\u{10000}", "\u{ffff}"), Ordering::Less);
        assert_eq!(compare("Z", "a"), Ordering::Less);
    }
}
