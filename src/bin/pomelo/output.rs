//! Output: what a command has to say, and how it is printed.

use std::io::{ErrorKind, Write};

/// What a command has to say, and whether all went well.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// For stdout.
    pub text: String,
    /// False if something asked for wasn't done.
    pub ok: bool,
}

impl From<String> for Done {
    fn from(text: String) -> Self {
        Self { text, ok: true }
    }
}

/// Says something to whoever watches. If nobody can read it, the command goes on all the same.
pub fn say(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a text; false if it can't. Whoever reads no further, as `head` does, has what was wanted.
pub fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) => error.kind() == ErrorKind::BrokenPipe,
        Ok(()) => true,
    }
}
