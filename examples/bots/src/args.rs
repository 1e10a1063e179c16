//! The command line, and what follows from it.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Serialize;
use thiserror::Error;

/// Clients by the hundred that enter chat rooms, talk, and check what they hear.
///
/// Works against every server with pomelo's protocol and the chat service: gate.gateHandler.queryEntry,
/// connector.entryHandler.enter, chat.chatHandler.send and the push onChat. It ends with a report, and with code 1 if a
/// message was lost, came twice or out of order, or a client failed.
#[derive(Debug, Clone, Parser)]
#[command(name = "bots")]
pub struct Args {
    /// How many clients.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub users: u32,
    /// How many rooms they are spread over.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// What the names of its users and rooms begin with, so that several crowds don't meet at one server.
    #[arg(long, default_value = "bot")]
    pub name: String,
    /// How many in each room talk; all of them if not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub talkers: Option<u32>,
    /// How many in a hundred stop reading once they have entered, though their heartbeats go on; none of them talks. A good
    /// server cuts them off, and nobody else notices.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub stalled: u32,
    /// Messages a second of each one who talks, however fast they come back.
    #[arg(long, default_value_t = 1.0)]
    pub rate: f64,
    /// Instead of a rate: each one who talks keeps so many messages under way, and says the next one when it hears its own.
    #[arg(long, conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub window: Option<u32>,
    /// Whom messages go to.
    #[arg(long, value_enum, default_value_t = To::Room)]
    pub to: To,
    /// For how many seconds they talk.
    #[arg(long, default_value_t = 30.0)]
    pub seconds: f64,
    /// Bytes of a message's text.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub size: u32,
    /// The gate, as host:port.
    #[arg(long, default_value = "127.0.0.1:3014")]
    pub gate: String,
    /// How clients connect.
    #[arg(long, value_enum, default_value_t = Proto::Ws)]
    pub proto: Proto,
    /// How many clients log in at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub logins: u32,
    /// Threads that drive the clients. One does some hundred thousand deliveries a second; a server on the same machine
    /// wants the other cores.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub threads: u32,
    /// The server's processes, to report the CPU time of each delivery (Linux).
    #[arg(long, value_delimiter = ',')]
    pub pids: Vec<u32>,
    /// Print the report as one line of JSON, and lines of progress to stderr.
    #[arg(long)]
    pub json: bool,
}

/// How packages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    /// In binary websocket messages.
    Ws,
    /// As they are.
    Tcp,
}

impl Proto {
    /// The URL of a server at `host:port`.
    pub fn url(self, address: &str) -> String {
        match self {
            Self::Ws => format!("ws://{address}"),
            Self::Tcp => format!("tcp://{address}"),
        }
    }
}

/// Whom messages go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// Everyone in the room.
    Room,
    /// The sender alone: a request and a push.
    Self_,
}

/// What can't be.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// A room would be empty.
    #[error("--rooms {rooms} is more than --users {users}: a room would be empty")]
    EmptyRooms {
        /// As given.
        users: u32,
        /// As given.
        rooms: u32,
    },
    /// Rooms would have different numbers of members, and the report's sums would not add up.
    #[error("--users {users} can't be spread evenly over --rooms {rooms}")]
    Uneven {
        /// As given.
        users: u32,
        /// As given.
        rooms: u32,
    },
    /// More talk in a room than are in it.
    #[error("--talkers {talkers} is more than the {members} in a room")]
    TooManyTalkers {
        /// As given.
        talkers: u32,
        /// That follow from users and rooms.
        members: u32,
    },
    /// Somebody would have to talk and not to listen.
    #[error("--stalled {stalled} of {members} in a room, and --talkers {talkers}, are more than are in it")]
    TooManyStalled {
        /// As given, in a hundred.
        stalled: u32,
        /// As given.
        talkers: u32,
        /// That follow from users and rooms.
        members: u32,
    },
    /// A number is out of its range.
    #[error("--{name} must be more than 0 and at most {most}")]
    Range {
        /// The option.
        name: &'static str,
        /// Its upper bound.
        most: f64,
    },
}

/// When one who talks says something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Every so often.
    Every(Duration),
    /// As long as fewer than so many of its messages are under way.
    Window(u32),
}

/// What is to be done: arguments that make sense together.
#[derive(Debug, Clone)]
pub struct Plan {
    /// As given.
    pub args: Args,
    /// In each room.
    pub members: u32,
    /// In each room.
    pub talkers: u32,
    /// In each room.
    pub stalled: u32,
    /// Of each who talks.
    pub pace: Pace,
    /// For how long they talk.
    pub time: Duration,
}

