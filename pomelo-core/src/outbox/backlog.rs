//! The backlog: what a server holds for clients whose sockets take nothing at the moment, and which of them are too slow.
//!
//! Only blocked outboxes are counted, and only they are on a list: the others are empty as soon as the flusher has come by.
//! So neither costs anything as long as everybody reads.

use std::cmp::Reverse;
use std::io::IoSlice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Outbox;
use super::state::{Closing, Progress, State};

/// How long a socket may take nothing before its client counts as too slow, if it holds too much.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(1);

/// Outboxes are counted in pieces of so many bytes, so that most frames don't touch the number that all share.
const COUNTED_BYTES: usize = 1024;

/// The list, the count and the bound of the blocked outboxes of one server.
pub(super) struct Backlog {
    /// Bytes that blocked outboxes hold together, each counted in pieces of [`COUNTED_BYTES`].
    held: AtomicUsize,
    /// So many bytes blocked outboxes may hold together.
    limit: usize,
    /// The blocked outboxes.
    stalled: Mutex<Vec<Weak<Outbox>>>,
    /// Wakes whoever kicks the slowest clients when too much is held.
    pressed: Notify,
}

/// Since when an outbox is blocked, and what it counts for.
pub(super) struct Stall {
    /// When the socket last took something.
    since: Instant,
    /// How much of it is counted in the sum of all.
    charged: usize,
}

/// What is to be done about an outbox on the list.
enum Verdict {
    /// It is blocked no more.
    Over,
    /// It may stay.
    Patient,
    /// Its socket has taken nothing for a while.
    Stuck { held: usize, is_over_limit: bool },
}

impl Backlog {
    pub(super) fn new(limit: usize) -> Self {
        Self { held: AtomicUsize::new(0), limit, stalled: Mutex::default(), pressed: Notify::new() }
    }

    /// How much blocked outboxes hold.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Beyond so many bytes the slowest clients are kicked, so that there is room for the others.
    fn comfortable(&self) -> usize {
        self.limit - self.limit / 8
    }

    /// Counts that an outbox holds so much now.
    fn charge(&self, charged: &mut usize, held: usize) -> usize {
        let held = held.next_multiple_of(COUNTED_BYTES);
        let before = std::mem::replace(charged, held);
        let all = match held.checked_sub(before) {
            Some(0) => return 0,
            Some(more) => self.held.fetch_add(more, Ordering::Relaxed) + more,
            None => self.held.fetch_sub(before - held, Ordering::Relaxed) - (before - held),
        };
        if all > self.comfortable() {
            self.pressed.notify_one();
        }
        all
    }

    /// Waits until there is so much that somebody should look.
    pub(super) async fn pressed(&self) {
        self.pressed.notified().await;
    }

    /// The outboxes of clients that are too slow: those beyond their own limit, and, as long as all together hold too much,
    /// those that hold most. The socket of each has taken nothing for a second.
    pub(super) fn too_slow(&self) -> Vec<Arc<Outbox>> {
        let now = Instant::now();
        let is_pressed = self.held.load(Ordering::Relaxed) > self.comfortable();
        let (mut slow, mut stuck) = (Vec::new(), Vec::new());
        let mut freed = 0;
        let left = std::mem::take(&mut *self.lock()).into_iter();
        let mut listed = Listed { backlog: self, left, stay: Vec::new() };
        for weak in listed.left.by_ref() {
            let Some(outbox) = weak.upgrade() else { continue };
            listed.stay.push(weak);
            match outbox.judge(now, is_pressed) {
                Verdict::Over => drop(listed.stay.pop()),
                Verdict::Patient => {}
                Verdict::Stuck { held, is_over_limit: true } => {
                    freed += held;
                    slow.push(outbox);
                }
                Verdict::Stuck { held, is_over_limit: false } => stuck.push((held, outbox)),
            }
        }
        drop(listed);
        stuck.sort_unstable_by_key(|(held, _)| Reverse(*held));
        for (held, outbox) in stuck {
            if self.held.load(Ordering::Relaxed).saturating_sub(freed) <= self.comfortable() {
                break;
            }
            freed += held;
            slow.push(outbox);
        }
        slow
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Outbox>>> {
        self.stalled.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The list while it is gone through. What stays on it returns, also if a sink panics meanwhile.
struct Listed<'a> {
    backlog: &'a Backlog,
    left: std::vec::IntoIter<Weak<Outbox>>,
    stay: Vec<Weak<Outbox>>,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.backlog.lock().extend(self.stay.drain(..).chain(self.left.by_ref()));
    }
}

impl Outbox {
    /// The sink would block: the outbox counts until it is empty. Whether it `took` something says when the wait began.
    pub(super) fn stall(self: &Arc<Self>, state: &mut State, took: bool) {
        if state.closing == Closing::Closed {
            return;
        }
        let since = || Instant::now();
        match &mut state.stall {
            Some(stall) if took => stall.since = since(),
            Some(_) => {}
            None => state.stall = Some(Box::new(Stall { since: since(), charged: 0 })),
        }
        self.charge(state);
        if !std::mem::replace(&mut state.listed, true) {
            self.flusher.backlog.lock().push(Arc::downgrade(self));
        }
    }

    /// Counts what a blocked outbox holds now.
    pub(super) fn charge(&self, state: &mut State) {
        let held = state.held();
        if let Some(stall) = &mut state.stall {
            self.flusher.backlog.charge(&mut stall.charged, held);
        }
    }

    /// Counts so much more for a blocked outbox; false if all of the server hold too much already.
    pub(super) fn charge_more(&self, state: &mut State, held: usize) -> bool {
        let (Some(stall), backlog) = (&mut state.stall, &self.flusher.backlog) else { return true };
        if held <= stall.charged {
            return true;
        }
        let before = stall.charged;
        let fits = backlog.charge(&mut stall.charged, held) <= backlog.limit;
        if !fits {
            backlog.charge(&mut stall.charged, before);
        }
        fits
    }

    /// The outbox is empty or closed: it counts no more.
    pub(super) fn unstall(&self, state: &mut State) {
        if let Some(mut stall) = state.stall.take() {
            self.flusher.backlog.charge(&mut stall.charged, 0);
        }
    }

    fn judge(&self, now: Instant, is_pressed: bool) -> Verdict {
        let mut state = self.lock();
        let (held, is_blocked) = (state.held(), state.blocked && state.closing == Closing::Open);
        let Some(stall) = &mut state.stall else {
            state.listed = false;
            return Verdict::Over;
        };
        let is_over_limit = held > self.limit;
        if !is_blocked || now.duration_since(stall.since) < STALL_TIMEOUT || !(is_over_limit || is_pressed) {
            return Verdict::Patient;
        }
        if self.probe(&mut state) {
            if let Some(stall) = &mut state.stall {
                stall.since = now;
            }
            return Verdict::Patient;
        }
        Verdict::Stuck { held, is_over_limit }
    }

    /// Offers a blocked sink the first frame once more, and says whether it takes any of it.
    ///
    /// Under the lock, which is held for the length of a system call: so much only a client costs that has stalled for long.
    fn probe(&self, state: &mut State) -> bool {
        let Some(first) = state.queue.first() else { return true };
        let Ok(sent @ 1..) = self.sink.write_now(&[IoSlice::new(&first[state.written..])]) else {
            return false;
        };
        let mut progress = Progress { written: state.written, sent: 0, done: 0 };
        progress.advance(&state.queue, sent);
        state.written = progress.written;
        state.bytes -= sent;
        state.queue.drain(..progress.done);
        true
    }
}
