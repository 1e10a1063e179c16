//! Values of configuration files, read as JavaScript reads them: `"3010"` and `3010.0` are the number 3010, `"true"` is true, `null`
//! is not there, nor is a text that is empty.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::error::Mismatch;
use crate::value::host;

/// What a port can be.
const PORT: &str = "a port, a whole number from 0 to 65535";
/// What a host can be.
const HOST: &str = "a host name or an address, a text";
/// What a switch can be.
const SWITCH: &str = "true or false";

type Object = Map<String, Value>;

/// The value of a key, unless that is `null`.
fn given<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

/// A text; a number is taken as it is written.
pub(crate) fn text(object: &Object, key: &str, expected: &str) -> Result<Option<String>, Mismatch> {
    match given(object, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(mismatch(object, key, expected)),
    }
}

/// A whole number, also as a text.
pub(crate) fn whole(
    object: &Object,
    key: &str,
    range: RangeInclusive<u64>,
    expected: &str,
) -> Result<Option<u64>, Mismatch> {
    let Some(value) = given(object, key) else { return Ok(None) };
    match whole_number(value).filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(mismatch(object, key, expected)),
    }
}

/// A port, also as a text.
pub(crate) fn port(object: &Object, key: &str) -> Result<Option<u16>, Mismatch> {
    let number = whole(object, key, 0..=u64::from(u16::MAX), PORT)?;
    // It is within the range.
    Ok(number.and_then(|number| u16::try_from(number).ok()))
}

/// A host, without blanks around it and the brackets of an IPv6 address. What has a scheme, such as `ws://game`, stays as it is: no
/// server can be reached by it, but clients are told it.
pub(crate) fn host(object: &Object, key: &str) -> Result<Option<String>, Mismatch> {
    let Some(text) = text(object, key, HOST)? else { return Ok(None) };
    if text.contains("://") {
        return Ok(Some(text));
    }
    match host::bare(text.trim()) {
        Ok(host) => Ok(Some(host.to_owned())),
        Err(error) => Err(Mismatch { key: key.to_owned(), problem: error.to_string() }),
    }
}

/// A switch: a boolean, also as a text, or 0.
pub(crate) fn switch(object: &Object, key: &str) -> Result<Option<bool>, Mismatch> {
    match given(object, key) {
        None => Ok(None),
        Some(Value::Bool(on)) => Ok(Some(*on)),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text == "true" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" => Ok(Some(false)),
        Some(value) if whole_number(value) == Some(0) => Ok(Some(false)),
        Some(_) => Err(mismatch(object, key, SWITCH)),
    }
}

/// The whole number that a value is, or that is written in it.
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    /// Beyond that a float isn't exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = match value {
        Value::Number(number) => match number.as_u64() {
            Some(number) => return Some(number),
            None => number.as_f64()?,
        },
        Value::String(text) => match text.trim().parse::<u64>() {
            Ok(number) => return Some(number),
            Err(_) => text.trim().parse::<f64>().ok()?,
        },
        _ => return None,
    };
    let is_whole = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
    is_whole.then_some(number as u64)
}

/// The error for the value of a key.
pub(crate) fn mismatch(object: &Object, key: &str, expected: &str) -> Mismatch {
    let problem = match object.get(key) {
        None => format!("missing, expected {expected}"),
        Some(value) => format!("found {}, expected {expected}", shown(value)),
    };
    Mismatch { key: key.to_owned(), problem }
}

/// A value as an error shows it, on one line: what is long or nested by its kind.
pub(crate) fn shown(value: &Value) -> String {
    /// More of a text says no more.
    const LETTERS: usize = 60;
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) if text.chars().count() > LETTERS => {
            let start: String = text.chars().take(LETTERS).collect();
            format!("{}…", Value::String(start))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for value in
            [json!(3010), json!(3010.0), json!("3010"), json!(" 3010 "), json!("3010.0"), json!("3.01e3")]
        {
            assert_eq!(port(&object(json!({ "port": value })), "port"), Ok(Some(3010)), "{value}");
        }
        assert_eq!(port(&object(json!({ "port": null })), "port"), Ok(None));
        for value in [
            json!(""),
            json!(65536),
            json!(-1),
            json!(1.5),
            json!("x"),
            json!("0x10"),
            json!(true),
            json!([1]),
            json!("NaN"),
        ] {
            assert!(port(&object(json!({ "port": value })), "port").is_err(), "{value}");
        }
    }

    #[test]
    fn switches_are_read_as_javascript_has_them() {
        for (value, on) in [
            (json!(true), Some(true)),
            (json!("true"), Some(true)),
            (json!(false), Some(false)),
            (json!("false"), Some(false)),
            (json!(0), Some(false)),
            (json!(""), None),
            (json!(null), None),
        ] {
            assert_eq!(switch(&object(json!({ "frontend": value })), "frontend"), Ok(on), "{value}");
        }
        for value in [json!(1), json!("yes"), json!("True"), json!([])] {
            assert!(switch(&object(json!({ "frontend": value })), "frontend").is_err(), "{value}");
        }
    }

    #[test]
    fn an_error_shows_what_was_found_on_one_line() {
        let entry = object(json!({ "host": ["a"], "port": "a\nb", "id": "x".repeat(70) }));
        let said = |key: &str| mismatch(&entry, key, "a host").to_string();
        assert_eq!(said("host"), "host: found a list, expected a host");
        assert_eq!(said("port"), r#"port: found "a\nb", expected a host"#);
        assert_eq!(said("id"), format!(r#"id: found "{}"…, expected a host"#, "x".repeat(60)));
        assert_eq!(said("clientHost"), "clientHost: missing, expected a host");
    }
}
