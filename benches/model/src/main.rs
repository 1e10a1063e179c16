//! The model of the large: machines, and messages between servers, for ten thousand to ten million connections.
//!
//! Its constants were measured on one machine (`measure.mjs`); two larger runs that they don't come from are predicted.

mod breaks;
mod constants;
mod estimate;
mod load;
mod plot;
mod runs;
mod sizing;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use thiserror::Error;

use breaks::together;
use constants::Constants;
use estimate::Estimate;
use load::{Fleet, Load, Spread};
use plot::{Curve, Panel};
use runs::Run;
use sizing::{Machine, smallest};

const CONNECTIONS: [f64; 4] = [1e4, 1e5, 1e6, 1e7];
const ROOMS: [(f64, &str); 3] = [(10.0, "#c0392b"), (1e3, "#2471a3"), (1e5, "#1e8449")];
/// Points of a curve, in each tenfold.
const POINTS_A_DECADE: u32 = 20;

/// How many machines so many connections take, and what goes between servers.
#[derive(Debug, Parser)]
#[command(name = "pomelo-model")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The smallest fleets for 10 k to 10 M connections in rooms of 10, 1,000 and 100,000, and where the design breaks.
    Fleets {
        #[command(flatten)]
        setting: Setting,
        /// Draw them into this file, too.
        #[arg(long)]
        svg: Option<PathBuf>,
    },
    /// What a load costs a certain fleet.
    Cost {
        #[command(flatten)]
        setting: Setting,
        /// Connections at the same time.
        #[arg(long, value_parser = positive)]
        connections: f64,
        /// Members of each room.
        #[arg(long, value_parser = positive)]
        room: f64,
        /// Servers that clients connect to.
        #[arg(long, value_parser = positive)]
        frontends: f64,
        /// Servers that have the rooms.
        #[arg(long, value_parser = positive)]
        backends: f64,
        /// Where the members of a room are.
        #[arg(long, value_enum, default_value_t = Spread::Even)]
        spread: Spread,
    },
    /// What the model predicts for runs that it doesn't come from, beside what was measured.
    Runs,
}

/// What is the same for all loads.
#[derive(Debug, Clone, Copy, Args)]
struct Setting {
    /// Messages a second that are said in each room.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    rate: f64,
    /// Seconds between a client's heartbeats.
    #[arg(long, default_value_t = 30.0, value_parser = positive)]
    heartbeat: f64,
    /// Cores of a machine.
    #[arg(long, default_value_t = 8.0, value_parser = positive)]
    cores: f64,
    /// Gigabytes of memory of a machine.
    #[arg(long, default_value_t = 32.0, value_parser = positive)]
    memory: f64,
    /// The part of a machine that may be in use in the long run.
    #[arg(long, default_value_t = 0.5, value_parser = positive)]
    busy: f64,
}

impl ValueEnum for Spread {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Even, Self::Together]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(match self {
            Self::Even => "even".into(),
            Self::Together => "together".into(),
        })
    }
}

/// A number that a load or a machine can have.
#[derive(Debug, Error)]
#[error("it must be more than 0")]
struct NotPositive;

fn positive(text: &str) -> Result<f64, NotPositive> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0).ok_or(NotPositive)
}

impl Setting {
    fn machine(&self) -> Machine {
        Machine { cores: self.cores, bytes: self.memory * 1e9, busy: self.busy }
    }

    fn load(&self, connections: f64, room: f64) -> Load {
        Load { connections, room, rate: self.rate, heartbeat_s: self.heartbeat, spread: Spread::Even }
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let constants = Constants::measured()?;
    match command {
        Command::Fleets { setting, svg } => {
            print_fleets(&constants, &setting);
            if let Some(path) = svg {
                std::fs::write(path, picture(&constants, &setting))?;
            }
        }
        Command::Cost { setting, connections, room, frontends, backends, spread } => {
            let load = Load { spread, ..setting.load(connections, room) };
            let fleet = Fleet { frontends, backends };
            print!("{}", table::estimate(&constants, &load, &fleet, &setting.machine()));
        }
        Command::Runs => {
            let runs = Run::all()?;
            print!("{}", table::runs(&constants, &runs));
            let all_hold =
                runs.iter().flat_map(|run| run.compare(&constants)).all(|comparison| comparison.holds());
            return Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_fleets(constants: &Constants, setting: &Setting) {
    let loads: Vec<Load> = ROOMS
        .iter()
        .flat_map(|(room, _)| CONNECTIONS.map(|connections| setting.load(connections, *room)))
        .filter(|load| load.connections >= load.room)
        .collect();
    println!(
        "Members of a room at any frontend:\n\n{}",
        table::fleets(constants, &loads, &setting.machine())
    );
    let small: Vec<Load> = loads.iter().filter(|load| load.room < 1e5).map(together).collect();
    println!(
        "Members of a room at as few frontends as hold them:\n\n{}",
        table::fleets(constants, &small, &setting.machine())
    );
    let rooms = ROOMS.map(|(room, _)| setting.load(room, room));
    println!("What breaks, by connections:\n\n{}", table::breaks(constants, &rooms, &setting.machine()));
}

/// Machines, and messages between servers, over connections.
fn picture(constants: &Constants, setting: &Setting) -> String {
    let panel = |title, of: &dyn Fn(&Load, &Fleet) -> f64| {
        let spread =
            ROOMS.iter().map(|(room, color)| curve(constants, setting, *room, color, Spread::Even, of));
        let (small, color) = ROOMS[0];
        let curves = spread.chain([curve(constants, setting, small, color, Spread::Together, of)]).collect();
        Panel { title, curves }
    };
    let machines = panel("Machines", &|_, fleet| fleet.frontends + fleet.backends);
    let messages = panel("Messages between servers, a second", &|load, fleet| {
        Estimate::of(constants, load, fleet).bus_messages
    });
    plot::svg("connections", &[machines, messages])
}

fn curve(
    constants: &Constants,
    setting: &Setting,
    room: f64,
    color: &'static str,
    spread: Spread,
    of: &dyn Fn(&Load, &Fleet) -> f64,
) -> Curve {
    let decades = (CONNECTIONS[3] / CONNECTIONS[0]).log10() as u32;
    let numbers = (0..=decades * POINTS_A_DECADE)
        .map(|nth| CONNECTIONS[0] * 10f64.powf(f64::from(nth) / f64::from(POINTS_A_DECADE)));
    let loads = numbers.map(|connections| Load { spread, ..setting.load(connections, room) });
    let points = loads.filter(|load| load.connections >= room).filter_map(|load| {
        let fleet = smallest(constants, &load, &setting.machine())?;
        Some((load.connections, of(&load, &fleet)))
    });
    let dashed = spread == Spread::Together;
    let members = if room < 1e3 { format!("{room:.0}") } else { format!("{:.0},000", room / 1e3) };
    let name = format!("rooms of {members}{}", if dashed { ", each at one connector" } else { "" });
    Curve { name, color, dashed, points: points.collect() }
}
