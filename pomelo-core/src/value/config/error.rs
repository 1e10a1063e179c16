//! Configuration errors: which file, where in it, what was found and what was expected.

use std::path::PathBuf;

/// What is wrong with the configuration, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file that must be there is in neither place.
    #[error(
        "there is no {}, nor {}: `.config_dir(…)` or the variable POMELO_CONFIG names the directory",
        file.display(), other.display()
    )]
    Missing {
        /// Where it is looked for first.
        file: PathBuf,
        /// Where it is looked for then.
        other: PathBuf,
    },
    /// A file can't be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no JSON.
    #[error("{file} is not JSON")]
    Json {
        /// Which file.
        file: String,
        /// Where, and why.
        source: serde_json::Error,
    },
    /// An entry says something that it can't.
    #[error("{file}: {at}: {problem}")]
    Entry {
        /// Which file.
        file: String,
        /// Where in the file, such as `development.connector[0].clientPort`.
        at: String,
        /// What was found there, and what was expected.
        problem: String,
    },
}

/// What is wrong with a key of an object, wherever the object stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub(crate) struct Mismatch {
    pub(crate) key: String,
    pub(crate) problem: String,
}
