//! Channels: who gets a push, wherever they are connected.
//!
//! A channel belongs to the server that made it. Its members' frontends keep a copy of the membership (a group), so
//! that a push is one message per frontend, whatever the number of members.
//!
//! ```text
//!  chat-1: Channel "lobby", the owner                     connector-1: Group, a copy
//!    add, leave ── Join, Leave ────────────────────────────▶  ann, bob
//!    push ──────── one Push, however many members ─────────▶  ann, bob ──▶ their connections
//! ```
//!
//! All links are queued under the channel's lock, so that is the channel's order: members see its pushes in
//! the order of the `push` calls, and a push reaches those who were members when it was made. Between two
//! channels, or two servers, there is no order. Delivery is at most once: what a full or broken link loses is
//! counted ([`Dropped`](crate::metrics::Dropped)), and [`push_confirmed`](Channel::push_confirmed) names who
//! was not reached.
//!
//! In pomelo, too, a channel is local to the process that made it; but there each push carries the list of
//! all members, once for each frontend, and a member that was added twice gets it twice.
//!
//! | file | noun |
//! |---|---|
//! | `service` | [`Channels`]: channels by name, and pushes to users without one |
//! | `guard`, `lock`, `entry` | a channel while nobody else can touch it, its lock, and the way in |
//! | `encode`, `confirmed` | a push's bodies; frontends that are asked whom they reached |
//! | `table`, `awaited` | all channels of a server; frontends that have members and aren't up yet |
//! | `replication` | how frontends keep copies, sans-IO |

mod awaited;
mod confirmed;
mod encode;
mod entry;
mod guard;
mod lock;
pub(crate) mod replication;
mod service;
mod table;
#[cfg(test)]
mod tests;

pub use self::guard::ChannelGuard;
pub use self::service::Channels;
pub(crate) use self::table::Table;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use confirmed::missing;
use lock::Lock;
use replication::Owner;

use crate::value::{Result, ServerId, Uid};

/// A member of a channel: a user at a frontend. pomelo writes it `{uid, sid}`.
///
/// ```
/// use pomelo::channel::Recipient;
///
/// let ann = Recipient { uid: "ann".into(), sid: "connector-1".into() };
/// assert_eq!(ann.uid, "ann");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipient {
    /// The user.
    ///
    /// Sessions that are bound to it at that frontend get what is pushed: none, one or several.
    pub uid: Uid,
    /// The frontend that its connection is at.
    ///
    /// pomelo's name for it is short for "server id".
    pub sid: ServerId,
}

/// A named set of users at frontends, in the order in which they joined. Cheap to clone.
///
/// Each method is one step; [`update`](Self::update) makes several one.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> pomelo::Result<()> {
/// # let running = pomelo_doc::rooms().await;
/// # let app = running.app("chat-1").unwrap();
/// let room = app.channels().create("tavern");
/// room.add("ann", "connector-1")?;
/// room.add("bob", "connector-1")?;
/// room.push("onJoin", &serde_json::json!({ "user": "bob" }))?;
/// assert_eq!(room.members(), ["ann", "bob"]);
/// assert!(room.leave("ann", "connector-1"));
/// # Ok(())
/// # }
/// ```
///
/// It holds *(user, frontend)* and no sessions. Users are resolved where the connections are: a user who
/// isn't connected now gets nothing, one who binds later gets what is pushed from then on, and one whose
/// connection closes stays a member until somebody calls [`leave`](Self::leave), or the frontend is gone.
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

struct Inner {
    /// The table that it is in, as long as it isn't destroyed.
    table: Arc<Table>,
    /// Its name; another channel may have it later.
    name: Arc<str>,
    /// Its number, which no other channel of this process ever has: by it frontends know it.
    group: u64,
    /// Its members, and whether it has ended.
    state: Lock<State>,
    /// As it was after the last step.
    len: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// Who is in it, and what frontends were told of that.
    owner: Owner,
    /// It delivers nothing any more, and takes no members.
    destroyed: bool,
}

