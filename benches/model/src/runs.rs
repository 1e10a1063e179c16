//! Runs: what was measured and not used for the constants, beside what the model predicts.

use serde::Deserialize;

use crate::constants::Constants;
use crate::estimate::Estimate;
use crate::load::{Fleet, Load, Spread};

/// Heartbeats of the chat example, in seconds.
const HEARTBEAT_S: f64 = 3.0;
/// A prediction may be so much beside what was measured.
pub const TOLERANCE: f64 = 0.25;

/// A run of `runs.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// What it is.
    pub name: String,
    connectors: f64,
    chats: f64,
    users: f64,
    room_size: f64,
    rate: f64,
    measured: Measured,
}

/// Medians of its rounds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    cpu_us: ByType,
    bytes_a_user: ByType,
    #[serde(rename = "kernelBytesASocket")]
    kernel_bytes_a_socket: f64,
    #[serde(rename = "linkBytesASecond")]
    link_bytes_a_second: f64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct ByType {
    connector: f64,
    chat: f64,
}

/// One figure of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What it is, with its unit.
    pub figure: &'static str,
    /// By the model.
    pub predicted: f64,
    /// By the system.
    pub measured: f64,
}

impl Comparison {
    /// Predicted beside measured: 1 is just right.
    pub fn ratio(&self) -> f64 {
        self.predicted / self.measured
    }

    /// Whether the prediction is near enough.
    pub fn holds(&self) -> bool {
        (self.ratio() - 1.0).abs() <= TOLERANCE
    }
}

impl Run {
    /// Those of `runs.json`.
    ///
    /// # Errors
    /// If the file that was compiled in isn't what it should be.
    pub fn all() -> serde_json::Result<Vec<Self>> {
        serde_json::from_str(include_str!("../runs.json"))
    }

    /// Each figure that both know.
    pub fn compare(&self, constants: &Constants) -> Vec<Comparison> {
        let fleet = Fleet { frontends: self.connectors, backends: self.chats };
        let load = Load {
            connections: self.users,
            room: self.room_size,
            rate: self.rate,
            heartbeat_s: HEARTBEAT_S,
            spread: Spread::Even,
        };
        let estimate = Estimate::of(constants, &load, &fleet);
        let measured = &self.measured;
        let rows = [
            ("CPU of connectors, ms a second", estimate.frontend_us / 1e3, measured.cpu_us.connector / 1e3),
            ("CPU of chat servers, ms a second", estimate.backend_us / 1e3, measured.cpu_us.chat / 1e3),
            (
                "memory of connectors, MB",
                estimate.frontend_bytes / 1e6,
                measured.bytes_a_user.connector * self.users / 1e6,
            ),
            (
                "memory of chat servers, MB",
                estimate.backend_bytes / 1e6,
                measured.bytes_a_user.chat * self.users / 1e6,
            ),
            (
                "memory of the system, MB",
                estimate.kernel_bytes / 1e6,
                measured.kernel_bytes_a_socket * self.users / 1e6,
            ),
            (
                "bytes between servers, KB a second",
                estimate.bus_bytes / 1e3,
                measured.link_bytes_a_second / 1e3,
            ),
        ];
        rows.map(|(figure, predicted, measured)| Comparison { figure, predicted, measured }).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_bytes_of_runs_that_the_constants_do_not_come_from_are_predicted_within_a_quarter()
    -> serde_json::Result<()> {
        let (constants, runs) = (Constants::measured()?, Run::all()?);
        assert!(!runs.is_empty());
        for run in &runs {
            // What CPU time is depends on what else the machine did; `pomelo-model runs` says how near it is.
            for comparison in run.compare(&constants).iter().filter(|one| !one.figure.starts_with("CPU")) {
                assert!(comparison.holds(), "{}: {comparison:?}", run.name);
            }
        }
        Ok(())
    }
}
