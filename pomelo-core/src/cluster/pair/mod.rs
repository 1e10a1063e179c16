//! The settlement of two servers: what they owe each other after one has declared the other gone. Sans-IO.
//!
//! Two servers that lose each other are no concern of anybody else. Who declares the other gone drops what it held of it: its
//! users leave all channels, hooks on its sessions run, copies of its channels go. When they meet again both must know. So
//! each side numbers its declarations, and keeps what it dropped of a *process* by each, as a [`Batch`], until the other side
//! has acknowledged the number.
//!
//! | message | from | says |
//! |---|---|---|
//! | [`Greeting`] | both, first on every link | the number of my last declaration that this process of yours is gone, and what I dropped of it |
//! | [`Settled`] | whoever got a greeting with batches | I have settled everything up to that number |
//!
//! Either may be lost with its link: the greeting of the next link says the same again, and a batch that was settled is not
//! settled twice. Servers that held nothing of each other exchange a number and nothing else.
//!
//! | file | noun |
//! |---|---|
//! | `mod` | [`Pair`], one side of the settlement |
//! | `pairs` | [`Pairs`], all of a server |

mod pairs;

pub(crate) use self::pairs::Pairs;

#[cfg(test)]
mod tests;

use crate::value::Incarnation;
use crate::wire::envelope::{Batch, Greeting, Settled};

/// So many bytes of users and sessions a server keeps by name, of all peers, until these have acknowledged them; then what it
/// dropped of the peer that was declared gone first counts as everything. 4 MiB, some 100,000 names: peers that never come back
/// cost no more, and a greeting fits into any link.
pub(crate) const MAX_NAMED: usize = 4 << 20;

/// So many pairs a server keeps: far more servers than can be linked with each other, and an end to those that were there once,
/// under ever new ids.
pub(crate) const MAX_PAIRS: usize = 4_096;

/// What a greeting leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Greeted {
    /// What the peer dropped by declarations that were not settled here yet; an empty batch is news, too.
    pub(crate) news: Option<Batch>,
    /// What goes back to the peer, once that is settled.
    pub(crate) answer: Option<Settled>,
}

/// One side of a pair: what this server has to say of one process of a peer, and what it has settled of what that said.
#[derive(Debug)]
pub(crate) struct Pair {
    peer: Incarnation,
    /// The number of this server's last declaration that the peer is gone; 0 if it made none.
    declared: u64,
    /// The last of them that the peer was told of.
    said: u64,
    /// What was dropped by those that are not acknowledged, the oldest first.
    dropped: Vec<Batch>,
    /// The number of the peer's last declaration that is settled here.
    settled: u64,
}

impl Pair {
    /// A pair with a process of which nothing was ever declared.
    pub(crate) fn new(peer: Incarnation) -> Self {
        Self { peer, declared: 0, said: 0, dropped: Vec::new(), settled: 0 }
    }

    /// The peer's process.
    pub(crate) fn peer(&self) -> Incarnation {
        self.peer
    }

    /// This server declares the peer gone, for the `number`th time that it declares any, and dropped that of it.
    pub(crate) fn declare(&mut self, number: u64, batch: Batch) {
        self.declared = number;
        if !batch.is_empty() {
            self.dropped.push(Batch { number, ..batch });
        }
    }

    /// The number of this server's last declaration that the peer is gone.
    pub(crate) fn declared(&self) -> u64 {
        self.declared
    }

    /// Whether something was dropped that is not acknowledged.
    pub(crate) fn has_dropped(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// How many bytes the users and sessions take that are kept by name.
    pub(crate) fn named(&self) -> usize {
        self.dropped.iter().map(Batch::weight).sum()
    }

    /// Keeps no names any more: what was dropped counts as everything.
    pub(crate) fn forget_names(&mut self) {
        self.dropped = vec![Batch::everything(self.declared)];
    }

    /// What goes first on a new link.
    pub(crate) fn greeting(&mut self) -> Greeting {
        self.said = self.declared;
        Greeting { of: Some(self.peer), declared: self.declared, batches: self.dropped.clone() }
    }

    /// Takes the peer's greeting to this process, `own`.
    pub(crate) fn greeted(&mut self, own: Incarnation, greeting: Greeting) -> Greeted {
        let Greeting { of, declared, batches } = greeting;
        if of != Some(own) {
            return Greeted::default();
        }
        let before = self.settled;
        self.settled = before.max(declared);
        // Also when nothing is news: then it was the answer that was lost.
        let answer = (!batches.is_empty()).then_some(Settled { of: own, declared: self.settled });
        let news = (declared > before).then(|| {
            let mut news = Batch { number: declared, ..Batch::default() };
            batches.into_iter().filter(|batch| batch.number > before).for_each(|batch| news.extend(batch));
            news
        });
        Greeted { news, answer }
    }

    /// Whether this server has declared the peer gone since it last greeted it.
    pub(crate) fn has_news(&self) -> bool {
        self.said < self.declared
    }

    /// The peer has settled that.
    pub(crate) fn acknowledged(&mut self, settled: Settled) {
        if settled.of == self.peer {
            self.dropped.retain(|batch| batch.number > settled.declared);
        }
    }
}
