//! Sizing: the smallest fleet of equal machines that bears a load, and what limits it.

use crate::constants::Constants;
use crate::estimate::Estimate;
use crate::load::{Fleet, Load};

const US_A_SECOND: f64 = 1e6;
/// Fleets depend on themselves by their links; this many rounds are more than any has needed.
const ROUNDS: usize = 200;
/// A fleet of more is none that anybody runs.
const MOST_MACHINES: f64 = 1e6;

/// One of the machines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Cores.
    pub cores: f64,
    /// Bytes of memory.
    pub bytes: f64,
    /// The part of both that servers may take in the long run; the rest is for bursts, and for when a machine is lost.
    pub busy: f64,
}

impl Machine {
    /// Machines for so much.
    fn count(&self, us: f64, bytes: f64) -> f64 {
        let by_cpu = us / (self.cores * self.busy * US_A_SECOND);
        let by_memory = bytes / (self.bytes * self.busy);
        by_cpu.max(by_memory).ceil().max(1.0)
    }
}

/// The smallest fleet that bears a load; nothing if none does, since each further machine costs the others more than it brings.
pub fn smallest(constants: &Constants, load: &Load, machine: &Machine) -> Option<Fleet> {
    let mut fleet = Fleet { frontends: 1.0, backends: 1.0 };
    for _ in 0..ROUNDS {
        let cost = Estimate::of(constants, load, &fleet);
        let next = Fleet {
            frontends: machine
                .count(cost.frontend_us, cost.frontend_bytes + cost.kernel_bytes)
                .max(fleet.frontends),
            backends: machine.count(cost.backend_us, cost.backend_bytes).max(fleet.backends),
        };
        if next == fleet {
            return Some(fleet);
        }
        if next.servers() > MOST_MACHINES {
            return None;
        }
        fleet = next;
    }
    None
}

/// Messages a second that a room can have at most in such a fleet: it has one backend, whose lock on the room one core at a time
/// holds, and that queues an envelope for each frontend meanwhile.
pub fn busiest_room(constants: &Constants, load: &Load, fleet: &Fleet, machine: &Machine) -> f64 {
    let reached = load.reached(fleet.frontends);
    machine.busy * US_A_SECOND / (constants.push_us + reached * constants.envelope_out_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Spread;

    const MACHINE: Machine = Machine { cores: 8.0, bytes: 32e9, busy: 0.5 };

    fn load(connections: f64) -> Load {
        Load { connections, room: 10.0, rate: 1.0, heartbeat_s: 30.0, spread: Spread::Even }
    }

    #[test]
    fn a_fleet_bears_its_load_and_one_machine_less_does_not() -> serde_json::Result<()> {
        let constants = Constants::measured()?;
        let load = load(10e6);
        let fleet = smallest(&constants, &load, &MACHINE).unwrap_or(Fleet { frontends: 0.0, backends: 0.0 });
        let busy = |fleet: Fleet| {
            Estimate::of(&constants, &load, &fleet).frontend_us
                / (fleet.frontends * MACHINE.cores * US_A_SECOND)
        };
        assert!(busy(fleet) <= MACHINE.busy);
        assert!(busy(Fleet { frontends: fleet.frontends - 2.0, ..fleet }) > MACHINE.busy);
        Ok(())
    }

    #[test]
    fn one_of_each_bears_nearly_nothing() -> serde_json::Result<()> {
        let fleet = smallest(&Constants::measured()?, &load(10.0), &MACHINE);
        assert_eq!(fleet, Some(Fleet { frontends: 1.0, backends: 1.0 }));
        Ok(())
    }

    #[test]
    fn a_fleet_whose_links_cost_more_than_its_machines_bear_is_none() -> serde_json::Result<()> {
        let constants = Constants { link_beat_us: 1e6, ..Constants::measured()? };
        assert_eq!(smallest(&constants, &load(10e6), &MACHINE), None);
        Ok(())
    }
}
