//! Channels of a server by name, and pushes to users without one.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use smallvec::SmallVec;

use super::confirmed::{Asked, missing};
use super::encode::encode_push;
use super::entry::Step;
use super::guard::ChannelGuard;
use super::table::Table;
use super::{Channel, Recipient};
use crate::metrics::Dropped;
use crate::value::{Result, ServerId, Uid};
use crate::wire::envelope::Message;

/// pomelo's `channelService`: this server's channels, and pushes to users by name.
#[derive(Clone)]
pub struct Channels {
    table: Arc<Table>,
}

impl Channels {
    pub(crate) fn new(table: Arc<Table>) -> Self {
        Self { table }
    }

    /// The channel of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<Channel> {
        self.table.lock().get(name).cloned()
    }

    /// The channel of that name, made if there is none.
    pub fn create(&self, name: &str) -> Channel {
        self.table.get_or_new(name)
    }

    /// Runs `change` on the channel of that name as one step, as [`Channel::update`] does. The channel is made if there
    /// is none, and destroyed if it is left empty: it comes and goes with its members, and nobody can join one that is
    /// being destroyed.
    ///
    /// # Errors
    /// What `change` returns, or as [`Channel::update`].
    pub fn update<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut ChannelGuard<'_>) -> Result<T>,
    ) -> Result<T> {
        loop {
            let channel = self.create(name);
            let mut step = Step(channel.guard()?);
            if !step.0.is_destroyed() {
                return change(&mut step.0);
            }
            // Somebody was faster. It has left the table, so the next one is another.
        }
    }

    /// Destroys the channel of that name; false if there is none.
    pub fn destroy(&self, name: &str) -> bool {
        self.get(name).map(|channel| channel.destroy()).is_some()
    }

    /// The names of all channels, in no particular order.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.table.lock().keys().cloned().collect()
    }

    /// How many channels there are.
    pub fn len(&self) -> usize {
        self.table.lock().len()
    }

    /// Whether there is no channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message to users by name, one message per frontend. It never waits.
    ///
    /// # Errors
    /// If the message can't be encoded, or no client could be sent it: its route has more than 255 bytes, or it takes more than
    /// 16 MiB.
    pub fn push_by_uids<I>(&self, route: &str, message: &impl Serialize, recipients: I) -> Result<()>
    where
        I: IntoIterator<Item = Recipient>,
    {
        let by_frontend = group(recipients);
        let push =
            encode_push(&self.table.peers, route, message, false, by_frontend.iter().map(|(sid, _)| sid))?;
        for (sid, uids) in by_frontend {
            if self.table.peers.send(&sid, Message::PushUids { seq: 0, push: push.clone(), uids }).is_err() {
                self.table.peers.counters.add(Dropped::Unreachable);
            }
        }
        Ok(())
    }

    /// As [`push_by_uids`](Self::push_by_uids), and returns the users that were not reached, as
    /// [`Channel::push_confirmed`] does.
    ///
    /// # Errors
    /// As [`push_by_uids`](Self::push_by_uids).
    ///
    /// # Cancel safety
    /// As [`Channel::push_confirmed`].
    pub async fn push_by_uids_confirmed<I>(
        &self,
        route: &str,
        message: &impl Serialize,
        to: I,
    ) -> Result<Vec<Uid>>
    where
        I: IntoIterator<Item = Recipient>,
    {
        let by_frontend = group(to);
        let push =
            encode_push(&self.table.peers, route, message, false, by_frontend.iter().map(|(sid, _)| sid))?;
        let asked = by_frontend.into_iter().map(|(sid, uids)| {
            let (push, to) = (push.clone(), uids.clone());
            let sent = self.table.peers.question(&sid, |seq| Message::PushUids { seq, push, uids: to });
            Asked::new(&self.table.peers, sent.ok(), uids)
        });
        let asked = asked.collect();
        Ok(missing(&self.table.peers, asked).await)
    }

    /// Sends a message to all clients of all frontends of a type.
    ///
    /// # Errors
    /// As [`push_by_uids`](Self::push_by_uids).
    pub fn broadcast(&self, server_type: &str, route: &str, message: &impl Serialize) -> Result<()> {
        self.broadcast_to(server_type, route, message, false, None)
    }

    /// As [`broadcast`](Self::broadcast), to those only that are bound to a user (`bound_only`), and that the
    /// frontends' broadcast filter lets through for this parameter.
    ///
    /// # Errors
    /// As [`push_by_uids`](Self::push_by_uids).
    pub fn broadcast_to(
        &self,
        server_type: &str,
        route: &str,
        message: &impl Serialize,
        bound_only: bool,
        filter: Option<Value>,
    ) -> Result<()> {
        let servers = self.table.peers.view.known().live(server_type);
        let push =
            encode_push(&self.table.peers, route, message, false, servers.iter().map(|server| &server.id))?;
        for server in servers.iter() {
            let broadcast = Message::Broadcast { push: push.clone(), bound_only, filter: filter.clone() };
            if self.table.peers.send(&server.id, broadcast).is_err() {
                self.table.peers.counters.add(Dropped::Unreachable);
            }
        }
        Ok(())
    }
}

/// Users by frontend; a list sorted by text, since there are few frontends, and mostly one.
fn group(recipients: impl IntoIterator<Item = Recipient>) -> SmallVec<[(ServerId, Vec<Uid>); 1]> {
    let mut by_frontend = SmallVec::<[(ServerId, Vec<Uid>); 1]>::new();
    for Recipient { uid, sid } in recipients {
        match by_frontend.binary_search_by(|(known, _)| (**known).cmp(&*sid)) {
            Ok(at) => by_frontend[at].1.push(uid),
            Err(at) => by_frontend.insert(at, (sid, vec![uid])),
        }
    }
    by_frontend
}
