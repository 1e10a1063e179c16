//! Breaks: the number of connections from which on a promise of the design no longer helps, or no longer holds.

use crate::constants::Constants;
use crate::estimate::Estimate;
use crate::load::{Fleet, Load, Spread};
use crate::sizing::{Machine, busiest_room, smallest};

/// Of two numbers of connections that are looked at one after the other, the larger one is so many times the smaller one.
const STEP: f64 = 1.05;
const FROM: f64 = 1e3;
const UP_TO: f64 = 1e8;

/// What no longer helps or holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// A push goes to each frontend once, however many members are there: less than two are, on the average.
    OneEnvelopeAFrontend,
    /// More CPU time goes into what is between servers than into clients.
    BusBeforeClients,
    /// A room has one backend: it can't be told to all frontends in time.
    OneBackendARoom,
    /// Every server has a link to every other: a tenth of all CPU time says only that these are there.
    LinkToEveryServer,
    /// No number of machines bears it.
    NoFleet,
}

/// All of them.
pub const BREAKS: [Break; 5] = [
    Break::OneEnvelopeAFrontend,
    Break::BusBeforeClients,
    Break::OneBackendARoom,
    Break::LinkToEveryServer,
    Break::NoFleet,
];

impl Break {
    /// For who reads it.
    pub fn text(self) -> &'static str {
        match self {
            Self::OneEnvelopeAFrontend => "an envelope between servers stands for less than two members",
            Self::BusBeforeClients => "servers spend more on each other than on clients",
            Self::OneBackendARoom => "one backend can't tell a room's messages to all frontends",
            Self::LinkToEveryServer => "a tenth of all CPU time keeps links alive",
            Self::NoFleet => "no number of machines is enough",
        }
    }

    fn is_there(self, constants: &Constants, load: &Load, machine: &Machine) -> bool {
        let Some(fleet) = smallest(constants, load, machine) else { return self == Self::NoFleet };
        let estimate = Estimate::of(constants, load, &fleet);
        match self {
            Self::OneEnvelopeAFrontend => estimate.envelopes_a_delivery(load) > 0.5,
            Self::BusBeforeClients => estimate.bus_share() > 0.5,
            Self::OneBackendARoom => busiest_room(constants, load, &fleet, machine) < load.rate,
            Self::LinkToEveryServer => {
                beats_us(constants, &fleet) > 0.1 * (estimate.frontend_us + estimate.backend_us)
            }
            Self::NoFleet => false,
        }
    }

    /// The first number of connections, from a thousand to a hundred million, at which this is so; fewer than fill a room are none.
    pub fn first(self, constants: &Constants, load: &Load, machine: &Machine) -> Option<f64> {
        let numbers = std::iter::successors(Some(load.room.max(FROM)), |number| Some(number * STEP));
        let mut loads =
            numbers.take_while(|number| *number <= UP_TO).map(|connections| Load { connections, ..*load });
        loads.find(|load| self.is_there(constants, load, machine)).map(|load| load.connections)
    }
}

fn beats_us(constants: &Constants, fleet: &Fleet) -> f64 {
    2.0 * fleet.all_links() * constants.link_beat_us
}

/// What a load comes to if a room's members are at as few frontends as can hold them: the cure of what breaks first.
pub fn together(load: &Load) -> Load {
    Load { spread: Spread::Together, ..*load }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine { cores: 8.0, bytes: 32e9, busy: 0.5 };

    fn load(room: f64) -> Load {
        Load { connections: 0.0, room, rate: 1.0, heartbeat_s: 30.0, spread: Spread::Even }
    }

    #[test]
    fn small_rooms_that_are_spread_lose_one_envelope_a_frontend_first() -> serde_json::Result<()> {
        let constants = Constants::measured()?;
        let first = |kind: Break| kind.first(&constants, &load(10.0), &MACHINE).unwrap_or(f64::INFINITY);
        assert!(first(Break::OneEnvelopeAFrontend) < 10e6);
        for other in &BREAKS[1..] {
            assert!(first(Break::OneEnvelopeAFrontend) <= first(*other), "{other:?}");
        }
        Ok(())
    }

    #[test]
    fn rooms_that_are_together_and_large_rooms_keep_it() -> serde_json::Result<()> {
        let constants = Constants::measured()?;
        for load in [together(&load(10.0)), load(100_000.0)] {
            assert_eq!(Break::OneEnvelopeAFrontend.first(&constants, &load, &MACHINE), None, "{load:?}");
        }
        Ok(())
    }
}
