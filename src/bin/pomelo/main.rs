//! `pomelo`: makes a project, starts it, and speaks to the master of a running one.

mod admin;
mod cli;
mod commands;
mod failure;
mod init;
mod locate;
mod master;
mod operator;
mod table;
mod units;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use commands::Done;
use failure::Failure;

fn main() -> ExitCode {
    match commands::run(Cli::parse().command) {
        Ok(Done { text, ok }) => {
            let printed = print(&text);
            if ok && printed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(failure) => {
            say(format_args!("pomelo: {failure}"));
            if let Some(hint) = failure.hint() {
                say(format_args!("{hint}"));
            }
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

/// Says something to whoever watches. If nobody can read it, the command goes on all the same.
pub(crate) fn say(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a text; false if it can't. Whoever reads no further, as `head` does, has what was wanted.
fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) => error.kind() == ErrorKind::BrokenPipe,
        Ok(()) => true,
    }
}
