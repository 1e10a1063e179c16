//! Output: what the command `start` prints of servers.

use std::io::Write;

use crate::status::Outcome;

/// What became of the start of one server.
pub(crate) fn line(outcome: &Outcome) -> String {
    let word = if outcome.ok { "" } else { "FAILED: " };
    format!("  {}: {word}{}\n", outcome.id, outcome.message)
}

/// How many failed, if any did.
pub(crate) fn failures(outcomes: &[Outcome]) -> Option<String> {
    let failed = outcomes.iter().filter(|outcome| !outcome.ok).count();
    (failed > 0).then(|| format!("{failed} of {} servers failed", outcomes.len()))
}

/// To the terminal, or the log of a master in the background.
pub(crate) fn say(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // A terminal that is gone must not end the servers.
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}
