//! The questions of `init`, asked where there is somebody to answer.

use std::fmt;
use std::io::{IsTerminal, stdin, stdout};
use std::path::Path;

use inquire::{Confirm, Select};

use super::InitError;
use crate::cli::Clients;

/// Asks who the clients are; without a terminal, it is whoever comes.
pub fn ask_clients() -> Result<Clients, InitError> {
    if !is_terminal() {
        return Ok(Clients::Both);
    }
    let answers = [Clients::Both, Clients::Ws, Clients::Tcp].map(Answer);
    let question = Select::new("Who are the clients? (One port serves them all.)", answers.into());
    Ok(question.without_filtering().with_help_message("↑↓ to move, enter to choose").prompt()?.0)
}

struct Answer(Clients);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Clients::Both => "browsers and raw TCP clients; with a page to try the server from",
            Clients::Ws => "browsers, over websocket; with a page to try the server from",
            Clients::Tcp => "raw TCP clients, such as Unity's; no page",
        })
    }
}

/// Asks whether to write into a directory that isn't empty; without a terminal, it is no.
pub fn confirm_not_empty(path: &Path) -> Result<bool, InitError> {
    if !is_terminal() {
        return Ok(false);
    }
    let question =
        format!("{} is not empty; files of the same names are replaced. Continue?", path.display());
    Ok(Confirm::new(&question).with_default(false).prompt()?)
}

fn is_terminal() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}
