//! Pomelo's protobuf: message schemas in JSON, a wire that is nearly Google's.
//!
//! A schema is read once into [`Protos`]; a [`Schema`] then turns any [`serde::Serialize`] into bytes
//! and bytes into any [`serde::Deserialize`], with no tree of values in between.
//!
//! The wire, as the published pomelo-protobuf 0.4.0 writes it:
//! - a field is `tag << 3 | wire type` and its value; both `int32` and `sInt32` are zig-zag;
//! - an array of numbers is its tag once, the *count* of its elements, and the elements; an array of
//!   strings or messages repeats the tag for each; an empty array is not written;
//! - fields come in the order in which the value lists them, unknown ones are left out;
//! - readers don't look at the wire type: the browser's encoder writes other ones than Node's.
//!
//! Where we differ, since pomelo loses data or sends rubbish:
//!
//! | case | pomelo | here |
//! |---|---|---|
//! | required field missing | a push with an empty body | error naming the field |
//! | string field given a number, number field given a bool, … | exception, push lost | error naming field and type |
//! | null | exception | absent: fine unless required |
//! | whole-number field given `"42"`, or 2.9 | 42, or 2 | the same: ported code relies on it |
//! | whole-number field given `"12abc"` | 12 | error |
//! | NaN, infinity or more than 53 bits as a whole number | rubbish | error: clients read it as another number |
//! | array of many short doubles | exception: its buffer is too small | written |
//! | field of a type that does not exist (`bool`, `uInt64`) | a tag with no value | error when the schema is read |
//! | string in CESU-8, from the browser's encoder | six U+FFFD | the character |
//! | unknown tag, cut off value | exception that wedges the connection | error |
//! | an array that is absent, read into a struct's `Vec` | (no structs) | empty: absent is how empty is sent |
//!
//! ```
//! use pomelo_net::protocol::protobuf::Protos;
//! use serde::{Deserialize, Serialize};
//! use serde_json::{Value, json};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Move {
//!     x: u32,
//!     y: i32,
//!     path: Vec<u32>,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server_protos = json!({ "onMove": { "required uInt32 x": 1, "required int32 y": 2, "repeated uInt32 path": 3 } });
//! let protos = Protos::parse(&server_protos, &Value::Null)?;
//! let schema = protos.server().message("onMove").expect("it is there");
//!
//! let step = Move { x: 300, y: -3, path: vec![1, 300] };
//! let bytes = schema.encode(&step)?;
//! assert_eq!(&bytes[..], b"\x08\xac\x02\x10\x05\x18\x02\x01\xac\x02");
//! assert_eq!(schema.decode::<Move>(&bytes)?, step);
//! # Ok(())
//! # }
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `definition`, `protos` | the files, as they are written and as clients get them; both directions |
//! | `schema` | messages made ready: names and tags resolved to positions |
//! | `encode`, `decode` | serde's two sides |
//! | `wire` | tags and zig-zag |

mod decode;
mod definition;
mod encode;
mod protos;
mod schema;
mod wire;

pub use decode::{DecodeError, Deserializer};
pub use definition::ProtosError;
pub use encode::EncodeError;
pub use protos::{ProtoSet, Protos};
pub use schema::Schema;

/// How deep messages may be nested, in either direction: each level takes stack.
pub const MAX_DEPTH: usize = 64;
