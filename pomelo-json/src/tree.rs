//! The tree of a JSON text: what [`serde_json::Value`] is, but with the numbers of JavaScript.

use indexmap::IndexMap;
use serde::de::{self, Unexpected, Visitor};
use serde_json::Value;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Tree>),
    /// A key that comes twice keeps its first place and has its last value, as in JavaScript. Clients choose the keys, hence the
    /// default hasher. Boxed, so that a level of nesting takes less of the stack.
    Object(Box<IndexMap<String, Tree>>),
}

/// A number, with as many digits as were written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Unsigned(u64),
    /// Below zero.
    Signed(i64),
    /// Written with a point or an exponent, or too long for the others; may be infinite.
    Float(f64),
}

/// Up to here each whole number is a float, and no two are the same: JavaScript's `MAX_SAFE_INTEGER` and one more.
const EXACT_INTEGERS_END: f64 = 9_007_199_254_740_992.0;

impl Number {
    /// Reads what the grammar of JSON takes for a number.
    pub(crate) fn read(text: &str) -> Self {
        let whole = match text.strip_prefix('-') {
            // JavaScript tells -0 from 0, and so do floats.
            Some("0") => None,
            Some(_) => text.parse().ok().map(Self::Signed),
            None => text.parse().ok().map(Self::Unsigned),
        };
        whole.unwrap_or_else(|| Self::Float(text.parse().unwrap_or(f64::NAN)))
    }

    /// The whole number that a float is, if nothing can have been lost.
    pub(crate) fn whole(self) -> Self {
        match self {
            Self::Float(float) if float.trunc() == float && float.abs() < EXACT_INTEGERS_END => {
                if float < 0.0 { Self::Signed(float as i64) } else { Self::Unsigned(float as u64) }
            }
            other => other,
        }
    }

    /// Hands it to a visitor as the type that it is.
    pub(crate) fn visit<'de, V: Visitor<'de>, E: de::Error>(self, visitor: V) -> Result<V::Value, E> {
        match self {
            Self::Unsigned(number) => visitor.visit_u64(number),
            Self::Signed(number) => visitor.visit_i64(number),
            Self::Float(number) => visitor.visit_f64(number),
        }
    }

    /// Visits what it is where nobody says what is wanted. There 5.0 is 5, as in JavaScript: what is buffered for an untagged
    /// enum may be wanted as an integer later. But 0 has no sign.
    pub(crate) fn visit_any<'de, V: Visitor<'de>, E: de::Error>(self, visitor: V) -> Result<V::Value, E> {
        match self {
            Self::Float(zero) if zero == 0.0 && zero.is_sign_negative() => visitor.visit_f64(zero),
            other => other.whole().visit(visitor),
        }
    }
}

impl Tree {
    /// What it is, for the error that it isn't what was wanted.
    pub(crate) fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(truth) => Unexpected::Bool(*truth),
            Self::Number(Number::Unsigned(number)) => Unexpected::Unsigned(*number),
            Self::Number(Number::Signed(number)) => Unexpected::Signed(*number),
            Self::Number(Number::Float(number)) => Unexpected::Float(*number),
            Self::String(text) => Unexpected::Str(text),
            Self::Array(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        }
    }
}

impl From<&Value> for Tree {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::Number(match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => Number::Unsigned(number),
                (None, Some(number)) => Number::Signed(number),
                (None, None) => Number::Float(number.as_f64().unwrap_or(f64::NAN)),
            }),
            Value::String(text) => Self::String(text.clone()),
            Value::Array(elements) => Self::Array(elements.iter().map(Self::from).collect()),
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), value.into()));
                Self::Object(Box::new(entries.collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_the_digits_that_it_has() {
        assert_eq!(Number::read("18446744073709551615"), Number::Unsigned(u64::MAX));
        assert_eq!(Number::read("18446744073709551616"), Number::Float(18_446_744_073_709_551_616.0));
        assert_eq!(Number::read("-9223372036854775808"), Number::Signed(i64::MIN));
        assert_eq!(Number::read("1e400"), Number::Float(f64::INFINITY));
        assert!(matches!(Number::read("-0"), Number::Float(zero) if zero == 0.0 && zero.is_sign_negative()));
    }

    #[test]
    fn a_float_is_whole_where_no_digit_can_be_lost() {
        for (float, whole) in [
            (5.0, Number::Unsigned(5)),
            (-5.0, Number::Signed(-5)),
            (-0.0, Number::Unsigned(0)),
            (EXACT_INTEGERS_END - 1.0, Number::Unsigned(9_007_199_254_740_991)),
        ] {
            assert_eq!(Number::Float(float).whole(), whole);
        }
        for float in [1.5, EXACT_INTEGERS_END, -EXACT_INTEGERS_END, 1e300, f64::INFINITY] {
            assert_eq!(Number::Float(float).whole(), Number::Float(float));
        }
    }
}
