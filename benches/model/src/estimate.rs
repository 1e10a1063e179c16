//! Estimate: what a load costs a fleet, in CPU time, memory and what goes between its servers.

use crate::constants::Constants;
use crate::load::{Fleet, Load};

/// Sums over all servers of a kind; CPU time in microseconds a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Of all frontends.
    pub frontend_us: f64,
    /// Of all backends.
    pub backend_us: f64,
    /// Of these two, for envelopes with pushes and for links that say that they are there.
    pub bus_us: f64,
    /// User memory that all frontends hold for their connections.
    pub frontend_bytes: f64,
    /// User memory that all backends hold for the rooms.
    pub backend_bytes: f64,
    /// The system's memory for connections, at all frontends.
    pub kernel_bytes: f64,
    /// Frontends that a push goes to.
    pub reached: f64,
    /// Messages between servers a second: requests, answers, pushes and beats.
    pub bus_messages: f64,
    /// Bytes that links between frontends and backends carry in a second, and beats of those between backends and all others.
    pub bus_bytes: f64,
    /// Deliveries to clients a second.
    pub deliveries: f64,
}

/// Links say that they are there once a second, both ways.
const BEATS_A_SECOND: f64 = 2.0;

impl Estimate {
    /// What this load costs this fleet.
    pub fn of(constants: &Constants, load: &Load, fleet: &Fleet) -> Self {
        let c = constants;
        let messages = load.rooms() * load.rate;
        let reached = load.reached(fleet.frontends);
        let (envelopes, deliveries) = (messages * reached, messages * load.room);
        let peers = fleet.servers() - 1.0;
        let idle_us = c.server_us_a_second + c.link_beat_us * peers;
        let heartbeats = load.connections / load.heartbeat_s;
        let frontend_us = fleet.frontends * idle_us
            + heartbeats * c.heartbeat_us
            + messages * c.request_us
            + envelopes * c.envelope_in_us
            + deliveries * c.delivery_us;
        let backend_us = fleet.backends * idle_us + messages * c.push_us + envelopes * c.envelope_out_us;
        let beats_us = (fleet.frontends + fleet.backends) * c.link_beat_us * peers;
        Self {
            frontend_us,
            backend_us,
            bus_us: envelopes * (c.envelope_in_us + c.envelope_out_us) + beats_us,
            frontend_bytes: load.connections * c.frontend_bytes_a_connection
                + fleet.frontends * c.frontend_bytes_a_server,
            backend_bytes: load.connections * c.backend_bytes_a_member
                + fleet.backends * c.backend_bytes_a_server,
            kernel_bytes: load.connections * c.kernel_bytes_a_connection,
            reached,
            bus_messages: messages * 2.0 + envelopes + fleet.all_links() * BEATS_A_SECOND,
            bus_bytes: messages * c.request_bytes
                + envelopes * c.push_bytes
                + fleet.backends * (fleet.frontends + fleet.backends) * c.link_bytes_a_second,
            deliveries,
        }
    }

    /// How many envelopes with pushes go between servers for each message that reaches a client: 1 divided by the members that
    /// each stands for.
    pub fn envelopes_a_delivery(&self, load: &Load) -> f64 {
        self.reached / load.room
    }

    /// The part of all CPU time that goes into what is between servers.
    pub fn bus_share(&self) -> f64 {
        self.bus_us / (self.frontend_us + self.backend_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Spread;

    /// Every constant is 1.
    pub fn ones() -> Constants {
        Constants {
            heartbeat_us: 1.0,
            request_us: 1.0,
            envelope_in_us: 1.0,
            delivery_us: 1.0,
            push_us: 1.0,
            envelope_out_us: 1.0,
            server_us_a_second: 1.0,
            link_beat_us: 1.0,
            frontend_bytes_a_connection: 1.0,
            frontend_bytes_a_server: 1.0,
            backend_bytes_a_member: 1.0,
            backend_bytes_a_server: 1.0,
            kernel_bytes_a_connection: 1.0,
            request_bytes: 1.0,
            push_bytes: 1.0,
            link_bytes_a_second: 1.0,
        }
    }

    #[test]
    fn each_thing_that_happens_is_counted_once() {
        let load =
            Load { connections: 100.0, room: 10.0, rate: 2.0, heartbeat_s: 10.0, spread: Spread::Together };
        let fleet = Fleet { frontends: 2.0, backends: 1.0 };
        let estimate = Estimate::of(&ones(), &load, &fleet);
        // Two servers with three peers each, 10 heartbeats, 20 requests, 20 envelopes, 200 deliveries.
        assert_eq!(estimate.frontend_us, 2.0 * 4.0 + 10.0 + 20.0 + 20.0 + 200.0);
        assert_eq!(estimate.backend_us, 4.0 + 20.0 + 20.0);
        assert_eq!((estimate.frontend_bytes, estimate.backend_bytes), (102.0, 101.0));
        // 20 requests, 20 answers, 20 pushes, and six links that beat both ways.
        assert_eq!(estimate.bus_messages, 60.0 + 12.0);
        assert_eq!(estimate.bus_bytes, 20.0 + 20.0 + 3.0);
        assert_eq!(estimate.envelopes_a_delivery(&load), 0.1);
    }
}
