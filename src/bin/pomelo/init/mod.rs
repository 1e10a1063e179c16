//! `pomelo init`.

mod dialog;
mod name;
mod project;
mod source;

use std::fs;
use std::path::Path;

use crate::cli::{Clients, Init};
use crate::failure::Failure;
use crate::init_error::InitError;
use crate::output::Done;
use project::Project;
use source::Source;

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
