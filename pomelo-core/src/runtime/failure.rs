//! Failures: what the application's code failed with, on its way to the log.
//!
//! | error | where it is logged | how |
//! |---|---|---|
//! | the application's, or the server's fault | where it arose | WARN, one line a second and code, with how many were left out |
//! | the client's fault | where it arose | DEBUG |
//! | one that came from another server, or was logged before | nowhere again | DEBUG |

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Runtime;
use super::boundary::{Site, discard};
use crate::value::{Error, Fault, ServerId, beginning};

/// The target of all lines that are about the application's own code, so that they can be chosen by themselves.
pub(crate) const TARGET: &str = "pomelo::errors";

/// A longer text is cut: an error may say all that a client sent.
const MAX_TEXT: usize = 2048;

/// A line about a [`Site`], with the same fields at every level; `text` is its last part.
macro_rules! line {
    ($level:ident, $site:expr, { $($more:tt)* }, $($text:tt)+) => {{
        let (site, method) = ($site, $site.is_method());
        let name = site.name();
        tracing::$level!(
            target: $crate::runtime::failure::TARGET,
            // It has the fields of the span around that code, also where that is off, and shall not have them twice.
            parent: None,
            server = %site.server(),
            what = site.what(),
            route = name.as_deref().filter(|_| !method),
            method = name.as_deref().filter(|_| method),
            session = site.session().map(tracing::field::display),
            uid = site.uid().as_deref(),
            $($more)*
            $($text)+
        )
    }};
}

pub(crate) use line;

impl Site<'_> {
    /// Logs an error that the application's code has returned, or that came instead of its answer: once, on the server where it
    /// arose. What is the server's fault is at WARN and held to a rate, what is the client's at DEBUG.
    #[cold]
    pub(crate) fn failed(&self, error: &mut Error) {
        self.failed_for(None, error);
    }

    /// As [`failed`](Self::failed), for another server.
    #[cold]
    pub(crate) fn failed_for(&self, caller: Option<&ServerId>, error: &mut Error) {
        let is_news = !error.set_logged();
        quietly(|| self.log(is_news, caller, error));
    }

    fn log(&self, is_news: bool, caller: Option<&ServerId>, error: &Error) {
        let what = self.what();
        let from = caller.map(tracing::field::display);
        let code = Some(error.code()).filter(|code| *code != 500);
        let text = Shortened(error.message());
        if !is_news || error.fault() == Fault::Client {
            line!(debug, self, { from, code, error = %text, }, "{what} failed");
        } else if let Some(left_out) = self.admitted("failed") {
            line!(warn, self, { from, code, error = %text, left_out, }, "{what} failed");
        }
    }

    /// Whether to write a line about this code now, and how many were left out before.
    pub(crate) fn admitted(&self, event: &str) -> Option<LeftOut> {
        let name = self.name().unwrap_or_default();
        // Clients make routes up; they must not make lines.
        let name = if self.is_made_up() { "" } else { &name };
        self.runtime().admit(format_args!("{} {name} {event}", self.what()))
    }
}

/// How many lines were left out before this one; a field that isn't there if none were.
pub(crate) type LeftOut = Option<u64>;

impl Runtime {
    /// Whether to write a line about that now.
    pub(crate) fn admit(&self, about: fmt::Arguments<'_>) -> Option<LeftOut> {
        let left_out = self.lines.admit(&*about.to_string())?;
        Some(Some(left_out).filter(|count| *count > 0))
    }

    /// Says that a message that wants no answer was refused, since its lane is full: once a second and kind.
    pub(crate) fn note_lane_full(&self, what: &str, from: &ServerId) {
        let Some(left_out) = self.admit(format_args!("lane {what}")) else { return };
        quietly(|| {
            let (server, limit) = (&self.info.id, self.limits.lane_queue);
            tracing::warn!(%server, %from, limit, left_out, "{what} was refused: its lane is full (lane_queue)");
        });
    }
}

/// Logs, and survives a subscriber that panics, as where the log is full: whoever logs must go on.
pub(crate) fn quietly(log: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(log)) {
        discard(panic);
    }
}

/// A text of which a log needs no more than its beginning, without what would break its line or colour a terminal: some of it may
/// come from a client.
pub(crate) struct Shortened<'a>(pub(crate) &'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = beginning(self.0, MAX_TEXT);
        for part in text.split_inclusive(char::is_control) {
            let plain = part.trim_end_matches(char::is_control);
            f.write_str(plain)?;
            part[plain.len()..].escape_debug().fmt(f)?;
        }
        match self.0.len() - text.len() {
            0 => Ok(()),
            rest => write!(f, "… ({rest} bytes more)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_where_a_letter_ends() {
        assert_eq!(Shortened("short").to_string(), "short");
        assert_eq!(Shortened("a\"b\nc\u{1b}[31m").to_string(), r#"a"b\nc\u{1b}[31m"#);
        let long = "é".repeat(MAX_TEXT);
        let text = Shortened(&long).to_string();
        assert!(text.starts_with('é') && text.ends_with("é… (2048 bytes more)"), "{text}");
        assert_eq!(beginning("aé", 2), "a");
    }
}
