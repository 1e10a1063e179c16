//! All bots together: they enter, talk, listen until everything has arrived, and are asked what they heard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::args::{Plan, To};
use crate::bot::{Bot, Record, place};
use crate::cpu;
use crate::report::{Checks, Report};
use crate::tally::Tally;

/// How long what was said last may take to arrive.
const GRACE: Duration = Duration::from_secs(10);
/// How long the pushes of the last one's entering may take, before anything is measured.
const SETTLE: Duration = Duration::from_millis(300);
/// How often it is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(5);

/// What the bots are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Enter their rooms.
    Entering,
    /// Say something now and then.
    Talking,
    /// Say nothing more.
    Listening,
    /// Go.
    Over,
}

/// What all bots share.
pub struct Shared {
    /// What is to be done.
    pub plan: Plan,
    /// What was done.
    pub tally: Tally,
    /// What is being done.
    pub phase: watch::Sender<Phase>,
    stop: Notify,
}

impl Shared {
    /// Nothing done yet.
    pub fn new(plan: Plan) -> Arc<Self> {
        let phase = watch::Sender::new(Phase::Entering);
        Arc::new(Self { plan, tally: Tally::new(), phase, stop: Notify::new() })
    }

    /// Ends the talking before its time.
    pub fn stop(&self) {
        self.stop.notify_one();
    }
}

/// Runs all bots, and says what came of it.
pub async fn run(shared: Arc<Shared>) -> Report {
    let mut bots = JoinSet::new();
    let began = Instant::now();
    let in_all = tokio::select! {
        in_all = enter(&shared, &mut bots) => in_all,
        () = shared.stop.notified() => false,
    };
    let mut report = Report::new(&shared.plan);
    report.login_seconds = began.elapsed().as_secs_f64();
    if in_all {
        sleep(SETTLE).await;
        talk(&shared, &mut report).await;
    }
    shared.phase.send_replace(Phase::Over);
    // Those that have not entered never look at the phase.
    if !in_all {
        bots.abort_all();
    }
    let mut records: Vec<Record> = Vec::new();
    while let Some(ended) = bots.join_next().await {
        records.extend(ended.ok().flatten());
    }
    report.count(&shared.tally);
    report.checks = check(&shared.plan, &records);
    report
}

/// Lets everyone enter, some at a time; true if all are in their room.
async fn enter(shared: &Arc<Shared>, bots: &mut JoinSet<Option<Record>>) -> bool {
    let (users, logins) = (shared.plan.args.users, shared.plan.args.logins);
    let doors = Arc::new(Semaphore::new(logins as usize));
    let failed = Arc::new(crate::tally::Count::default());
    for user in 0..users {
        let (shared, doors, failed) = (shared.clone(), doors.clone(), failed.clone());
        let phase = shared.phase.subscribe();
        bots.spawn(async move {
            let door = doors.acquire_owned().await.ok()?;
            match Bot::enter(user, shared.clone()).await {
                Ok(bot) => {
                    shared.tally.entered.add(1);
                    drop(door);
                    Some(bot.live(phase).await)
                }
                Err(error) => {
                    shared.tally.fail(error);
                    failed.add(1);
                    None
                }
            }
        });
    }
    let ended = || shared.tally.entered.get() + failed.get() >= u64::from(users);
    // A few that fail are named in the report; when all of the first do, there is no sense in trying the rest.
    let hopeless = || shared.tally.entered.get() == 0 && failed.get() >= u64::from(logins);
    while !ended() && !hopeless() {
        sleep(LOOK).await;
    }
    failed.get() == 0
}

/// Lets them talk for the planned time, and listen until everything has arrived.
async fn talk(shared: &Shared, report: &mut Report) {
    let Shared { plan, tally, phase, stop } = shared;
    let (began, cpu_before) = (Instant::now(), cpu::used(&plan.args.pids));
    phase.send_replace(Phase::Talking);
    tokio::select! {
        () = sleep(plan.time) => {}
        () = stop.notified() => {}
    }
    phase.send_replace(Phase::Listening);
    let talked = Instant::now();
    // Somebody may have been about to say something.
    sleep(LOOK).await;
    while tally.is_waiting() && talked.elapsed() < GRACE {
        sleep(LOOK).await;
    }
    report.seconds = began.elapsed().as_secs_f64();
    match (cpu_before, cpu::used(&plan.args.pids)) {
        (Ok(before), Ok(after)) => report.server_cpu = Some(after.saturating_sub(before)),
        (Err(error), _) | (_, Err(error)) => tally.fail(error),
    }
    if plan.args.pids.is_empty() {
        report.server_cpu = None;
    }
}

/// Compares what each one heard with what the others said. One whose connection broke is asked for nothing; of what it
/// said last nobody knows whether it left.
fn check(plan: &Plan, records: &[Record]) -> Checks {
    let mut checks = Checks::default();
    for listener in records.iter().filter(|record| record.alive) {
        checks.witnesses += 1;
        checks.twice += listener.ledger.twice;
        checks.late += listener.ledger.late;
        for talker in records.iter().filter(|talker| hears(plan, listener, talker)) {
            let said = if talker.alive { talker.said } else { 0 };
            let place = place(talker.user, plan.args.rooms) as usize;
            checks.missing += listener.ledger.missing(place, said, &talker.refused);
        }
    }
    checks
}

fn hears(plan: &Plan, listener: &Record, talker: &Record) -> bool {
    match plan.args.to {
        To::Room => listener.user % plan.args.rooms == talker.user % plan.args.rooms,
        To::Self_ => listener.user == talker.user,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::Parser;

    use super::*;
    use crate::args::Args;
    use crate::ledger::Ledger;

    fn plan(to: &str) -> Plan {
        Args::try_parse_from(["bots", "--users", "4", "--rooms", "2", "--to", to]).unwrap().plan().unwrap()
    }

    /// One that said so many things and heard so many of each place in its room.
    fn record(user: u32, said: u64, heard: [u64; 2]) -> Record {
        let mut ledger = Ledger::new(2);
        for (place, count) in heard.into_iter().enumerate() {
            (0..count).for_each(|serial| assert!(ledger.hear(place, serial)));
        }
        Record { user, said, refused: HashSet::new(), ledger, alive: true }
    }

    #[test]
    fn everyone_hears_its_own_room_and_no_other() {
        let records =
            [record(0, 2, [2, 1]), record(1, 5, [5, 0]), record(2, 1, [2, 1]), record(3, 0, [5, 0])];
        assert_eq!(check(&plan("room"), &records), Checks { witnesses: 4, ..Checks::default() });
    }

    #[test]
    fn what_one_member_has_not_heard_is_missing() {
        let records = [record(0, 2, [2, 1]), record(2, 1, [1, 1])];
        assert_eq!(check(&plan("room"), &records).missing, 1);
    }

    #[test]
    fn what_is_said_to_oneself_is_heard_by_nobody_else() {
        let records = [record(0, 2, [2, 0]), record(2, 1, [0, 0])];
        assert_eq!(check(&plan("self"), &records).missing, 1);
    }

    #[test]
    fn one_whose_connection_broke_misses_nothing_and_its_last_words_are_not_missed() {
        let broken = Record { alive: false, ..record(0, 9, [0, 0]) };
        let checks = check(&plan("room"), &[broken, record(2, 1, [3, 1])]);
        assert_eq!(checks, Checks { witnesses: 1, ..Checks::default() });
    }
}
