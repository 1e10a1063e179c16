//! Settings of a session: values that the application keeps with it.
//!
//! `null` is no setting: setting one to it removes it, as does a message of another server that has it so.

use std::any::type_name;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::warned::Warned;

/// So many settings take no more memory than they need; those who have more don't count bytes.
const EXACT_CAPACITY: usize = 4;

/// Reads a setting; one that is something else than the application wants is said in the log, once for each key and type.
pub(crate) fn read<T: DeserializeOwned>(key: &str, value: &Value) -> Option<T> {
    // Nobody has set that.
    if value.is_null() {
        return pomelo_json::from_value(value).ok();
    }
    pomelo_json::from_value(value)
        .map_err(|error| note_mistyped(key, kind(value), type_name::<T>(), &error))
        .ok()
}

#[cold]
fn note_mistyped(key: &str, found: &str, wanted: &'static str, error: &pomelo_json::DataError) {
    /// Of the whole process, since a setting is read in the same way on each of its servers.
    static WARNED: Warned = Warned::new();
    if WARNED.is_news(&format!("{key} as {wanted}")) {
        tracing::warn!(key, found, wanted, %error, "a setting is there and is no such type, so it is read as none");
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A session's settings, sorted by key.
///
/// Most sessions have one to three. A `BTreeMap` takes 1,072 bytes for the first, this takes 88.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Settings(Vec<(Box<str>, Value)>);

impl Settings {
    /// By a search among the sorted keys.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn insert(&mut self, key: String, value: Value) {
        match self.find(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => {
                if self.0.len() < EXACT_CAPACITY {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (key.into(), value));
            }
        }
    }

    /// Takes over a change: `null` is no setting, hence removes one.
    pub(crate) fn change(&mut self, key: String, value: Value) {
        match value {
            Value::Null => self.remove(&key),
            value => self.insert(key, value),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if let Ok(at) = self.find(key) {
            self.0.remove(at);
        }
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}

/// Changes to settings, where `null` removes one.
impl FromIterator<(String, Value)> for Settings {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(settings: I) -> Self {
        let mut all = Self::default();
        settings.into_iter().for_each(|(key, value)| all.insert(key, value));
        all
    }
}

impl IntoIterator for Settings {
    type Item = (String, Value);
    type IntoIter =
        std::iter::Map<std::vec::IntoIter<(Box<str>, Value)>, fn((Box<str>, Value)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(key, value)| (key.into(), value))
    }
}

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SettingsVisitor;

        impl<'de> Visitor<'de> for SettingsVisitor {
            type Value = Settings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a session's settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
                let mut settings = Settings::default();
                while let Some((key, value)) = map.next_entry()? {
                    settings.insert(key, value);
                }
                Ok(settings)
            }
        }

        deserializer.deserialize_map(SettingsVisitor)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_is_there_once_and_in_order_of_its_key() {
        let mut settings = Settings::default();
        for (n, key) in ["rid", "b", "a", "rid", "c", "z", "b"].into_iter().enumerate() {
            settings.insert(key.to_owned(), json!(n));
        }
        assert_eq!(settings.get("rid"), Some(&json!(3)));
        assert_eq!(serde_json::to_string(&settings).unwrap(), r#"{"a":2,"b":6,"c":4,"rid":3,"z":5}"#);
        settings.remove("a");
        settings.remove("none");
        assert!(settings.get("a").is_none() && !settings.is_empty());
        settings.change("b".to_owned(), Value::Null);
        settings.change("none".to_owned(), Value::Null);
        settings.change("c".to_owned(), json!(false));
        assert_eq!(serde_json::to_string(&settings).unwrap(), r#"{"c":false,"rid":3,"z":5}"#);
    }

    #[test]
    fn settings_read_as_they_are_written() {
        let settings: Settings =
            [("b".to_owned(), json!([1])), ("a".to_owned(), json!({ "x": null }))].into_iter().collect();
        let bytes = rmp_serde::to_vec_named(&settings).unwrap();
        assert_eq!(rmp_serde::from_slice::<Settings>(&bytes).unwrap(), settings);
    }
}
