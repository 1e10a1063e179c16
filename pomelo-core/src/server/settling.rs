//! Settlement: what two servers that have lost each other make good when there is a link between them again.
//!
//! ```text
//!  a declares b gone: drops what it held of b ──┐
//!                                               ├─ a link again: Greeting (what I dropped of you) ⇄ Greeting
//!  b may have declared a gone, too ─────────────┘    each side drops the same, and answers Settled
//! ```

use std::sync::Arc;

use super::{Server, lost};
use crate::cluster::pair::Greeted;
use crate::cluster::{Member, Unsent};
use crate::frontend;
use crate::metrics::Dropped;
use crate::value::{Incarnation, ServerId, Uid};
use crate::wire::envelope::{Batch, Envelope, Greeting, Message, Settled};

impl Server {
    /// What goes first on a new link to a peer.
    pub(crate) fn greeting(&self, peer: &Member) -> Envelope {
        let _turn = self.membership.turn();
        let greeting = match peer.is_guest() {
            true => Greeting::default(),
            false => self.membership.pairs().greeting(&peer.info.id, peer.incarnation),
        };
        Envelope(Message::Greeting(greeting))
    }

    /// Settles what a peer says that it dropped of this server: before anything else of that link is handled.
    pub(crate) fn greeted(self: &Arc<Self>, from: &ServerId, greeting: Greeting) {
        let Greeted { news, answer } =
            self.membership.pairs().greeted(from, self.peers.incarnation(), greeting);
        if let Some(news) = news {
            self.settle(from, &news);
        }
        if let Some(settled) = answer {
            // If it is lost, the next link's greeting says the same again.
            let _ = self.peers.send(from, Message::Settled(settled));
        }
    }

    /// A peer had declared this server gone, and is back: what it dropped then is dropped here, too. What it has to know was told
    /// anew when the link was made ([`relinked`](Self::relinked)), if this server had not declared the peer gone as well.
    fn settle(self: &Arc<Self>, from: &ServerId, news: &Batch) {
        tracing::info!(
            server = %self.peers.info.id, peer = %from, users = news.uids.len(), sessions = news.sessions.len(),
            "was declared gone by a peer that is back, which dropped what it had of this server"
        );
        let waiting = self.detours.as_ref().map_or(0, |detours| detours.forget(from));
        self.peers.counters.add_many(Dropped::Outdated, waiting);
        if let Some(incarnation) = self.peers.view.known().member(from).map(|member| member.incarnation) {
            frontend::keep_groups(&self.registry, from, incarnation, |_| false);
        }
        lost::lose(self, from, news);
    }

    /// A peer has settled what this server dropped of it.
    pub(crate) fn settled(&self, from: &ServerId, settled: Settled) {
        self.membership.pairs().acknowledged(from, settled);
    }

    /// A link is there again: what may have been lost meanwhile is made good.
    ///
    /// The peer drops the copies of channels that are no more, gets the membership of the others before anything else,
    /// and says of which sessions the closing was missed.
    pub(crate) fn relinked(self: &Arc<Self>, peer: &ServerId) {
        self.channels.relinked(peer);
        let sessions = self.sessions.hooks.sessions_at(peer);
        if !sessions.is_empty() {
            self.peers.executor.spawn(self.sessions.clone().resubscribe(sessions));
        }
    }

    /// More was dropped of a peer than its declaration said: a channel was not had then.
    pub(crate) fn dropped_late(self: &Arc<Self>, peer: &ServerId, incarnation: Incarnation, uids: Vec<Uid>) {
        if uids.is_empty() {
            return;
        }
        let _turn = self.membership.turn();
        let greeting = {
            let mut pairs = self.membership.pairs();
            pairs.declare(peer, incarnation, Batch { uids, ..Batch::default() });
            pairs.greeting(peer, incarnation)
        };
        self.greet(peer, greeting);
    }

    /// Greets a peer on a link that there is already. If there is none, the next one begins with it.
    pub(crate) fn greet(&self, peer: &ServerId, greeting: Greeting) {
        if self.peers.send(peer, Message::Greeting(greeting)) == Err(Unsent::Full) {
            self.membership.pairs().not_said(peer);
        }
    }

    /// Greets peers whose links had no room for it.
    pub(crate) fn greet_again(&self) {
        let _turn = self.membership.turn();
        let unsaid = self.membership.pairs().say_again();
        unsaid.into_iter().for_each(|(peer, greeting)| self.greet(&peer, greeting));
    }
}
