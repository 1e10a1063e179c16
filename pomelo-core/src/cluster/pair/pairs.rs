//! The pairs of a server: one for each server of the cluster that it has met.
//!
//! It keeps a pair for each process of a peer that there is something to settle with, and forgets it with the
//! process.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::{Greeted, Greeting, MAX_NAMED, MAX_PAIRS, Pair, Settled};
use crate::value::{Incarnation, ServerId};
use crate::wire::envelope::Batch;

/// What a server has to settle with others, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pairs: HashMap<ServerId, Pair, RandomState>,
    /// How often this server has declared a peer gone, whichever. So a number is never used again for a process, not even
    /// when its pair was forgotten.
    declarations: u64,
    /// Peers whose link had no room for a greeting: they are greeted again.
    unsaid: HashSet<ServerId, RandomState>,
}

impl Pairs {
    /// A peer is there with that process; what was to be settled with an earlier one is void. If this server has declared it gone
    /// since it was greeted, that is to be said again.
    pub(crate) fn meet(&mut self, peer: &ServerId, incarnation: Incarnation) -> Option<Greeting> {
        let pair = self.of(peer, incarnation)?;
        pair.has_news().then(|| pair.greeting())
    }

    /// This server declares that process of a peer gone, and dropped that of it.
    pub(crate) fn declare(&mut self, peer: &ServerId, incarnation: Incarnation, batch: Batch) {
        self.declarations += 1;
        let number = self.declarations;
        // A process that was followed by another hears nothing any more.
        let Some(pair) = self.of(peer, incarnation) else { return };
        pair.declare(number, batch);
        self.forget_the_oldest();
        while self.pairs.values().map(Pair::named).sum::<usize>() > MAX_NAMED {
            let named = self.pairs.values_mut().filter(|pair| pair.named() > 0);
            let Some(oldest) = named.min_by_key(|pair| pair.declared()) else { return };
            oldest.forget_names();
        }
    }

    /// What goes first on a new link, and again on one that there is when something was dropped late.
    pub(crate) fn greeting(&mut self, peer: &ServerId, incarnation: Incarnation) -> Greeting {
        self.unsaid.remove(peer);
        self.of(peer, incarnation).map(Pair::greeting).unwrap_or_default()
    }

    /// The link to a peer had no room for a greeting.
    pub(crate) fn not_said(&mut self, peer: &ServerId) {
        self.unsaid.insert(peer.clone());
    }

    /// The greetings for which there was no room. Without a link they are needed no more: the next one begins with one.
    pub(crate) fn say_again(&mut self) -> Vec<(ServerId, Greeting)> {
        let unsaid = std::mem::take(&mut self.unsaid).into_iter();
        unsaid
            .filter_map(|peer| self.pairs.get_mut(&peer).map(Pair::greeting).map(|news| (peer, news)))
            .collect()
    }

    /// Takes a peer's greeting.
    pub(crate) fn greeted(&mut self, peer: &ServerId, own: Incarnation, greeting: Greeting) -> Greeted {
        self.pairs.get_mut(peer).map(|pair| pair.greeted(own, greeting)).unwrap_or_default()
    }

    /// A peer has settled what it was told.
    pub(crate) fn acknowledged(&mut self, peer: &ServerId, settled: Settled) {
        if let Some(pair) = self.pairs.get_mut(peer) {
            pair.acknowledged(settled);
        }
    }

    /// Forgets the peers with which nothing is to be settled, but for those that `wanted` picks: the others are out of the
    /// cluster.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&ServerId) -> bool) {
        self.pairs.retain(|peer, pair| wanted(peer) || pair.has_dropped());
    }

    /// Keeps no more pairs than [`MAX_PAIRS`]: those go that were declared gone first.
    fn forget_the_oldest(&mut self) {
        while self.pairs.len() > MAX_PAIRS {
            let gone = self.pairs.iter().filter(|(_, pair)| pair.declared() > 0);
            let oldest = gone.min_by_key(|(_, pair)| pair.declared()).map(|(peer, _)| peer.clone());
            let Some(oldest) = oldest else { return };
            self.pairs.remove(&oldest);
        }
    }

    /// The pair with that process, unless a later one of that peer is known.
    fn of(&mut self, peer: &ServerId, incarnation: Incarnation) -> Option<&mut Pair> {
        let pair = self.pairs.entry(peer.clone()).or_insert_with(|| Pair::new(incarnation));
        if pair.peer() < incarnation {
            *pair = Pair::new(incarnation);
        }
        (pair.peer() == incarnation).then_some(pair)
    }
}
