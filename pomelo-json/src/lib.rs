//! JSON as JavaScript's `JSON.parse` reads it.
//!
//! `serde_json` reads what clients send, and fast. It refuses some of what pomelo, which has `JSON.parse`, has always taken, and
//! clients send that: half an emoji, where a text was cut (`"x\ud83d"`); `1.0` or `5e0` for a whole number, which is how Lua, Dart
//! and Python write them. So nobody pays for it who needn't, [`from_str`] is for when `serde_json` has failed: it parses the text
//! again, into a tree, and reads the type from that.
//!
//! | text | here |
//! |---|---|
//! | a lone surrogate, `"\ud83d"`, in a text or a key | U+FFFD, since Rust's texts have no halves |
//! | `1e400`, or 400 digits | infinity where a float is wanted, `null` in a [`serde_json::Value`], an error where an integer is |
//! | `1.0`, `5e0`, `-0` | a whole number where an integer is wanted and in a [`serde_json::Value`], up to 2⁵³: above, a float has lost digits, and is no integer |
//! | a key twice | the last one counts |
//! | nesting | up to [`MAX_DEPTH`] |
//!
//! What `JSON.parse` refuses is refused: no trailing commas, no comments, no BOM, no control characters within texts.
//!
//! ```
//! #[derive(serde::Deserialize)]
//! struct Move { x: u32, note: String }
//!
//! let text = r#"{"x": 5.0, "note": "cut \ud83d"}"#;
//! assert!(serde_json::from_str::<Move>(text).is_err());
//! let Move { x, note } = pomelo_json::from_str(text)?;
//! assert_eq!((x, note.as_str()), (5, "cut \u{fffd}"));
//!
//! let wrong = pomelo_json::from_str::<Move>(r#"{"x": 1.5, "note": ""}"#).err().unwrap();
//! assert_eq!(wrong.to_string(), "x: invalid type: floating point `1.5`, expected u32");
//! # Ok::<(), pomelo_json::Error>(())
//! ```

mod cursor;
mod deserialize;
mod error;
mod parse;
mod plain;
mod text;
mod tree;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use error::{DataError, Error, MAX_DEPTH, SyntaxError};

use parse::parse;
use plain::Plain;
use tree::Tree;

/// Reads a type from JSON as `JSON.parse` takes it.
///
/// # Errors
/// [`Error::Syntax`] for what `JSON.parse` refuses, too, and for nesting beyond [`MAX_DEPTH`]; [`Error::Data`], which names the
/// field, for what is JSON and not a `T`.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    Ok(T::deserialize(parse(text)?)?)
}

/// Reads a type from JSON as `serde_json` does, and as fast, but a float that is a whole number is one: `1.0` is an integer where one
/// is wanted, and in a [`Value`]. What it refuses, [`from_str`] may take.
///
/// ```
/// let value: serde_json::Value = pomelo_json::from_plain(br#"{"n": 1.0, "x": 1.5}"#)?;
/// assert_eq!((value["n"].as_i64(), value["x"].as_f64()), (Some(1), Some(1.5)));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// Those of `serde_json`.
pub fn from_plain<'de, T: Deserialize<'de>>(json: &'de [u8]) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = T::deserialize(Plain(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

/// A number as JavaScript writes it: `5.0` is `5`.
pub fn text_of(number: &serde_json::Number) -> String {
    // What is no float needs no second look.
    let whole = number.is_f64().then(|| from_value::<i64>(&number.clone().into()).ok()).flatten();
    whole.map_or_else(|| number.to_string(), |whole| whole.to_string())
}

/// Reads a type from a value, such as a setting that a client's message has brought: `5.0` is also a whole number. Two keys of
/// one object can't be the same here, and a value was never too deep.
///
/// # Errors
/// [`DataError`], which names the field, if the value is no `T`.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, DataError> {
    // Nearly always it is one: then nothing is copied.
    T::deserialize(value).or_else(|_| T::deserialize(Tree::from(value)))
}
