//! Errors: a text that is no JSON, and JSON that is no value of the wanted type.

use std::fmt::{self, Display, Write as _};

use serde::de;
use thiserror::Error;

/// How deep arrays and objects may lie within each other: four times as deep as for `serde_json`, and far above what anybody means.
///
/// `JSON.parse` has no limit, but a type is read, written and dropped on the stack. A thread of tokio has 2 MiB of it, and of those a
/// value of this depth takes 1.2 MiB where nothing is optimized.
pub const MAX_DEPTH: usize = 512;

/// Why a type can't be read from a text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no JSON, or nested too deep.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// It is JSON, but not what was wanted.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Why a text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// There is something that may not be there, or the text ends where it may not.
    #[error("no JSON from byte {at} on")]
    Unexpected {
        /// How many bytes of the text are in order.
        at: usize,
    },
    /// More arrays and objects lie within each other than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
}

/// Why JSON is not what was wanted: which field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    /// From the innermost outwards.
    path: Vec<Step>,
    message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// So many characters of a key are shown, and so many steps of a path: clients write both.
const SHOWN_CHARS: usize = 32;

impl DataError {
    pub(crate) fn at_key(mut self, key: &str) -> Self {
        self.step(|| Step::Key(key.chars().take(SHOWN_CHARS).collect()));
        self
    }

    pub(crate) fn at_index(mut self, index: usize) -> Self {
        self.step(|| Step::Index(index));
        self
    }

    /// Of a very long path the innermost steps are kept.
    fn step(&mut self, step: impl FnOnce() -> Step) {
        if self.0.path.len() < SHOWN_CHARS {
            self.0.path.push(step());
        }
    }

    /// Where in the JSON it is, such as `target.pos[2]`; empty for the whole.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.path.iter().rev() {
            // Writing to a String can't fail.
            let _ = match step {
                Step::Key(key) if path.is_empty() => write!(path, "{key}"),
                Step::Key(key) => write!(path, ".{key}"),
                Step::Index(index) => write!(path, "[{index}]"),
            };
        }
        path
    }
}

impl Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            path if path.is_empty() => f.write_str(&self.0.message),
            path => write!(f, "{path}: {}", self.0.message),
        }
    }
}

impl std::error::Error for DataError {}

impl de::Error for DataError {
    fn custom<T: Display>(message: T) -> Self {
        Self(Box::new(Inner { path: Vec::new(), message: message.to_string() }))
    }
}
