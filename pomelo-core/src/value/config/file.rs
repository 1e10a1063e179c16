//! Files of a configuration directory: where they are, how they are read, and the part of one that is for an environment.

use std::fs;
use std::io::ErrorKind;
use std::mem::discriminant;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::{ConfigError, Mismatch};
use super::{repeated, value};
use crate::value::spelling::{did_you_mean, nearest};

/// A file that was read.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) value: Value,
    /// The paths of keys that an object has twice.
    repeated: Vec<String>,
}

impl File {
    /// Reads `<dir>/<name>`, or else `<dir>/<env>/<name>`.
    pub(super) fn find(dir: &Path, env: &str, name: &str) -> Result<Option<Self>, ConfigError> {
        for path in [dir.join(name), dir.join(env).join(name)] {
            match fs::read(&path) {
                Ok(bytes) => {
                    return Self::parse(path, &bytes).map(Some);
                }
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(source) => return Err(ConfigError::Read { file: path, source }),
            }
        }
        Ok(None)
    }

    /// Reads JSON as Node reads it: a byte order mark is skipped, and what is no UTF-8 is replaced.
    pub(super) fn parse(path: PathBuf, bytes: &[u8]) -> Result<Self, ConfigError> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        match serde_json::from_str(text) {
            Ok(value) => Ok(Self { path, value, repeated: repeated::keys(text) }),
            Err(source) => Err(ConfigError::Json { file: path.display().to_string(), source }),
        }
    }

    /// A line for each key that an object has twice.
    pub(super) fn repeated(&self) -> Vec<String> {
        let file = self.path.display().to_string();
        self.repeated.iter().map(|at| note_at(&file, at, REPEATED)).collect()
    }

    /// The part of the environment, or all of a file that has no such part.
    pub(super) fn section(self, env: &str) -> Section {
        let file = self.path.display().to_string();
        let environments = environments(&self.value);
        let mut repeated = self.repeated;
        match self.value {
            Value::Object(mut all) if all.get(env).is_some_and(|part| !part.is_null()) => {
                let value = all.remove(env).unwrap_or_default();
                repeated.retain(|at| {
                    at.strip_prefix(env).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                });
                Section { file, at: env.to_owned(), value, environments, repeated }
            }
            value => Section { file, at: String::new(), value, environments, repeated },
        }
    }
}

/// What is said of a key that an object has twice.
const REPEATED: &str = "is there twice, and the last one counts";

