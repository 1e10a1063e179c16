//! Errors of `pomelo init`: why no project was made.

use std::path::PathBuf;

/// Why no project was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The directory has something in it, and nobody said that this is all right.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The directory can't be read.
    #[error("cannot read the directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file can't be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The name is none that a package can have.
    #[error("`{name}` can't be a package's name: {problem}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no pomelo-rs where it was said to be.
    #[error("{} has no Cargo.toml of pomelo-rs", path.display())]
    NoPomelo {
        /// Where it was said to be.
        path: PathBuf,
    },
    /// A question wasn't answered.
    #[error("no project was made")]
    Ask(#[from] inquire::InquireError),
    /// The system has no random numbers for the servers' token.
    #[error("cannot make a token for the servers")]
    Token(#[from] getrandom::Error),
}
