//! `pomelo init`.

mod dialog;
mod name;
mod project;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{Clients, Init};
use crate::commands::Done;
use crate::failure::Failure;
use project::Project;
use source::Source;

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

impl From<InitError> for Failure {
    fn from(error: InitError) -> Self {
        Self::Init(error)
    }
}

/// Writes a new project.
pub fn run(init: &Init) -> Result<Done, Failure> {
    let name = name::choose(init.name.as_deref(), &init.path)?;
    let source = Source::choose(init)?;
    if !init.force && !is_empty(&init.path)? && !dialog::confirm_not_empty(&init.path)? {
        return Err(InitError::NotEmpty { path: init.path.clone() }.into());
    }
    let clients = match init.connector {
        Some(clients) => clients,
        None => dialog::ask_clients()?,
    };
    let project = Project { name, source, page: clients != Clients::Tcp };
    for (path, text) in project.files()? {
        write(&init.path.join(path), &text)?;
    }
    Ok(farewell(&init.path, project.page).into())
}

/// Whether there is nothing there.
fn is_empty(path: &Path) -> Result<bool, InitError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(InitError::Directory { path: path.to_owned(), source }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), InitError> {
    let failed = |source| InitError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}

fn farewell(path: &Path, page: bool) -> String {
    let mut text = format!(
        "Made a project in {path}.\n\n\
         Start all its servers in one process:\n  cd {game_server}\n  cargo run\n",
        path = path.display(),
        game_server = in_shell(&path.join("game-server")),
    );
    if page {
        text.push_str("Then open http://127.0.0.1:3001/ and press the button.\n");
    }
    text.push_str(
        "\nThe operator of the master is admin, with the password admin, and comes in from the master's own\n\
         host only. To operate it from another, set a password in game-server/config/adminUser.json.\n",
    );
    text
}

/// A path as a shell reads it.
fn in_shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+~".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_blanks_can_be_pasted() {
        for (path, wanted) in [
            ("HelloWorld/game-server", "HelloWorld/game-server"),
            ("My Game", "'My Game'"),
            ("a'b", r"'a'\''b'"),
        ] {
            assert_eq!(in_shell(Path::new(path)), wanted);
        }
    }
}