/// Whether a key is a comment, such as `//` or `@describe`: no name begins like that.
pub(crate) fn is_comment(key: &str) -> bool {
    !key.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

/// The top-level keys that can be environments.
pub(super) fn environments(value: &Value) -> Vec<String> {
    let keys = value.as_object().into_iter().flatten();
    let keys = keys.filter(|(key, value)| value.is_object() && !is_comment(key) && !key.starts_with('_'));
    keys.map(|(key, _)| key.clone()).collect()
}

/// The part of a configuration file that is for the environment: an error says which file it is, and where in the file.
#[derive(Debug, Clone)]
pub struct Section {
    file: String,
    at: String,
    value: Value,
    environments: Vec<String>,
    /// The paths of keys that an object has twice.
    repeated: Vec<String>,
}

impl Section {
    /// The path of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What it says.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// What it says.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// Whether the file has parts for environments, and this is the one.
    pub fn is_of_environment(&self) -> bool {
        !self.at.is_empty()
    }

    /// The environments that a file of such parts has: its top-level objects.
    pub fn environments(&self) -> &[String] {
        &self.environments
    }

    /// The object that it is.
    ///
    /// # Errors
    /// If it is none.
    pub fn entry(&self) -> Result<Entry<'_>, ConfigError> {
        Entry::new(&self.file, self.at.clone(), &self.value)
    }

    /// The objects of the list that it is.
    ///
    /// # Errors
    /// If it is no list, or one of them is no object.
    pub fn entries(&self) -> Result<Vec<Entry<'_>>, ConfigError> {
        let list = self.value.as_array().ok_or_else(|| {
            self.wrong(format_args!("found {}, expected a list of objects", value::shown(&self.value)))
        })?;
        let entry = |(index, value)| Entry::new(&self.file, format!("{}[{index}]", self.at), value);
        list.iter().enumerate().map(entry).collect()
    }

    /// The objects of the list that it has at a key; none if it has no such key.
    ///
    /// # Errors
    /// If it is no object, what it has there is no list, or one of it is no object.
    pub fn entries_of(&self, key: &str) -> Result<Vec<Entry<'_>>, ConfigError> {
        let all = self.entry()?;
        let Some(value) = all.value(key).filter(|value| !value.is_null()) else { return Ok(vec![]) };
        let list = value.as_array().ok_or_else(|| all.unexpected(key, "a list of objects"))?;
        let at = |index| join(&self.at, &format!("{key}[{index}]"));
        list.iter().enumerate().map(|(index, value)| Entry::new(&self.file, at(index), value)).collect()
    }

    /// An error about all of it.
    pub fn wrong(&self, problem: impl ToString) -> ConfigError {
        let at = if self.at.is_empty() { "top level" } else { &self.at };
        ConfigError::Entry { file: self.file.clone(), at: at.to_owned(), problem: problem.to_string() }
    }

    /// The error for a file that has parts for environments, and none for this one.
    pub fn no_environment(&self, env: &str) -> ConfigError {
        let known = &self.environments;
        let meant = did_you_mean(env, known.iter().map(String::as_str));
        self.wrong(format_args!("there is no environment `{env}`, it has {}{meant}", listed(known)))
    }

    /// A line for each key that an object has twice, of which the last one counts, as in JavaScript.
    pub fn repeated(&self) -> Vec<String> {
        self.repeated.iter().map(|at| note_at(&self.file, at, REPEATED)).collect()
    }

    /// A line about a key of it, for a log; about all of it, if the key is `""`.
    pub fn note(&self, key: &str, note: impl std::fmt::Display) -> String {
        note_at(&self.file, &join(&self.at, key), note)
    }
}

fn note_at(file: &str, at: &str, note: impl std::fmt::Display) -> String {
    if at.is_empty() { format!("{file}: {note}") } else { format!("{file}: {at}: {note}") }
}

