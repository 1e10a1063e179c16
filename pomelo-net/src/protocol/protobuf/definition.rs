//! Schemas as they stand in `serverProtos.json` and `clientProtos.json`, and as clients get them.
//!
//! ```text
//!  { "onMove": {                                   a message, by its route
//!      "required uInt32 x": 1,                     option, type, name: tag
//!      "optional Point at": 2,
//!      "message Point": { "required int32 x": 1 }  a type of this message; at the root, of all
//!  } }
//! ```

use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::protocol::js;

/// The highest tag: with its wire type it must fit the 32 bits that clients compute with.
const MAX_TAG: u64 = 0x0fff_ffff;

/// Why a schema can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtosError {
    /// The file, or a message in it, is no JSON object.
    #[error("{message} must be an object, but it is {found}")]
    NotAnObject {
        /// Path of the message, such as `onChat` or `onMove.Point`.
        message: String,
        /// What it is instead.
        found: &'static str,
    },
    /// A tag is no whole number from 0 to 268,435,455.
    #[error("message {message}: the tag of {line:?} must be a whole number below 2^28")]
    BadTag {
        /// Path of the message.
        message: String,
        /// The key of the entry.
        line: String,
    },
    /// The type of a field is neither a scalar nor a message that is defined inside this message or at
    /// the root of the file.
    #[error("message {message}: field {field} has the unknown type {kind}")]
    UnknownType {
        /// Path of the message.
        message: String,
        /// Name of the field.
        field: String,
        /// The type as written.
        kind: String,
    },
}

/// One file: its messages by key, where `message X` at the root is a type for all of them.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    /// By route, or by `message X`, in the order of the file.
    pub(super) messages: IndexMap<String, Definition>,
    /// Entries that pomelo drops without a word, and so do we, so that versions stay the same.
    pub(super) dropped: Vec<String>,
}

/// One message.
#[derive(Debug, Default)]
pub(super) struct Definition {
    /// By name, in the order of the file.
    pub(super) fields: IndexMap<String, FieldDefinition>,
    /// Types that are defined inside this message.
    pub(super) nested: IndexMap<String, Definition>,
    /// The field of each tag. A name declared twice keeps both tags.
    pub(super) tags: IndexMap<u32, String>,
}

/// One field, as it is written.
#[derive(Debug, Clone)]
pub(super) struct FieldDefinition {
    /// The first word of its key.
    pub(super) option: FieldOption,
    /// The second: a scalar, or a message's name.
    pub(super) kind: String,
    /// Its number on the wire.
    pub(super) tag: u32,
}

/// How often a field may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldOption {
    /// Once.
    Required,
    /// Once, or not.
    Optional,
    /// Any number of times: an array.
    Repeated,
}

impl Definitions {
    pub(super) fn parse(file: &Value) -> Result<Self, ProtosError> {
        let mut definitions = Self::default();
        for (key, value) in object(file, "a protos file")? {
            let definition = Definition::parse(value, key, &mut definitions.dropped)?;
            definitions.messages.insert(key.clone(), definition);
        }
        Ok(definitions)
    }

    /// As a client gets them; versions are sums over this text.
    pub(super) fn to_json(&self) -> String {
        messages_json(&self.messages).to_string()
    }
}

impl Definition {
    fn parse(value: &Value, path: &str, dropped: &mut Vec<String>) -> Result<Self, ProtosError> {
        let mut definition = Self::default();
        for (line, value) in object(value, path)? {
            let words: Vec<&str> = line.split(' ').collect();
            let used = match words.as_slice() {
                ["message", name] => {
                    let nested = Self::parse(value, &format!("{path}.{name}"), dropped)?;
                    definition.nested.insert((*name).to_owned(), nested);
                    true
                }
                [option, kind, name] => match FieldOption::of(option) {
                    Some(option) => definition.add(option, kind, name, tag(value, path, line)?),
                    None => false,
                },
                _ => false,
            };
            if !used {
                dropped.push(format!("{path}: {line:?}"));
            }
        }
        Ok(definition)
    }

    /// False if another field has this tag already.
    fn add(&mut self, option: FieldOption, kind: &str, name: &str, tag: u32) -> bool {
        if self.tags.contains_key(&tag) {
            return false;
        }
        self.tags.insert(tag, name.to_owned());
        self.fields.insert(name.to_owned(), FieldDefinition { option, kind: kind.to_owned(), tag });
        true
    }

    fn to_json(&self) -> Value {
        let field = |(name, field): (&String, &FieldDefinition)| (name.clone(), field.to_json());
        let mut message: Map<String, Value> = self.fields.iter().map(field).collect();
        message.insert("__messages".to_owned(), messages_json(&self.nested));
        let mut tags: Map<String, Value> =
            self.tags.iter().map(|(tag, name)| (tag.to_string(), Value::from(name.as_str()))).collect();
        js::order_keys(&mut tags);
        message.insert("__tags".to_owned(), Value::Object(tags));
        js::order_keys(&mut message);
        Value::Object(message)
    }
}

impl FieldDefinition {
    fn to_json(&self) -> Value {
        json!({ "option": self.option.word(), "type": self.kind, "tag": self.tag })
    }
}

impl FieldOption {
    fn of(word: &str) -> Option<Self> {
        [Self::Required, Self::Optional, Self::Repeated].into_iter().find(|option| option.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Repeated => "repeated",
        }
    }
}

fn messages_json(messages: &IndexMap<String, Definition>) -> Value {
    let mut map: Map<String, Value> =
        messages.iter().map(|(name, message)| (name.clone(), message.to_json())).collect();
    js::order_keys(&mut map);
    Value::Object(map)
}

fn object<'a>(value: &'a Value, message: &str) -> Result<&'a Map<String, Value>, ProtosError> {
    value
        .as_object()
        .ok_or_else(|| ProtosError::NotAnObject { message: message.to_owned(), found: js::kind(value) })
}

fn tag(value: &Value, message: &str, line: &str) -> Result<u32, ProtosError> {
    let tag = value.as_u64().filter(|tag| *tag <= MAX_TAG).and_then(|tag| u32::try_from(tag).ok());
    tag.ok_or_else(|| ProtosError::BadTag { message: message.to_owned(), line: line.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_shapes_by_name() {
        let refused = |file| Definitions::parse(&file).unwrap_err().to_string();
        assert_eq!(refused(json!([])), "a protos file must be an object, but it is an array");
        assert_eq!(refused(json!({ "a": { "message B": 7 } })), "a.B must be an object, but it is a number");
        for bad in [json!(-1), json!(1.5), json!("1"), json!(1 << 28)] {
            let message = refused(json!({ "a": { "required uInt32 v": bad } }));
            assert!(message.starts_with("message a: the tag of \"required uInt32 v\""), "{message}");
        }
    }

    #[test]
    fn tags_are_listed_by_number() {
        let file = json!({ "a": { "required uInt32 x": 20, "required uInt32 y": 3 } });
        let json = Definitions::parse(&file).unwrap().to_json();
        assert!(json.ends_with(r#""__tags":{"3":"y","20":"x"}}}"#), "{json}");
    }
}
