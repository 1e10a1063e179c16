//! Guesses of passwords and tokens: how long who fails waits for the answer, and who else waits meanwhile.
//!
//! A login that fails is answered after a delay that doubles with each one, and until that is over it has one of a few places:
//! while all of these are taken, no further login of that account from that address is even looked at. So it doesn't help to
//! guess by many connections, nor to hang up without waiting; and who mistypes and then is right is let in at once.
//!
//! Names of users share a few counts by a hash that nobody outside knows, so that delays don't tell which of them exist.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use pomelo_net::address::Origin;

/// The delay after the first failure; each later one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Whose last failure is so long ago begins anew.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// So many accounts are remembered; of more, the one that failed longest ago is forgotten. Some 400 KB.
const MAX_ACCOUNTS: usize = 4096;
/// The counts that the names of an address share.
const COUNTS_PER_ADDRESS: u64 = 16;

/// How the logins of one kind are held back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest delay.
    longest: Duration,
    /// How many failures may be in their delay at once.
    places: usize,
}

impl Pace {
    /// People's passwords can be guessed: 8 a minute is what remains of that.
    pub(crate) const OPERATOR: Self = Self { longest: Duration::from_secs(30), places: 4 };
    /// A server that starts waits 5 s for its master, and all of a type that were given a wrong token come at once.
    pub(crate) const SERVER: Self = Self { longest: Duration::from_secs(2), places: 16 };

    fn delay(self, failures: u32) -> Duration {
        FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest)
    }
}

/// Whose password or token is tried, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    origin: Origin,
    is_server: bool,
    count: u64,
}

/// The failures of an account from an address.
#[derive(Debug, Default)]
struct Failures {
    count: u32,
    last: Option<Instant>,
    /// When those that are in their delay are over.
    delayed_until: Vec<Instant>,
}

/// Those who failed to log in lately.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    accounts: Mutex<HashMap<Account, Failures>>,
    names: RandomState,
}

impl Guesses {
    /// The account of an operator.
    pub(crate) fn operator(&self, ip: IpAddr, user: &str) -> Account {
        self.account(ip, false, user)
    }

    /// The account of the servers whose token `entry` of adminServer.json has.
    pub(crate) fn server(&self, ip: IpAddr, entry: &str) -> Account {
        self.account(ip, true, entry)
    }

    fn account(&self, ip: IpAddr, is_server: bool, name: &str) -> Account {
        Account { origin: Origin::from(ip), is_server, count: self.names.hash_one(name) % COUNTS_PER_ADDRESS }
    }

    /// Waits until a login may be looked at.
    ///
    /// # Cancel safety
    /// Nothing is left of it when it is dropped.
    pub(crate) async fn turn(&self, account: Account) {
        while let Some(place_free) = self.full_until(account, Instant::now()) {
            sleep_until(place_free).await;
        }
    }

    fn full_until(&self, account: Account, now: Instant) -> Option<Instant> {
        let mut accounts = self.lock();
        let failures = accounts.get_mut(&account)?;
        failures.delayed_until.retain(|until| *until > now);
        let is_full = failures.delayed_until.len() >= account.pace().places;
        is_full.then(|| failures.delayed_until.iter().min().copied()).flatten()
    }

    /// A login failed; returns when that is to be answered.
    pub(crate) fn failed(&self, account: Account) -> Instant {
        let (mut accounts, now) = (self.lock(), Instant::now());
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(&account) {
            let oldest =
                accounts.iter().min_by_key(|(_, failures)| failures.last).map(|(account, _)| *account);
            oldest.map(|oldest| accounts.remove(&oldest));
        }
        let failures = accounts.entry(account).or_default();
        if failures.last.is_some_and(|last| now.duration_since(last) > FORGET_AFTER) {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = Some(now);
        let until = now + account.pace().delay(failures.count);
        failures.delayed_until.push(until);
        until
    }

    /// A login succeeded.
    pub(crate) fn succeeded(&self, account: Account) {
        self.lock().remove(&account);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Account, Failures>> {
        self.accounts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Account {
    fn pace(self) -> Pace {
        if self.is_server { Pace::SERVER } else { Pace::OPERATOR }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    /// Guesses of one who waits for each answer, or for none; how many were looked at within that time.
    async fn guessed_in(guesses: &Guesses, account: Account, time: Duration, waits: bool) -> usize {
        let end = Instant::now() + time;
        let mut looked_at = 0;
        loop {
            guesses.turn(account).await;
            if Instant::now() >= end {
                return looked_at;
            }
            looked_at += 1;
            let answer = guesses.failed(account);
            if waits {
                sleep_until(answer).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_failure_is_answered_later_until_one_succeeds() {
        let guesses = Guesses::default();
        let account = guesses.operator(ip(1), "admin");
        let mut delays = Vec::new();
        for _ in 0..8 {
            let began = Instant::now();
            guesses.turn(account).await;
            sleep_until(guesses.failed(account)).await;
            delays.push((Instant::now() - began).as_millis());
        }
        assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        guesses.succeeded(account);
        assert_eq!(guesses.failed(account) - Instant::now(), FIRST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_help_to_hang_up() {
        let guesses = Guesses::default();
        let account = guesses.operator(ip(1), "admin");
        let day = Duration::from_secs(24 * 3600);
        for waits in [true, false] {
            let guessed = guessed_in(&guesses, account, day, waits).await;
            assert!(guessed < 12_000, "{guessed} a day");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_mistypes_is_let_in_at_once_when_right_and_others_are_not_held_back() {
        let guesses = Guesses::default();
        let account = guesses.operator(ip(1), "admin");
        for _ in 0..Pace::OPERATOR.places - 1 {
            guesses.failed(account);
        }
        let began = Instant::now();
        guesses.turn(account).await;
        guesses.failed(account);
        for other in [guesses.operator(ip(2), "admin"), guesses.server(ip(1), "admin")] {
            guesses.turn(other).await;
        }
        assert_eq!(Instant::now(), began);
        guesses.turn(account).await;
        assert!(Instant::now() > began, "all places are taken");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded_and_forgotten() {
        let guesses = Guesses::default();
        let account = guesses.operator(ip(1), "admin");
        for _ in 0..9 {
            guesses.failed(account);
        }
        tokio::time::advance(FORGET_AFTER + FIRST_WAIT).await;
        assert_eq!(guesses.failed(account) - Instant::now(), FIRST_WAIT);
        for n in 0..2 * MAX_ACCOUNTS as u32 {
            guesses.failed(guesses.operator(IpAddr::V4(n.into()), "admin"));
        }
        assert_eq!(guesses.lock().len(), MAX_ACCOUNTS);
    }
}
