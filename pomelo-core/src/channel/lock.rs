//! A channel's lock: a mutex that refuses who has it already, and doesn't wait for ever.
//!
//! The application's code runs under it (`update`, and what serializes a push), so it may ask for the same channel again, or for
//! two channels in the order opposite to another thread's. With a plain mutex both keep their threads for good.
//!
//! ```text
//!  attempt ──▶ had                      nobody has it, and nobody has waited for long
//!     │
//!     ├─ this thread has it ──▶ Reentered, at once
//!     └─ another one has it ──▶ spin ──▶ sleep in slices of 10 ms ──▶ had, or Late after a second
//! ```
//!
//! It is fair only to those who have waited for a slice: until then whoever comes by takes it, which costs
//! nobody a wake-up. From then on newcomers queue behind them.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// How long to wait for a channel. A step of a channel takes microseconds, with a large room some milliseconds; who waits for a
/// second waits for somebody who waits.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one wait takes at most. From then on nobody comes before those who wait.
const LOCK_SLICE: Duration = Duration::from_millis(10);

/// How often to look again before the thread sleeps, as the standard library's mutex does.
const SPINS: usize = 100;

/// A mutex over the state of a channel.
#[derive(Default)]
pub(super) struct Lock<T> {
    state: Mutex<T>,
    /// The number of the thread that has it, or 0.
    holder: AtomicUsize,
    sleeping: AtomicUsize,
    /// Those among them that have waited for a [`LOCK_SLICE`].
    starving: AtomicUsize,
    turn: Mutex<()>,
    freed: Condvar,
}

/// Why the lock was not had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// This thread has it already.
    Reentered,
    /// Another thread has it for too long.
    Late,
}

impl<T> Lock<T> {
    /// Waits for the lock, no longer than `patience`.
    #[inline]
    pub(super) fn lock(&self, patience: Duration) -> Result<Held<'_, T>, Refused> {
        if self.starving.load(Ordering::Relaxed) == 0
            && let Some(held) = self.attempt()
        {
            return Ok(held);
        }
        self.wait(patience)
    }

    /// Whether this thread has it.
    pub(super) fn is_mine(&self) -> bool {
        self.holder.load(Ordering::Relaxed) == thread()
    }

    #[inline]
    fn attempt(&self) -> Option<Held<'_, T>> {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            // Each step of a guard is whole by itself, so a panic between two leaves nothing half done.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.holder.store(thread(), Ordering::Relaxed);
        Some(Held { _holder: Holder(&self.holder), state, _waiters: Waiters(self) })
    }

    #[cold]
    fn wait(&self, patience: Duration) -> Result<Held<'_, T>, Refused> {
        if self.is_mine() {
            return Err(Refused::Reentered);
        }
        for _ in 0..SPINS {
            if self.starving.load(Ordering::Relaxed) == 0
                && let Some(held) = self.attempt()
            {
                return Ok(held);
            }
            std::hint::spin_loop();
        }
        let _sleeping = Count::new(&self.sleeping);
        self.sleep(patience)
    }

    #[cold]
    fn wake(&self) {
        drop(self.turn.lock());
        self.freed.notify_one();
    }

    fn sleep(&self, patience: Duration) -> Result<Held<'_, T>, Refused> {
        let (mut waited, mut starving) = (Duration::ZERO, None);
        let mut turn = self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        loop {
            // Who frees it comes by `turn`, so it isn't missed between this and the sleep.
            if let Some(held) = self.attempt() {
                return Ok(held);
            }
            if waited >= patience {
                return Err(Refused::Late);
            }
            let began = Instant::now();
            let woken = self.freed.wait_timeout(turn, LOCK_SLICE);
            turn = woken.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
            // A process that was suspended meanwhile has not waited.
            waited += began.elapsed().min(LOCK_SLICE * 2);
            if waited >= LOCK_SLICE {
                starving.get_or_insert_with(|| Count::new(&self.starving));
            }
        }
    }
}

/// The state while this thread has the lock. Its fields are dropped in this order.
pub(super) struct Held<'a, T> {
    _holder: Holder<'a>,
    state: MutexGuard<'a, T>,
    _waiters: Waiters<'a, T>,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.state
    }
}

/// Forgets who has the lock, when it is about to be freed.
struct Holder<'a>(&'a AtomicUsize);

impl Drop for Holder<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Wakes one of those who sleep, when the lock is free.
struct Waiters<'a, T>(&'a Lock<T>);

impl<T> Drop for Waiters<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Where this is read too early, the sleeper looks again by itself after a slice.
        if self.0.sleeping.load(Ordering::Relaxed) > 0 {
            self.0.wake();
        }
    }
}

/// Counts one as long as it lives.
struct Count<'a>(&'a AtomicUsize);

impl<'a> Count<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A number that no other thread has as long as this one lives, never 0: where something of its own is.
#[inline]
fn thread() -> usize {
    thread_local!(static OWN: u8 = const { 0 });
    OWN.with(|own| std::ptr::from_ref(own).addr())
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn who_has_it_is_refused_at_once_and_others_late() {
        let lock = Lock::<u8>::default();
        let held = lock.lock(LOCK_TIMEOUT).ok();
        assert!(lock.is_mine());
        assert_eq!(lock.lock(LOCK_TIMEOUT).err(), Some(Refused::Reentered));
        let other = thread::scope(|scope| scope.spawn(|| lock.lock(LOCK_SLICE * 3).err()).join().unwrap());
        assert_eq!(other, Some(Refused::Late));
        drop(held);
        assert!(!lock.is_mine() && lock.lock(Duration::ZERO).is_ok());
    }

    #[test]
    fn a_panic_while_it_is_held_frees_it() {
        let lock = Lock::<u8>::default();
        thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _held = lock.lock(LOCK_TIMEOUT).ok();
                panic!("while it is held");
            });
            assert!(panics.join().is_err());
        });
        assert!(lock.lock(Duration::ZERO).is_ok());
    }

    /// Each thread waits for it, often asleep, and none is forgotten or starves: the patience is that of a test.
    #[test]
    fn all_who_wait_get_it_one_after_the_other() {
        const THREADS: usize = 8;
        const TIMES: usize = 500;
        let (lock, start) = (Lock::<usize>::default(), Barrier::new(THREADS));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..TIMES {
                        let mut held = lock.lock(Duration::from_secs(60)).expect("it is freed each time");
                        let before = *held;
                        thread::yield_now();
                        *held = before + 1;
                    }
                });
            }
        });
        assert_eq!(*lock.lock(LOCK_TIMEOUT).ok().unwrap(), THREADS * TIMES);
        assert_eq!((lock.sleeping.into_inner(), lock.starving.into_inner()), (0, 0));
    }
}