impl Args {
    /// Checks what the parser can't.
    ///
    /// # Errors
    /// If the numbers contradict each other: which.
    pub fn plan(self) -> Result<Plan, ArgsError> {
        let Self { users, rooms, .. } = self;
        if rooms > users {
            return Err(ArgsError::EmptyRooms { users, rooms });
        }
        if users % rooms != 0 {
            return Err(ArgsError::Uneven { users, rooms });
        }
        let members = users / rooms;
        let talkers = self.talkers.unwrap_or(members);
        if talkers > members {
            return Err(ArgsError::TooManyTalkers { talkers, members });
        }
        let stalled = members * self.stalled / 100;
        if stalled + talkers > members {
            return Err(ArgsError::TooManyStalled { stalled: self.stalled, talkers, members });
        }
        let rate = within("rate", self.rate, 100_000.0)?;
        let pace = self.window.map_or(Pace::Every(Duration::from_secs_f64(1.0 / rate)), Pace::Window);
        let time = Duration::from_secs_f64(within("seconds", self.seconds, 86_400.0)?);
        Ok(Plan { args: self, members, talkers, stalled, pace, time })
    }
}

impl Plan {
    /// How many hear each message.
    pub fn listeners(&self) -> u32 {
        match self.args.to {
            To::Room => self.members - self.stalled,
            To::Self_ => 1,
        }
    }

    /// Whether the one at that place in its room stops reading: they are spread evenly among those who don't talk.
    pub fn stalls(&self, place: u32) -> bool {
        let quiet = u64::from(self.members - self.talkers);
        let before = |place: u64| place * u64::from(self.stalled) / quiet.max(1);
        place.checked_sub(self.talkers).is_some_and(|nth| before(nth.into()) < before(u64::from(nth) + 1))
    }
}

fn within(name: &'static str, value: f64, most: f64) -> Result<f64, ArgsError> {
    // Written so that NaN is refused, too. Below a message in three hours a period would be too long to count.
    if value >= 0.000_1 && value <= most { Ok(value) } else { Err(ArgsError::Range { name, most }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan, ArgsError> {
        Args::try_parse_from(std::iter::once("bots").chain(line.split_whitespace())).unwrap().plan()
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let plan = plan("").unwrap();
        assert_eq!((plan.members, plan.talkers, plan.listeners()), (10, 10, 10));
        assert_eq!((plan.pace, plan.time), (Pace::Every(Duration::from_secs(1)), Duration::from_secs(30)));
    }

    #[test]
    fn a_message_to_oneself_is_heard_by_one() {
        let plan = plan("--users 100 --rooms 10 --to self --window 4").unwrap();
        assert_eq!((plan.listeners(), plan.pace), (1, Pace::Window(4)));
    }

    #[test]
    fn who_stops_reading_hears_nothing_and_does_not_talk() {
        let plan = plan("--users 200 --rooms 2 --talkers 20 --stalled 30").unwrap();
        let stalled: Vec<u32> = (0..100).filter(|place| plan.stalls(*place)).collect();
        assert_eq!((plan.listeners(), stalled.len()), (70, 30));
        assert!(stalled[0] >= 20 && stalled.windows(2).all(|pair| pair[1] - pair[0] <= 3), "{stalled:?}");
    }

    #[test]
    fn numbers_that_contradict_each_other_are_refused() {
        let refused = |line: &str| plan(line).unwrap_err().to_string();
        assert_eq!(refused("--users 2"), "--rooms 20 is more than --users 2: a room would be empty");
        assert_eq!(refused("--users 201"), "--users 201 can't be spread evenly over --rooms 20");
        assert_eq!(
            refused("--talkers 6 --stalled 50"),
            "--stalled 50 of 10 in a room, and --talkers 6, are more than are in it"
        );
        assert_eq!(refused("--talkers 11"), "--talkers 11 is more than the 10 in a room");
        for rate in ["0", "NaN", "inf", "1e9"] {
            assert_eq!(refused(&format!("--rate {rate}")), "--rate must be more than 0 and at most 100000");
        }
        assert_eq!(refused("--seconds=-1"), "--seconds must be more than 0 and at most 86400");
    }

    #[test]
    fn the_parser_refuses_what_is_no_number_and_both_paces() {
        for line in [["--users", "many"].as_slice(), &["--users", "0"], &["--rate", "1", "--window", "1"]] {
            assert!(Args::try_parse_from(std::iter::once(&"bots").chain(line)).is_err(), "{line:?}");
        }
    }
}
