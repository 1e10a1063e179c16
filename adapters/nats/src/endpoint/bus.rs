//! The bus as one server sees it: it is there as long as the server hears itself.

use std::time::{Duration, Instant};

use pomelo_net::link::liveness::Hearing;

/// Whether the bus is there.
pub(super) struct Bus {
    /// The client has a connection.
    is_connected: bool,
    /// The server hears itself.
    is_there: bool,
    echo: Hearing,
    /// How often the server has said something of itself.
    said: u64,
    /// How often it had when the bus was last lost: an echo of that shows nothing, it may have waited somewhere.
    said_before: u64,
}

impl Bus {
    /// A bus of which nothing is known. It is away once nothing of oneself was heard for as long as `silence`.
    pub(super) fn new(silence: Duration, now: Instant) -> Self {
        Self {
            is_connected: false,
            is_there: false,
            echo: Hearing::new(silence, now),
            said: 0,
            said_before: 0,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Whether anything can be published at all.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    pub(super) fn connected(&mut self) {
        self.is_connected = true;
    }

    /// The connection is no more; says whether the bus was there.
    pub(super) fn disconnected(&mut self) -> bool {
        self.is_connected = false;
        self.lose()
    }

    /// The bus can't be relied on; says whether it was there. It is there again with the next echo.
    pub(super) fn lose(&mut self) -> bool {
        self.said_before = self.said;
        std::mem::take(&mut self.is_there)
    }

    /// How often the server has said something of itself.
    pub(super) fn said(&self) -> u64 {
        self.said
    }

    /// The number of what the server says of itself next.
    pub(super) fn say(&mut self) -> u64 {
        self.said += 1;
        self.said
    }

    /// The server heard what it said of itself with that number; says whether the bus was away.
    pub(super) fn heard_oneself(&mut self, number: u64, now: Instant) -> bool {
        if number <= self.said_before || !self.is_connected {
            return false;
        }
        self.echo.heard(now);
        !std::mem::replace(&mut self.is_there, true)
    }

    /// Whether the bus was there, and is silent by now.
    pub(super) fn falls_silent(&mut self, now: Instant) -> bool {
        self.is_there && self.echo.is_silent(now) && self.lose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_echo_of_before_an_outage_does_not_show_that_the_bus_is_back() {
        let now = Instant::now();
        let mut bus = Bus::new(3 * SECOND, now);
        bus.connected();
        let first = bus.say();
        assert!(bus.heard_oneself(first, now) && bus.is_there());
        let late = bus.say();
        assert!(bus.falls_silent(now + 3 * SECOND) && !bus.falls_silent(now + 3 * SECOND));
        assert!(!bus.heard_oneself(late, now + 4 * SECOND) && !bus.is_there());
        let next = bus.say();
        assert!(!bus.falls_silent(now + 4 * SECOND), "it has fallen silent already");
        assert!(bus.heard_oneself(next, now + 4 * SECOND) && bus.is_there());
        assert!(bus.disconnected() && !bus.heard_oneself(next, now + 5 * SECOND));
    }
}
