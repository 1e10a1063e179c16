//! Figures: a snapshot of all counters, with the rates since the last one.

use std::time::{Duration, Instant};

use crate::crowd::{Phase, Shared};
use crate::tally::{Percentiles, Tally};

/// How many deliveries a second are kept for the curve.
const HISTORY: usize = 120;

/// What there is to see at one moment.
#[derive(Debug, Clone)]
pub struct Figures {
    /// What the bots are doing.
    pub phase: Phase,
    /// How long they have been doing it.
    pub in_phase: Duration,
    /// How long they are to talk.
    pub time: Duration,
    /// Clients in their room.
    pub connected: u64,
    /// How many there are to be.
    pub users: u64,
    /// Messages said.
    pub said: u64,
    /// The same, a second.
    pub said_per_second: u64,
    /// Times that messages were heard.
    pub heard: u64,
    /// The same, a second.
    pub heard_per_second: u64,
    /// Times that messages are still to be heard.
    pub under_way: u64,
    /// Of late.
    pub latency: Percentiles,
    /// Requests answered with an error.
    pub refused: u64,
    /// Connections that ended before their time.
    pub lost: u64,
    /// What went wrong, and how often.
    pub errors: Vec<(String, u64)>,
    /// Deliveries a second, the latest last.
    pub curve: Vec<u64>,
}

/// Makes figures out of counts: knows what they were when it last looked.
pub struct Sampler {
    looked: Instant,
    phase: (Phase, Instant),
    said: u64,
    heard: u64,
    curve: Vec<u64>,
}

impl Sampler {
    /// Nothing was counted before `now`.
    pub fn new(now: Instant) -> Self {
        Self { looked: now, phase: (Phase::Entering, now), said: 0, heard: 0, curve: vec![] }
    }

    /// Looks.
    pub fn sample(&mut self, shared: &Shared, now: Instant) -> Figures {
        let Shared { plan, tally, .. } = shared;
        let phase = *shared.phase.borrow();
        if phase != self.phase.0 {
            self.phase = (phase, now);
        }
        let (said, heard, passed) = (tally.said.get(), tally.heard.get(), now - self.looked);
        let said_per_second = per_second(said - self.said, passed);
        let heard_per_second = per_second(heard - self.heard, passed);
        (self.looked, self.said, self.heard) = (now, said, heard);
        if self.curve.len() == HISTORY {
            self.curve.remove(0);
        }
        self.curve.push(heard_per_second);
        Figures {
            phase,
            in_phase: now - self.phase.1,
            time: plan.time,
            connected: connected(tally),
            users: u64::from(plan.args.users),
            said,
            said_per_second,
            heard,
            heard_per_second,
            under_way: tally.expected().saturating_sub(heard),
            latency: tally.recent_delivery_times(),
            refused: tally.refused.get(),
            lost: tally.lost.get(),
            errors: tally.errors(),
            curve: self.curve.clone(),
        }
    }
}

fn connected(tally: &Tally) -> u64 {
    tally.entered.get().saturating_sub(tally.lost.get())
}

fn per_second(count: u64, passed: Duration) -> u64 {
    let seconds = passed.as_secs_f64();
    if seconds > 0.0 { (count as f64 / seconds).round() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Args;

    #[test]
    fn rates_are_of_what_was_counted_since_the_last_look() {
        let shared = Shared::new(Args::try_parse_from(["bots"]).unwrap().plan().unwrap());
        let began = Instant::now();
        let mut sampler = Sampler::new(began);
        shared.tally.said.add(10);
        shared.tally.heard.add(100);
        let first = sampler.sample(&shared, began + Duration::from_secs(2));
        assert_eq!((first.said_per_second, first.heard_per_second), (5, 50));
        shared.tally.heard.add(30);
        let second = sampler.sample(&shared, began + Duration::from_secs(3));
        assert_eq!((second.said_per_second, second.heard_per_second, second.heard), (0, 30, 130));
        assert_eq!(second.curve, [50, 30]);
    }

    #[test]
    fn two_looks_in_the_same_moment_are_no_division_by_zero() {
        let shared = Shared::new(Args::try_parse_from(["bots"]).unwrap().plan().unwrap());
        let began = Instant::now();
        shared.tally.heard.add(7);
        assert_eq!(Sampler::new(began).sample(&shared, began).heard_per_second, 0);
    }
}
