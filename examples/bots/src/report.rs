//! The final report, as text and as JSON.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::args::{Pace, Plan, Proto, To};
use crate::tally::{Percentiles, Tally};

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How clients connected.
    pub proto: Proto,
    /// How many there should have been.
    pub users: u32,
    /// In how many rooms.
    pub rooms: u32,
    /// How many talked in each.
    pub talkers: u32,
    /// How many messages of each were under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// How many messages a second each said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Whether they talked to themselves and not to the room.
    pub to_self: bool,
    /// How many entered.
    pub entered: u64,
    /// How long that took.
    pub login_seconds: f64,
    /// From the first message until the last one arrived.
    pub seconds: f64,
    /// Messages said.
    pub sent: u64,
    /// How many times they should have been heard.
    pub expected: u64,
    /// How many times they were.
    pub delivered: u64,
    /// Of a message, from its sender to each who hears it.
    pub latency_us: Percentiles,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that were answered with an error.
    pub refused: u64,
    /// From a request to its answer.
    pub answer_us: Percentiles,
    /// From a request to the error that answered it.
    pub refusal_us: Percentiles,
    /// Requests that no answer came to, of those whose connection held.
    pub unanswered: u64,
    /// From one answer that is well to the next, of each who talks: as long as its room didn't chat.
    pub gap_us: Percentiles,
    /// Connections that ended before their time.
    pub lost_connections: u64,
    /// Clients that stopped reading.
    pub stalled: u32,
    /// Of those, the ones that the server cut off.
    pub cut_off: u64,
    /// Pushes that are no message of a bot.
    pub other_pushes: u64,
    /// What is wrong with what was heard.
    #[serde(flatten)]
    pub checks: Checks,
    /// What the server's processes used meanwhile, in microseconds.
    #[serde(rename = "server_cpu_us", serialize_with = "as_micros")]
    pub server_cpu: Option<Duration>,
    /// What went wrong, and how often.
    pub errors: Vec<(String, u64)>,
}

/// What is wrong with what was heard; all is well if nothing is, and there is somebody who can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Checks {
    /// Clients whose connection held, so that they can tell.
    pub witnesses: u64,
    /// Messages that a member has not heard.
    pub missing: u64,
    /// Messages that a member has heard before.
    pub twice: u64,
    /// Messages that a member heard after a later one of the same sender.
    pub late: u64,
}

impl Report {
    /// Nothing has happened yet.
    pub fn new(plan: &Plan) -> Self {
        let args = &plan.args;
        let (window, rate) = match plan.pace {
            Pace::Window(window) => (Some(window), None),
            Pace::Every(_) => (None, Some(args.rate)),
        };
        Self {
            proto: args.proto,
            users: args.users,
            rooms: args.rooms,
            talkers: plan.talkers,
            window,
            rate,
            to_self: args.to == To::Self_,
            entered: 0,
            login_seconds: 0.0,
            seconds: 0.0,
            sent: 0,
            expected: 0,
            delivered: 0,
            latency_us: Percentiles::default(),
            answered: 0,
            refused: 0,
            answer_us: Percentiles::default(),
            refusal_us: Percentiles::default(),
            unanswered: 0,
            gap_us: Percentiles::default(),
            lost_connections: 0,
            stalled: plan.stalled * args.rooms,
            cut_off: 0,
            other_pushes: 0,
            checks: Checks::default(),
            server_cpu: None,
            errors: vec![],
        }
    }

    /// Takes over what was counted.
    pub fn count(&mut self, tally: &Tally) {
        self.entered = tally.entered.get();
        self.sent = tally.said.get();
        self.expected = tally.expected();
        self.delivered = tally.heard.get();
        self.latency_us = tally.delivery_times();
        self.answered = tally.answered.get();
        self.refused = tally.refused.get();
        self.answer_us = tally.answer_times();
        self.refusal_us = tally.refusal_times();
        self.unanswered = tally.unanswered.get();
        self.gap_us = tally.gap_times();
        self.lost_connections = tally.lost.get();
        self.cut_off = tally.cut_off.get();
        self.other_pushes = tally.others.get();
        self.errors = tally.errors();
    }

    /// Everyone entered, stayed, was answered, and heard everything exactly once and in order.
    pub fn is_well(&self) -> bool {
        let all_in = self.entered == u64::from(self.users);
        let Checks { missing, twice, late, .. } = self.checks;
        all_in && self.errors.is_empty() && self.unanswered + missing + twice + late == 0
    }

