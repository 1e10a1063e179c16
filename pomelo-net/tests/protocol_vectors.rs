//! Bytes of the published pomelo packages, against ours.
//!
//! Every vector must agree, but for these, where the original is broken or loses data and ours does the
//! right thing instead:
//!
//! | section | vectors | the original | ours |
//! |---|---|---|---|
//! | package_decode | head cut, body shorter than announced, trailing byte | pads with zeros | refuses the frame; a stream waits |
//! | message_encode | ids from 2^31 on (broken) | cuts the body off | whole, and decodes to the same |
//! | message_decode | ids from 2^31 on | negative or another id | the id |
//! | message_decode | type 7 | a message of type 7 | refuses |
//! | strencode | characters outside the basic plane, from a browser | six U+FFFD | the character |
//! | protobuf | `"12abc"` as a number | 12 | refuses |
//! | protobuf | null, undefined in an optional field | throws | absent |
//! | protobuf | required field missing | an empty body | refuses, naming the field |
//! | protobuf | bool, uInt64 | a tag without a value | refuses the schema |
//! | protobuf | many short doubles | throws | writes them |
//! | protobuf | doubles at the end, from a browser | cut off | refuses to read them |
//! | protobuf_decode | CESU-8 in a string | six U+FFFD | the character |

#[path = "protocol_vectors/js.rs"]
mod js;
#[path = "protocol_vectors/protobuf.rs"]
mod protobuf;
#[path = "protocol_vectors/session.rs"]
mod session;
#[path = "protocol_vectors/wire.rs"]
mod wire;

use std::sync::LazyLock;

use serde_json::Value;

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("vectors/wire.json")).expect("wire.json is JSON"));

/// Runs `check` on all vectors of a section; fails if there are fewer than known to be.
fn each(section: &str, at_least: usize, mut check: impl FnMut(&str, &'static Value)) {
    let vectors = VECTORS[section].as_array().unwrap_or_else(|| panic!("wire.json has no {section}"));
    assert!(vectors.len() >= at_least, "{section} has {} vectors, not {at_least}", vectors.len());
    for vector in vectors {
        check(vector["name"].as_str().unwrap_or("without a name"), vector);
    }
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap_or_default();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}
