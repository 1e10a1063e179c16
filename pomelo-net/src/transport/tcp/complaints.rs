//! Complaints about strangers in the log: each kind once a second at most, with a count, however often they come.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

/// The same line is not written again within this.
const PAUSE: Duration = Duration::from_secs(1);

/// So many kinds are told apart; of more, the one that was said first is said anew.
const MAX_KINDS: usize = 32;

/// What was last complained of.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<VecDeque<Kind>>);

#[derive(Debug)]
struct Kind {
    text: String,
    again_at: Instant,
    kept_back: u64,
}

impl Complaints {
    /// Whether to say this now, and how often it was not said since it was last.
    pub(super) fn is_due(&self, text: &str) -> Option<u64> {
        let (mut kinds, now) = (self.lock(), Instant::now());
        if let Some(kind) = kinds.iter_mut().find(|kind| kind.text == text) {
            if now < kind.again_at {
                kind.kept_back += 1;
                return None;
            }
            kind.again_at = now + PAUSE;
            return Some(std::mem::take(&mut kind.kept_back));
        }
        if kinds.len() >= MAX_KINDS {
            kinds.pop_front();
        }
        kinds.push_back(Kind { text: text.to_owned(), again_at: now + PAUSE, kept_back: 0 });
        Some(0)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Kind>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_is_said_once_a_second_and_counted() {
        let complaints = Complaints::default();
        let said: Vec<_> = (0..5).map(|_| complaints.is_due("its secret is another one")).collect();
        assert_eq!(said, [Some(0), None, None, None, None]);
        tokio::time::advance(PAUSE).await;
        assert_eq!(complaints.is_due("its secret is another one"), Some(4));
        let other = "the handshake took too long";
        assert_eq!(complaints.is_due(other), Some(0), "something else is news");
        assert_eq!(complaints.is_due("its secret is another one"), None, "also when they take turns");
        for stranger in 0..2 * MAX_KINDS {
            complaints.is_due(&stranger.to_string());
        }
        assert!(complaints.lock().len() <= MAX_KINDS);
    }
}