/// An object of a configuration file. Its values are read as JavaScript takes them: `"3010"` and `3010.0` are the number 3010,
/// `"true"` is true, `null` is not there, nor is a text that is empty.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    file: &'a str,
    at: String,
    object: &'a Map<String, Value>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(file: &'a str, at: String, value: &'a Value) -> Result<Self, ConfigError> {
        match value.as_object() {
            Some(object) => Ok(Self { file, at, object }),
            None => Err(ConfigError::Entry {
                file: file.to_owned(),
                at: if at.is_empty() { "top level".into() } else { at },
                problem: format!("found {}, expected an object", value::shown(value)),
            }),
        }
    }

    pub(super) fn object(&self) -> &'a Map<String, Value> {
        self.object
    }

    /// Where it is in the file.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The value of a key, as it stands.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key)
    }

    /// A text.
    ///
    /// # Errors
    /// If it is neither a text nor a number; `expected` says what it should be.
    pub fn text(&self, key: &str, expected: &str) -> Result<Option<String>, ConfigError> {
        value::text(self.object, key, expected).map_err(|error| self.mismatch(error))
    }

    /// A whole number.
    ///
    /// # Errors
    /// If it is none within the range; `expected` says what it should be.
    pub fn whole(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        expected: &str,
    ) -> Result<Option<u64>, ConfigError> {
        value::whole(self.object, key, range, expected).map_err(|error| self.mismatch(error))
    }

    /// A switch.
    ///
    /// # Errors
    /// If it is neither `true` nor `false`, nor one of them as a text.
    pub fn switch(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        value::switch(self.object, key).map_err(|error| self.mismatch(error))
    }

    /// A list of texts.
    ///
    /// # Errors
    /// If it is no list, or one of it is no text.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.object.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
        let list = value.as_array().and_then(|list| {
            list.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        list.map(Some).ok_or_else(|| self.unexpected(key, "a list of texts"))
    }

    /// A host, without blanks around it and the brackets of an IPv6 address.
    ///
    /// # Errors
    /// If it is no text.
    pub fn host(&self, key: &str) -> Result<Option<String>, ConfigError> {
        value::host(self.object, key).map_err(|error| self.mismatch(error))
    }

    /// A port.
    ///
    /// # Errors
    /// If it is no whole number from 0 to 65535.
    pub fn port(&self, key: &str) -> Result<Option<u16>, ConfigError> {
        value::port(self.object, key).map_err(|error| self.mismatch(error))
    }

    /// The error for a key whose value is not what was expected, or is missing.
    pub fn unexpected(&self, key: &str, expected: &str) -> ConfigError {
        self.mismatch(value::mismatch(self.object, key, expected))
    }

    /// An error about a key.
    pub fn wrong(&self, key: &str, problem: impl ToString) -> ConfigError {
        self.mismatch(Mismatch { key: key.to_owned(), problem: problem.to_string() })
    }

    pub(super) fn mismatch(&self, Mismatch { key, problem }: Mismatch) -> ConfigError {
        ConfigError::Entry { file: self.file.to_owned(), at: join(&self.at, &key), problem }
    }

    /// The keys that are neither known nor comments, each with the known one that is near. Where that is there, too, with a value of
    /// another kind (`"port": 1, "ports": [1, 2]`), both are meant as they stand.
    pub fn unknown<'k>(&self, known: &'k [&str]) -> Vec<(&'a str, Option<&'k str>)> {
        let unknown =
            self.object.iter().filter(|(key, _)| !known.contains(&key.as_str()) && !is_comment(key));
        let is_slip = |value, meant: &str| self.value(meant).is_none_or(|right| is_alike(value, right));
        let meant = |key, value| nearest(key, known.iter().copied()).filter(|meant| is_slip(value, meant));
        unknown.map(|(key, value)| (key.as_str(), meant(key, value))).collect()
    }

    /// What to ask about a key that is near to a known one, which may be there, too.
    pub fn did_you_mean(&self, known: &str) -> String {
        match self.object.contains_key(known) {
            true => format!("did you mean `{known}`, which is there, too?"),
            false => format!("did you mean `{known}`?"),
        }
    }

    /// Whether it has one of these keys.
    pub fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.object.contains_key(*key))
    }

    /// A line for each key that is neither known nor a comment: nothing reads it.
    pub fn unread(&self, known: &[&str]) -> Vec<String> {
        let note = |(key, meant): (&str, Option<&str>)| match meant {
            Some(meant) => self.note(key, format_args!("is not read; {}", self.did_you_mean(meant))),
            None => self.note(key, format_args!("is not read; known are {}", listed(known))),
        };
        self.unknown(known).into_iter().map(note).collect()
    }

    /// A line about a key of it, for a log.
    pub fn note(&self, key: &str, note: impl std::fmt::Display) -> String {
        note_at(self.file, &join(&self.at, key), note)
    }
}

/// Whether two values could be those of one key: they are of one kind, and if one is a single word, so is the other.
fn is_alike(one: &Value, other: &Value) -> bool {
    let is_word = |text: &str| !text.trim().contains(char::is_whitespace);
    match (one, other) {
        (Value::String(one), Value::String(other)) => is_word(one) == is_word(other),
        (Value::String(text), Value::Number(_)) | (Value::Number(_), Value::String(text)) => is_word(text),
        (one, other) => discriminant(one) == discriminant(other),
    }
}

/// Names as a sentence has them.
pub(crate) fn listed<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The path of a key.
pub(super) fn join(at: &str, key: &str) -> String {
    match (at.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (false, true) => at.to_owned(),
        (false, false) => format!("{at}.{key}"),
    }
}
