//! Load and fleet: what clients do, and the servers that bear it.

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Connections at the same time, each in one room.
    pub connections: f64,
    /// Members of a room.
    pub room: f64,
    /// Messages a second that are said to all in a room.
    pub rate: f64,
    /// Seconds between two heartbeats of a client.
    pub heartbeat_s: f64,
    /// Where the members of a room are.
    pub spread: Spread,
}

/// Where the members of a room are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Each at any frontend, as a gate sends users that goes by their names.
    Even,
    /// At as few frontends as can hold them, as a gate sends them that goes by their rooms.
    Together,
}

/// The servers that bear it, a machine for each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fleet {
    /// Connectors.
    pub frontends: f64,
    /// Servers that have the rooms.
    pub backends: f64,
}

impl Load {
    /// How many rooms there are.
    pub fn rooms(&self) -> f64 {
        self.connections / self.room
    }

    /// How many frontends have a member of a room, of so many: one envelope goes to each with every push.
    pub fn reached(&self, frontends: f64) -> f64 {
        match self.spread {
            Spread::Even => frontends * (1.0 - (1.0 - 1.0 / frontends).powf(self.room)),
            Spread::Together => (self.room * frontends / self.connections).ceil().min(frontends),
        }
    }
}

impl Fleet {
    /// Links that carry messages: between each frontend and each backend.
    pub fn links(&self) -> f64 {
        self.frontends * self.backends
    }

    /// All links: every server has one to every other, the gate to all.
    pub fn all_links(&self) -> f64 {
        let servers = self.servers();
        servers * (servers - 1.0) / 2.0
    }

    /// Frontends, backends and a gate.
    pub fn servers(&self) -> f64 {
        self.frontends + self.backends + 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(room: f64, spread: Spread) -> Load {
        Load { connections: 100_000.0, room, rate: 1.0, heartbeat_s: 30.0, spread }
    }

    #[test]
    fn a_room_larger_than_the_fleet_reaches_all_frontends_and_a_small_one_almost_as_many_as_it_has_members() {
        assert!((load(1_000.0, Spread::Even).reached(10.0) - 10.0).abs() < 0.01);
        assert!((load(10.0, Spread::Even).reached(1_000.0) - 10.0).abs() < 0.05);
        assert_eq!(load(10.0, Spread::Even).reached(1.0), 1.0);
    }

    #[test]
    fn a_room_that_is_together_reaches_one_frontend_unless_it_is_larger_than_that() {
        assert_eq!(load(10.0, Spread::Together).reached(50.0), 1.0);
        assert_eq!(load(10_000.0, Spread::Together).reached(50.0), 5.0);
    }

    #[test]
    fn links_that_carry_messages_are_the_product_of_frontends_and_backends() {
        let fleet = Fleet { frontends: 20.0, backends: 5.0 };
        assert_eq!((fleet.links(), fleet.all_links()), (100.0, 325.0));
    }
}