impl Channel {
    fn new(table: &Arc<Table>, name: &str, group: u64) -> Self {
        Self(Arc::new(Inner {
            table: table.clone(),
            name: name.into(),
            group,
            state: Lock::default(),
            len: AtomicUsize::new(0),
        }))
    }

    /// The channel's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Runs `change` as one step: nobody joins, leaves or pushes in between. Within it the channel is used by its argument
    /// only, and other channels may be used; where that is done, in one order. [`Channels::update`] is the same for a channel
    /// that comes and goes with its members.
    ///
    /// # Errors
    /// What `change` returns. At once, if it is called within another step of this channel; as
    /// [`Deadline`](crate::value::ErrorKind::Deadline), if another thread's step takes longer than a second, as where two steps nest
    /// two channels in opposite order. Both are so for all methods.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let running = pomelo_doc::rooms().await;
    /// # let app = running.app("chat-1").unwrap();
    /// let room = app.channels().create("tavern");
    /// // Nobody can join between the check and the add, nor see half of it.
    /// let seats = room.update(|room| {
    ///     if room.len() >= 4 {
    ///         return Err(pomelo::Error::new(409, "the table is full"));
    ///     }
    ///     room.push("onJoin", &"ann")?;
    ///     room.add("ann", "connector-1")?;
    ///     Ok(4 - room.len())
    /// })?;
    /// assert_eq!(seats, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn update<T>(&self, change: impl FnOnce(&mut ChannelGuard<'_>) -> Result<T>) -> Result<T> {
        change(&mut self.guard()?)
    }

    /// Adds a user at a frontend; one that is a member already is left alone.
    ///
    /// A frontend that is expected and was not up yet may be named, too; if it isn't up within the transport's
    /// [`gone_after`](crate::cluster::LinkSender::gone_after), the member is lost, as with a frontend that dies
    /// ([`Event::MembersLost`](crate::event::Event::MembersLost)).
    ///
    /// # Errors
    /// If the channel is destroyed; if there is no such frontend, or it is gone; or as [`update`](Self::update).
    ///
    /// pomelo's `add` returns false where it fails, and adds a user twice who is added twice.
    pub fn add(&self, uid: impl Into<Uid>, sid: impl Into<ServerId>) -> Result<()> {
        self.guard()?.add(uid, sid)
    }

    /// Takes a user at a frontend out; false if it was no member, and, with an error in the log, where
    /// [`update`](Self::update) would fail.
    ///
    /// Both must match: a user who moved to another frontend leaves the old one by its id.
    pub fn leave(&self, uid: &str, sid: &str) -> bool {
        self.guard_or_log("leave").is_some_and(|mut guard| guard.leave(uid, sid))
    }

    /// Sends a message to all members. It never waits: the message is encoded and queued, and its order is
    /// that of the calls. What could not be queued for a frontend is counted as dropped.
    ///
    /// The message is encoded once for each encoding that one of the frontends needs, and framed there once
    /// for each kind of connection; nothing is encoded for a single member. `route` is what the client
    /// listens to, such as `onChat`; it is free text, and no route of a handler. Clients that read the route
    /// in the body, as some of pomelo's do, need it there, too.
    ///
    /// # Errors
    /// If the channel is destroyed; if the message can't be encoded; or if no client could be sent it: its
    /// route has more than 255 bytes, or it takes more than 16 MiB. Or as [`update`](Self::update).
    ///
    /// ```
    /// # use pomelo::{Result, channel::Channel};
    /// # use serde_json::json;
    /// fn say(room: &Channel, from: &str, text: &str) -> Result<()> {
    ///     room.push("onChat", &json!({ "from": from, "msg": text, "target": "*" }))
    /// }
    /// ```
    #[doc(alias = "pushMessage")]
    pub fn push(&self, route: &str, message: &impl Serialize) -> Result<()> {
        self.guard()?.push(route, message)
    }

    /// As [`push`](Self::push), but a client misses it as soon as more waits for it than its connector's `outbox_limit`.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// For what the next push makes worthless: positions in a battle, a countdown. A slow client then sees
    /// fewer of them, and is not kicked for them.
    ///
    /// ```
    /// # use pomelo::{Result, channel::Channel};
    /// fn tick(battle: &Channel, positions: &[(u32, f32, f32)]) -> Result<()> {
    ///     battle.push_volatile("onMove", &positions)
    /// }
    /// ```
    pub fn push_volatile(&self, route: &str, message: &impl Serialize) -> Result<()> {
        self.guard()?.push_volatile(route, message)
    }

    /// Sends a message to one member, in the same order as those to all.
    ///
    /// # Errors
    /// If that user is no member, the channel is destroyed, or the message can't be encoded; or as [`update`](Self::update).
    ///
    /// [`Channels::push_by_uids`] reaches users who are in no channel, in no order with what channels push.
    pub fn push_to(&self, uid: &str, route: &str, message: &impl Serialize) -> Result<()> {
        self.guard()?.push_to(uid, route, message)
    }

    /// As [`push`](Self::push), and returns the users that were not reached: those without a connection at their
    /// frontend, those whose outbox was full, and all at a frontend that failed or has not answered within `rpc_timeout`.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// # Cancel safety
    /// The push was sent when this is first polled; a caller that stops waiting only doesn't hear who missed it.
    ///
    /// "Reached" is: queued for a connection of that user. Whether the client has read it, only the client
    /// can say.
    ///
    /// ```
    /// # use pomelo::{Result, channel::Channel, session::Uid};
    /// /// Keeps a letter for those who aren't there.
    /// async fn deliver(guild: &Channel, letter: &str) -> Result<Vec<Uid>> {
    ///     guild.push_confirmed("onLetter", &letter).await
    /// }
    /// ```
    pub async fn push_confirmed(&self, route: &str, message: &impl Serialize) -> Result<Vec<Uid>> {
        let asked = self.guard()?.push_asking(route, message)?;
        Ok(missing(asked).await)
    }

    /// The users in the channel, in the order in which they joined; one at two frontends is there twice. None, with an error
    /// in the log, where [`update`](Self::update) would fail.
    #[doc(alias = "getMembers")]
    pub fn members(&self) -> Vec<Uid> {
        let Some(guard) = self.guard_or_log("members") else { return Vec::new() };
        let mut uids = Vec::with_capacity(guard.len());
        uids.extend(guard.uids().cloned());
        uids
    }

    /// The member of that user. None, with an error in the log, where [`update`](Self::update) would fail.
    ///
    /// Of a user at two frontends it is the one that joined last.
    #[doc(alias = "getMember")]
    pub fn member(&self, uid: &str) -> Option<Recipient> {
        self.guard_or_log("member")?.member(uid)
    }

    /// How many members there are; while a step is under way, how many there were before. It never waits.
    #[doc(alias = "getUserAmount")]
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Relaxed)
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes the channel. It delivers nothing any more, also if one of the same name is made again. It stays, with an error
    /// in the log, where [`update`](Self::update) would fail.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> pomelo::Result<()> {
    /// # let running = pomelo_doc::chat().await;
    /// # let app = running.app("chat-1").unwrap();
    /// let room = app.channels().create("battle-7");
    /// room.destroy();
    /// // pomelo never calls back here; this says so.
    /// assert!(room.push("onTick", &1).is_err());
    /// assert!(app.channels().get("battle-7").is_none());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "destroyChannel")]
    pub fn destroy(&self) {
        if let Some(mut guard) = self.guard_or_log("destroy") {
            guard.destroy();
        }
    }

    fn group(&self) -> u64 {
        self.0.group
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.0.name)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