    fn per_second(&self, count: u64) -> String {
        if self.seconds > 0.0 { grouped((count as f64 / self.seconds).round() as u64) } else { "0".into() }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Checks { witnesses, missing, twice, late } = self.checks;
        let proven = self.sent > 0 && witnesses > 0;
        let [sent, delivered] = [self.sent, self.delivered].map(grouped);
        writeln!(f, "entered    {} of {} clients in {:.2} s", self.entered, self.users, self.login_seconds)?;
        writeln!(f, "sent       {sent} messages, {} a second", self.per_second(self.sent))?;
        writeln!(f, "delivered  {delivered}, {} a second", self.per_second(self.delivered))?;
        writeln!(f, "latency    {}", times(self.latency_us))?;
        writeln!(f, "answers    {}; {} refused", times(self.answer_us), grouped(self.refused))?;
        if self.refused + self.unanswered > 0 {
            let (unanswered, gap) = (grouped(self.unanswered), ms(self.gap_us.max));
            writeln!(f, "refusals   {}; {unanswered} never answered", times(self.refusal_us))?;
            writeln!(f, "gaps       {gap} at most from one good answer to a client to the next")?;
        }
        if let Some(cpu) = self.server_cpu {
            let each = cpu.as_secs_f64() * 1e6 / self.delivered.max(1) as f64;
            writeln!(f, "server     {:.2} s of CPU time, {each:.2} µs a delivery", cpu.as_secs_f64())?;
        }
        let (heard, wanted) = (grouped(self.delivered), grouped(self.expected));
        let once = verdict(proven && missing + twice == 0);
        writeln!(f, "checks     every message exactly once per member: {once}")?;
        writeln!(
            f,
            "           ({heard} of {wanted} heard; {missing} missing, {twice} twice, as {witnesses} tell)"
        )?;
        let ordered = verdict(proven && late == 0);
        writeln!(f, "           in order per sender: {ordered} ({late} late)")?;
        writeln!(f, "lost       {} connections", self.lost_connections)?;
        if self.stalled > 0 {
            writeln!(f, "stalled    {}, of which {} were cut off", self.stalled, self.cut_off)?;
        }
        match &*self.errors {
            [] => write!(f, "errors     none"),
            errors => {
                write!(f, "errors")?;
                errors.iter().try_for_each(|(error, count)| write!(f, "\n  {:>8}  {error}", grouped(*count)))
            }
        }
    }
}

fn verdict(well: bool) -> &'static str {
    if well { "yes" } else { "NO" }
}

/// Percentiles, for people.
pub fn times(times: Percentiles) -> String {
    format!("p50 {}  p99 {}  max {}", ms(times.p50), ms(times.p99), ms(times.max))
}

fn ms(us: u64) -> String {
    format!("{:.2} ms", us as f64 / 1_000.0)
}

/// A number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn as_micros<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(crate::tally::micros).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Args;

    fn report() -> Report {
        let args = ["bots", "--users", "20", "--rooms", "2", "--window", "8", "--proto", "tcp"];
        let mut report = Report::new(&Args::try_parse_from(args).unwrap().plan().unwrap());
        (report.entered, report.seconds, report.login_seconds) = (20, 2.0, 0.25);
        (report.sent, report.expected, report.delivered) = (1_000, 10_000, 10_000);
        report.checks.witnesses = 20;
        report.latency_us = Percentiles { p50: 400, p99: 1_230, max: 12_000 };
        report
    }

    #[test]
    fn a_run_without_faults_is_well() {
        let mut report = report();
        assert!(report.is_well());
        report.server_cpu = Some(Duration::from_millis(25));
        let text = report.to_string();
        for line in [
            "entered    20 of 20 clients in 0.25 s",
            "sent       1,000 messages, 500 a second",
            "delivered  10,000, 5,000 a second",
            "latency    p50 0.40 ms  p99 1.23 ms  max 12.00 ms",
            "server     0.03 s of CPU time, 2.50 µs a delivery",
            "every message exactly once per member: yes",
            "(10,000 of 10,000 heard; 0 missing, 0 twice, as 20 tell)",
            "in order per sender: yes (0 late)",
            "errors     none",
        ] {
            assert!(text.contains(line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn each_fault_makes_it_not_well_and_is_said() {
        type Fault = fn(&mut Report);
        let faults: [(Fault, &str); 6] = [
            (|report| report.unanswered = 7, "; 7 never answered"),
            (
                |report| report.checks.missing = 1,
                "per member: NO\n           (10,000 of 10,000 heard; 1 missing, 0 twice, as 20 tell)",
            ),
            (
                |report| report.checks.twice = 2,
                "per member: NO\n           (10,000 of 10,000 heard; 0 missing, 2 twice, as 20 tell)",
            ),
            (|report| report.checks.late = 3, "in order per sender: NO (3 late)"),
            (|report| report.entered = 19, "entered    19 of 20 clients"),
            (|report| report.errors.push(("kicked: too slow".into(), 1_234)), "   1,234  kicked: too slow"),
        ];
        for (fault, line) in faults {
            let mut report = report();
            fault(&mut report);
            assert!(!report.is_well(), "{line}");
            assert!(report.to_string().contains(line), "{line}\nis not in\n{report}");
        }
    }

    #[test]
    fn a_run_without_messages_or_without_clients_proves_nothing() {
        let mut report = report();
        report.sent = 0;
        assert!(report.to_string().contains("per member: NO"));
        (report.sent, report.checks.witnesses) = (1_000, 0);
        assert!(report.to_string().contains("per member: NO"));
    }

    #[test]
    fn json_has_the_figures_and_the_checks_side_by_side() {
        let mut report = report();
        report.server_cpu = Some(Duration::from_millis(25));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["server_cpu_us"], 25_000);
        assert_eq!((&json["delivered"], &json["missing"]), (&10_000.into(), &0.into()));
        assert_eq!((&json["proto"], &json["window"]), (&"tcp".into(), &8.into()));
        assert_eq!(json.get("rate"), None);
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
