//! Silent servers: those that fell silent, until they are forgotten. Time in which the bus is away doesn't count.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use pomelo_core::value::{Incarnation, ServerId};

/// Which servers are silent, and how long each is still remembered.
#[derive(Default)]
pub(super) struct Silent(HashMap<ServerId, (Incarnation, Duration), RandomState>);

impl Silent {
    /// That process of a server fell silent.
    pub(super) fn add(&mut self, id: ServerId, incarnation: Incarnation, forget_after: Duration) {
        self.0.insert(id, (incarnation, forget_after));
    }

    /// The server is there again, or over; says which process had fallen silent.
    pub(super) fn remove(&mut self, id: &ServerId) -> Option<Incarnation> {
        self.0.remove(id).map(|(incarnation, _)| incarnation)
    }

    /// The incarnation of a server that is silent.
    pub(super) fn incarnation(&self, id: &ServerId) -> Option<Incarnation> {
        self.0.get(id).map(|(incarnation, _)| *incarnation)
    }

    /// The bus was there for so long; returns whom to forget.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<(ServerId, Incarnation)> {
        let mut forgotten = Vec::new();
        self.0.retain(|id, (incarnation, left)| {
            *left = left.saturating_sub(time);
            if left.is_zero() {
                forgotten.push((id.clone(), *incarnation));
            }
            !left.is_zero()
        });
        forgotten
    }
}
