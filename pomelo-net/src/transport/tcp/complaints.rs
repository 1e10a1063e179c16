//! Complaints about strangers in the log: each kind once a second at most, with a count, however often they come.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

/// The same line is not written again within this.
const PAUSE: Duration = Duration::from_secs(1);

/// What was last complained of.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    text: String,
    again_at: Option<Instant>,
    kept_back: u64,
}

impl Complaints {
    /// Whether to say this now, and how often it was not said since it was last.
    pub(super) fn is_due(&self, text: &str) -> Option<u64> {
        let (mut state, now) = (self.lock(), Instant::now());
        let is_same = state.text == text;
        if is_same && state.again_at.is_some_and(|again_at| now < again_at) {
            state.kept_back += 1;
            return None;
        }
        let kept_back = if is_same { state.kept_back } else { 0 };
        *state = State { text: text.to_owned(), again_at: Some(now + PAUSE), kept_back: 0 };
        Some(kept_back)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
        assert_eq!(complaints.is_due("the handshake took too long"), Some(0), "something else is news");
    }
}
