//! The token of a master's children: a shared secret by which servers prove that this application's master started them.
//!
//! It is what servers need where adminServer.json gives no tokens. The master gives it to each process that it starts, by the
//! variable [`TOKEN_VARIABLE`], or on another host by the input of `ssh`, so it is on no command line; and keeps it in a file beside
//! the logs that its own user alone may read. A master that comes after it reads it there, and so knows the servers that go on.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pomelo_core::value::{Error, ErrorKind, Result, ServerInfo};

use crate::config::Tokens;

/// The variable that has the token, in the environment of a server that a master started.
pub(crate) const TOKEN_VARIABLE: &str = "POMELO_SERVER_TOKEN";

/// The length of a token: 32 random bytes in hexadecimal digits.
const TOKEN_DIGITS: usize = 64;

/// A token that nobody can guess.
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn random() -> io::Result<String> {
    let mut bytes = [0; TOKEN_DIGITS / 2];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(TOKEN_DIGITS);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// The token in the file, or a new one that is kept there from now on.
///
/// Where it can't be kept, as on a full disk, the master runs all the same, and the log says what that means.
///
/// # Errors
/// If others may read the file, or could have written it; if the system has no randomness.
pub(crate) fn kept_in(file: &Path) -> Result<String> {
    match read(file)? {
        Some(token) => Ok(token),
        None => {
            let token = random()?;
            if let Err(error) = write(file, &token) {
                tracing::warn!(
                    file = %file.display(), %error,
                    "cannot keep the token of the servers: a master that comes after this one will not know them"
                );
            }
            Ok(token)
        }
    }
}

/// None if there is no file, or none with a token in it, as after a crash.
fn read(file: &Path) -> Result<Option<String>> {
    let Ok(opened) = File::open(file) else { return Ok(None) };
    if !is_private(&opened)? {
        let why = format!(
            "{} has the token of the servers, and others may read or write it; delete it, or let it be the user's own \
             with mode 600",
            file.display()
        );
        return Err(Error::of(ErrorKind::Config, why));
    }
    let mut text = String::new();
    let is_read = opened.take(2 * TOKEN_DIGITS as u64).read_to_string(&mut text).is_ok();
    let token = text.trim();
    let is_token =
        is_read && token.len() == TOKEN_DIGITS && token.bytes().all(|digit| digit.is_ascii_hexdigit());
    Ok(is_token.then(|| token.to_owned()))
}

#[cfg(unix)]
fn is_private(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (metadata, user) = (file.metadata()?, rustix::process::geteuid());
    // What root finds in somebody's project is that user's, as is the program that root runs.
    Ok(metadata.mode() & 0o077 == 0 && (metadata.uid() == user.as_raw() || user.is_root()))
}

#[cfg(not(unix))]
fn is_private(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// Written beside it and renamed, so that there is never half a token.
fn write(file: &Path, token: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(name);
    let written = write_private(&beside, token).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_private(file: &Path, token: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    writeln!(options.open(file)?, "{token}")
}

/// What to add to adminServer.json, with a token that nobody has yet.
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn entry(server_type: &str) -> io::Result<String> {
    Ok(serde_json::json!({ "type": server_type, "token": random()? }).to_string())
}

/// Checks that servers which are to be started can register.
///
/// # Errors
/// If adminServer.json has no token for a type of theirs: which, and what to add.
pub(crate) fn check<'a>(
    tokens: &Tokens,
    file: &Path,
    servers: impl IntoIterator<Item = &'a ServerInfo>,
) -> Result<()> {
    let mut missing: Vec<&str> = Vec::new();
    for info in servers {
        if !tokens.is_open()
            && tokens.of(&info.server_type).is_none()
            && !missing.contains(&&*info.server_type)
        {
            missing.push(&info.server_type);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let entries = missing.iter().map(|server_type| entry(server_type)).collect::<io::Result<Vec<_>>>()?;
    let why = format!(
        "{} has no token for servers of type {}; add to its list:\n  {}\nor one entry for all types that have none of their \
         own, whose type is \"*\"",
        file.display(),
        missing.iter().map(|server_type| format!("`{server_type}`")).collect::<Vec<_>>().join(", "),
        entries.join(",\n  ")
    );
    Err(Error::of(ErrorKind::Config, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

    #[test]
    fn a_token_is_made_once_and_found_again() {
        let dir = TempDir::new();
        let file = dir.path().join("logs/master.token");
        let token = kept_in(&file).unwrap();
        assert_eq!(token.len(), TOKEN_DIGITS);
        assert_eq!(kept_in(&file).unwrap(), token);
        assert_ne!(kept_in(&dir.path().join("other.token")).unwrap(), token);
    }

    #[test]
    fn half_a_token_is_replaced_and_where_none_can_be_kept_there_is_one_all_the_same() {
        let dir = TempDir::new();
        dir.write("master.token", "");
        let file = dir.path().join("master.token");
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let token = kept_in(&file).unwrap();
        assert_eq!(kept_in(&file).unwrap(), token);
        dir.write("file", "");
        assert_eq!(kept_in(&dir.path().join("file/master.token")).unwrap().len(), TOKEN_DIGITS);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = TempDir::new();
        let file = dir.path().join("master.token");
        kept_in(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = kept_in(&file).unwrap_err().to_string();
        assert!(error.contains("master.token") && error.contains("mode 600"), "{error}");
    }
}
