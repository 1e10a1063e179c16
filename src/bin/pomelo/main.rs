//! `pomelo`: makes a project, starts it, and speaks to the master of a running one, or to one of its servers.

mod admin;
mod cli;
mod commands;
mod endpoint;
mod failure;
mod init;
mod init_error;
mod locate;
mod master;
mod operator;
mod output;
mod table;
mod units;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use failure::Failure;
use output::{Done, print, say};

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
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
