//! A throttle: a rate limit for log lines that somebody else could cause without end.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

/// A rate limit for log lines, by key: the first line of a key is written at once, then one a second at most, with how many were
/// left out.
///
/// A key is what the line is about, such as a route or a stranger's address. The throttle knows [`MAX_KEYS`](Self::MAX_KEYS) of
/// them; while all of these are waiting, all other keys together count as one. So no more than that many lines and one are written
/// in a second, whoever makes the keys up, and memory is bounded.
///
/// It decides and does nothing else. Time is tokio's, so that a test can pause it.
///
/// ```
/// use pomelo_core::runtime::throttle::Throttle;
///
/// let refused = Throttle::<String>::default();
/// # let written = std::cell::Cell::new(0);
/// for _ in 0..1_000 {
///     if let Some(left_out) = refused.admit("10.0.0.7") {
///         println!("10.0.0.7 was refused ({left_out} lines like this were left out)");
/// #       written.set(written.get() + 1);
///     }
/// }
/// # assert!(written.get() < 10);
/// ```
#[derive(Debug)]
pub struct Throttle<K>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K> {
    keys: HashMap<K, Turn>,
    /// Of all keys for which there was no room.
    others: Option<Turn>,
}

/// When a key's next line may be written, and how many were not since its last one.
#[derive(Debug, Clone, Copy)]
struct Turn {
    at: Instant,
    left_out: u64,
}

impl<K> Default for Throttle<K> {
    fn default() -> Self {
        Self(Mutex::new(State { keys: HashMap::new(), others: None }))
    }
}

impl<K: Eq + Hash> Throttle<K> {
    /// How long nothing is written of a key after a line of it: a person can read one line a second, and a log of a week of them
    /// is 60 MB.
    pub const PAUSE: Duration = Duration::from_secs(1);

    /// How many keys are told apart: more than an application has routes that fail at once, and some 10 KB.
    pub const MAX_KEYS: usize = 256;

    /// Whether to write a line of that key now: if so, how many were left out since the last one.
    pub fn admit<Q>(&self, key: &Q) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        self.admit_at(key, Instant::now())
    }

    /// As [`admit`](Self::admit), at a time that the caller knows.
    pub fn admit_at<Q>(&self, key: &Q, now: Instant) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let mut state = self.lock();
        if let Some(turn) = state.keys.get_mut(key) {
            return turn.take(now);
        }
        if state.keys.len() >= Self::MAX_KEYS && !state.make_room(now) {
            return match &mut state.others {
                Some(turn) => turn.take(now),
                others => {
                    *others = Some(Turn::after(now));
                    Some(0)
                }
            };
        }
        state.keys.insert(key.to_owned(), Turn::after(now));
        Some(0)
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<K: Eq + Hash> State<K> {
    /// Forgets the keys that could be written now, if there are any; of those the ones with lines left out go last, for their
    /// count goes with them.
    fn make_room(&mut self, now: Instant) -> bool {
        let before = self.keys.len();
        self.keys.retain(|_, turn| turn.at > now || turn.left_out > 0);
        if self.keys.len() == before {
            self.keys.retain(|_, turn| turn.at > now);
        }
        self.keys.len() < before
    }
}

impl Turn {
    fn after(now: Instant) -> Self {
        Self { at: now + Throttle::<()>::PAUSE, left_out: 0 }
    }

    fn take(&mut self, now: Instant) -> Option<u64> {
        if now < self.at {
            self.left_out += 1;
            return None;
        }
        let left_out = self.left_out;
        *self = Self::after(now);
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lines = Throttle<String>;

    #[tokio::test(start_paused = true)]
    async fn the_first_line_of_a_key_is_written_at_once_then_one_a_second_with_a_count() {
        let lines = Lines::default();
        let said: Vec<_> = (0..5).map(|_| lines.admit("chat.chatHandler.send")).collect();
        assert_eq!(said, [Some(0), None, None, None, None]);
        assert_eq!(lines.admit("chat.chatHandler.enter"), Some(0), "another key is news");
        tokio::time::advance(Lines::PAUSE - Duration::from_millis(1)).await;
        assert_eq!(lines.admit("chat.chatHandler.send"), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(lines.admit("chat.chatHandler.send"), Some(5));
        tokio::time::advance(Lines::PAUSE).await;
        assert_eq!(lines.admit("chat.chatHandler.send"), Some(0), "a count is told once");
    }

    #[tokio::test(start_paused = true)]
    async fn keys_without_end_take_bounded_memory_and_make_a_bounded_number_of_lines() {
        let lines = Lines::default();
        let written = |from: usize| {
            let keys = from..from + 10_000;
            keys.filter(|key| lines.admit(&key.to_string()).is_some()).count()
        };
        assert_eq!(written(0), Lines::MAX_KEYS + 1);
        assert_eq!(lines.lock().keys.len(), Lines::MAX_KEYS);
        assert_eq!(lines.admit("one more"), None);
        tokio::time::advance(Lines::PAUSE).await;
        assert_eq!(written(10_000), Lines::MAX_KEYS + 1);
        assert_eq!(lines.lock().keys.len(), Lines::MAX_KEYS);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_left_out_of_keys_without_room_is_counted_together() {
        let lines = Lines::default();
        for key in 0..=Lines::MAX_KEYS {
            assert_eq!(lines.admit(&key.to_string()), Some(0));
        }
        assert_eq!((lines.admit("a"), lines.admit("b")), (None, None));
        let soon = Instant::now() + Lines::PAUSE;
        // All that have room are written again, so that there is none for others.
        for key in 0..Lines::MAX_KEYS {
            assert_eq!(lines.admit_at(&key.to_string(), soon), Some(0));
        }
        assert_eq!(lines.admit_at("c", soon), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_with_a_count_is_forgotten_after_those_without() {
        let lines = Lines::default();
        for key in 0..Lines::MAX_KEYS {
            lines.admit(&key.to_string());
        }
        assert_eq!(lines.admit("7"), None);
        tokio::time::advance(Lines::PAUSE).await;
        assert_eq!(lines.admit("new"), Some(0));
        assert_eq!(lines.admit("7"), Some(1));
    }
}
