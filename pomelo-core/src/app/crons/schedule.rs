//! The schedule of a cron: when it is due, in local time.
//!
//! | field | values | |
//! |---|---|---|
//! | second, minute | 0–59 | |
//! | hour | 0–23 | |
//! | day of the month | 1–31 | must match together with the day of the week |
//! | month | 1–12 in code, 0–11 in crons.json | pomelo's README says 1–12, its code takes 0–11 |
//! | day of the week | 0–6 from Sunday | |
//!
//! A field is `*`, a number, `1-5`, a list `1,2,7`, or a step: `0/15` begins at 0, `*/15` is the same.

use std::time::SystemTime;

use chrono::{DateTime, Local};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// When something is due.
#[derive(Debug, Clone)]
pub(super) struct Schedule(Cron);

impl Schedule {
    /// Reads the six fields, with months from 1 to 12.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(time: &str) -> Result<Self, String> {
        let fields = time.split_whitespace().count();
        if fields != 6 {
            return Err(format!(
                "`{time}` has {fields} fields, expected six: second, minute, hour, day of the month, month, day of the week"
            ));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Disallowed)
            .dom_and_dow(true)
            .sloppy_ranges(true)
            .build();
        let cron = parser.parse(time).map_err(|error| format!("`{time}` is no time of a cron: {error}"))?;
        match Self(cron).checked() {
            Some(schedule) => Ok(schedule),
            None => Err(format!("`{time}` is never due")),
        }
    }

    /// Reads the six fields as pomelo does, with months from 0 to 11.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read_file(time: &str) -> Result<Self, String> {
        let fields: Vec<&str> = time.split_whitespace().collect();
        let [second, minute, hour, day, month, weekday] = fields[..] else { return Self::read(time) };
        let month = month_from_one(month).ok_or_else(|| {
            format!("`{time}` has the month `{month}`, expected 0 to 11: pomelo counts months from 0")
        })?;
        Self::read(&[second, minute, hour, day, &month, weekday].join(" "))
    }

    /// When it is due next after a time; none if never again.
    pub(super) fn next_after(&self, time: SystemTime) -> Option<SystemTime> {
        let time = DateTime::<Local>::from(time);
        self.0.find_next_occurrence(&time, false).ok().map(SystemTime::from)
    }

    fn checked(self) -> Option<Self> {
        self.next_after(SystemTime::UNIX_EPOCH).map(|_| self)
    }
}

/// A month's field whose numbers are from 0, with numbers from 1. The number behind a `/` is a step, and stays.
fn month_from_one(field: &str) -> Option<String> {
    let one = |number: &str| match number {
        "*" => Some("*".to_owned()),
        number => number.parse::<u8>().ok().filter(|month| *month < 12).map(|month| (month + 1).to_string()),
    };
    let range =
        |range: &str| range.split('-').map(one).collect::<Option<Vec<_>>>().map(|ends| ends.join("-"));
    let item = |item: &str| match item.split_once('/') {
        Some((first, step)) => range(first).map(|first| format!("{first}/{step}")),
        None => range(item),
    };
    field.split(',').map(item).collect::<Option<Vec<_>>>().map(|items| items.join(","))
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeZone};

    use super::*;

    /// The first times after the beginning of 2026, a Thursday.
    fn due(schedule: &Schedule, count: usize) -> Vec<String> {
        let begin = NaiveDate::from_ymd_opt(2026, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0)).unwrap();
        let mut time = SystemTime::from(Local.from_local_datetime(&begin).unwrap());
        let mut next = || {
            time = schedule.next_after(time).unwrap();
            DateTime::<Local>::from(time).format("%m-%d %H:%M:%S").to_string()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn times_are_read_as_pomelo_writes_them() {
        for (time, expected) in [
            ("0 30 10 * * *", ["01-01 10:30:00", "01-02 10:30:00"]),
            ("0/20 0 0 * * *", ["01-01 00:00:20", "01-01 00:00:40"]),
            ("0 0 0,12 * * *", ["01-01 12:00:00", "01-02 00:00:00"]),
            ("0 0 5-6 * * *", ["01-01 05:00:00", "01-01 06:00:00"]),
            ("0 0 0 1 11 *", ["12-01 00:00:00", "12-01 00:00:00"]),
            ("0 0 0 1 0/6 *", ["07-01 00:00:00", "01-01 00:00:00"]),
            ("0 0 0 1 1-2,5 *", ["02-01 00:00:00", "03-01 00:00:00"]),
            // The thirteenth that is a Friday: both must match.
            ("0 0 0 13 * 5", ["02-13 00:00:00", "03-13 00:00:00"]),
        ] {
            assert_eq!(due(&Schedule::read_file(time).unwrap(), 2), expected, "{time}");
        }
        assert_eq!(due(&Schedule::read("0 0 0 1 12 *").unwrap(), 1), ["12-01 00:00:00"]);
        assert_eq!(due(&Schedule::read("*/30 * * * * *").unwrap(), 1), ["01-01 00:00:30"]);
    }

    #[test]
    fn what_is_no_time_or_never_due_says_so() {
        for (time, expected) in [
            ("* * * * *", "has 5 fields, expected six"),
            ("0 0 0 1 12 *", "has the month `12`, expected 0 to 11"),
            ("0 60 0 * * *", "is no time of a cron"),
            ("0 0 0 * * x", "is no time of a cron"),
            ("0 0 0 31 1 *", "is never due"),
        ] {
            let error = Schedule::read_file(time).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
