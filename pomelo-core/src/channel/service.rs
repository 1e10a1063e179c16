//! Channels of a server by name, and pushes to users without one.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use smallvec::SmallVec;

use super::confirmed::{self, Asked, missing};
use super::encode::encode_push;
use super::entry::Step;
use super::guard::ChannelGuard;
use super::table::Table;
use super::{Channel, Recipient};
use crate::metrics::Dropped;
use crate::value::{Result, ServerId, Uid};
use crate::wire::envelope::Message;

/// pomelo's `channelService`: this server's channels, and pushes to users by name.
///
/// [`Server::channels`](crate::server::Server::channels) gives it, on every server. Channels are local to
/// their server: a room that many servers use is made on one of them, and a router sends there who asks for
/// it.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> pomelo::Result<()> {
/// # let running = pomelo_doc::chat().await;
/// # let app = running.app("chat-1").unwrap();
/// let channels = app.channels();
/// let lobby = channels.create("lobby");
/// assert_eq!(channels.create("lobby").name(), lobby.name());
/// assert_eq!(channels.len(), 1);
/// assert!(channels.get("attic").is_none() && channels.destroy("lobby"));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "channelService")]
#[derive(Clone)]
pub struct Channels {
    /// The server's channels.
    table: Arc<Table>,
}

impl Channels {
    pub(crate) fn new(table: Arc<Table>) -> Self {
        Self { table }
    }

    /// The channel of that name, if there is one.
    ///
    /// pomelo's `getChannel(name, true)`, which makes it, is [`create`](Self::create).
    #[doc(alias = "getChannel")]
    pub fn get(&self, name: &str) -> Option<Channel> {
        self.table.lock().get(name).cloned()
    }

    /// The channel of that name, made if there is none.
    ///
    /// A room that belongs to its members, and goes when the last one leaves, is better used by
    /// [`update`](Self::update).
    #[doc(alias = "createChannel")]
    pub fn create(&self, name: &str) -> Channel {
        self.table.get_or_new(name)
    }

    /// Runs `change` on the channel of that name as one step, as [`Channel::update`] does. The channel is made if there
    /// is none, and destroyed if it is left empty: it comes and goes with its members, and nobody can join one that is
    /// being destroyed.
    ///
    /// # Errors
    /// What `change` returns, or as [`Channel::update`].
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let running = pomelo_doc::rooms().await;
    /// # let app = running.app("chat-1").unwrap();
    /// let channels = app.channels();
    /// channels.update("duel", |duel| duel.add("ann", "connector-1"))?;
    /// assert_eq!(channels.len(), 1);
    /// // The last one out takes the room along.
    /// channels.update("duel", |duel| Ok(duel.leave("ann", "connector-1")))?;
    /// assert!(channels.is_empty());
    /// # Ok(())
    /// # }
    /// ```
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
    #[doc(alias = "destroyChannel")]
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
    ///
    /// An empty list is no error, and neither is a frontend that is gone: that is counted as dropped. A user
    /// without a connection at that frontend gets nothing, and who wants to know asks
    /// [`push_by_uids_confirmed`](Self::push_by_uids_confirmed). Pushes that one task makes to a user arrive
    /// in their order.
    ///
    /// ```
    /// # use pomelo::{Result, channel::{Channels, Recipient}};
    /// # use serde_json::json;
    /// /// Tells the two players of a trade, wherever they are connected.
    /// fn traded(channels: &Channels, seller: Recipient, buyer: Recipient, item: &str) -> Result<()> {
    ///     channels.push_by_uids("onTraded", &json!({ "item": item }), [seller, buyer])
    /// }
    /// ```
    #[doc(alias = "pushMessageByUids")]
    #[doc(alias = "sendMessageByUid")]
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
    ///
    /// It says more than pomelo's `failIds`, in which users at a frontend that failed are missing.
    ///
    /// ```
    /// # use pomelo::{Result, channel::{Channels, Recipient}};
    /// async fn invite(channels: &Channels, friend: Recipient) -> Result<bool> {
    ///     let missed = channels.push_by_uids_confirmed("onInvite", &"tavern", [friend]).await?;
    ///     Ok(missed.is_empty())
    /// }
    /// ```
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
        let deadline = confirmed::deadline(&self.table.peers);
        let asked = by_frontend.into_iter().map(|(sid, uids)| {
            let (push, to) = (push.clone(), uids.clone());
            let sent =
                self.table.peers.question(&sid, deadline, |seq| Message::PushUids { seq, push, uids: to });
            Asked::new(&self.table.peers, sent.ok(), uids)
        });
        let asked = asked.collect();
        Ok(missing(asked).await)
    }

    /// Sends a message to all clients of all frontends of a type.
    ///
    /// # Errors
    /// As [`push_by_uids`](Self::push_by_uids).
    ///
    /// Those of the frontends that are up get it; each delivers to the clients that it has then, bound to a
    /// user or not.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let running = pomelo_doc::chat().await;
    /// # let app = running.app("chat-1").unwrap();
    /// app.channels().broadcast("connector", "onNews", &"the harbour is open again")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn broadcast(&self, server_type: &str, route: &str, message: &impl Serialize) -> Result<()> {
        self.broadcast_to(server_type, route, message, false, None)
    }

    /// As [`broadcast`](Self::broadcast), to those only that are bound to a user (`bound_only`), and that the
    /// frontends' broadcast filter lets through for this parameter.
    ///
    /// # Errors
    /// As [`push_by_uids`](Self::push_by_uids).
    ///
    /// ```
    /// # use pomelo::{Result, channel::Channels};
    /// # use serde_json::json;
    /// /// News for players of one language: the filter of the frontends reads the parameter.
    /// fn news(channels: &Channels, language: &str, text: &str) -> Result<()> {
    ///     channels.broadcast_to("connector", "onNews", &text, true, Some(json!(language)))
    /// }
    /// ```
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
