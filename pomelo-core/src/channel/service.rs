//! The channels of a server, and pushes without one.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;
use serde_json::Value;
use smallvec::SmallVec;

use super::confirmed::{Asked, missing};
use super::entry::Step;
use super::guard::ChannelGuard;
use super::{Channel, Recipient};
use crate::cluster::Unsent;
use crate::event::Event;
use crate::metrics::Dropped;
use crate::server::Server;
use crate::value::{Result, ServerId, Uid};
use crate::wire::envelope::Message;

/// The channels that a server has.
#[derive(Default)]
pub(crate) struct Table {
    channels: Mutex<HashMap<Arc<str>, Channel>>,
    serial: AtomicU64,
    /// Frontends that could not be told of a channel's end, since the link was full.
    untold: Mutex<HashSet<ServerId>>,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Channel>> {
        self.channels.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn all(&self) -> Vec<Channel> {
        self.lock().values().cloned().collect()
    }

    /// Forgets a channel, unless its name belongs to another one by now.
    pub(super) fn forget(&self, name: &str, group: u64) {
        let mut channels = self.lock();
        if channels.get(name).is_some_and(|known| known.group() == group) {
            channels.remove(name);
        }
    }

    /// A frontend keeps the copy of a channel that is no more, until it can be told.
    pub(super) fn untold(&self, frontend: &ServerId) {
        self.lock_untold().insert(frontend.clone());
    }

    /// Tells frontends what they could not be told before.
    pub(crate) fn tell_untold(&self, core: &Arc<Server>) {
        let untold = std::mem::take(&mut *self.lock_untold());
        for frontend in untold {
            let channels = self.all();
            let alive = channels.iter().filter(|channel| {
                let frontend = frontend.clone();
                // Of one that the application keeps to itself, a copy may be there.
                channel.surely(move |guard| guard.has_copy(&frontend), drop).unwrap_or(true)
            });
            let groups = Message::Groups {
                incarnation: core.incarnation(),
                alive: alive.map(Channel::group).collect(),
            };
            if core.send(&frontend, groups) == Err(Unsent::Full) {
                self.untold(&frontend);
            }
        }
    }

    fn lock_untold(&self) -> MutexGuard<'_, HashSet<ServerId>> {
        self.untold.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Forgets all channels: they hold the server.
    pub(crate) fn clear(&self) {
        std::mem::take(&mut *self.lock());
    }

    /// How many channels there are, and how many members in all of them.
    pub(crate) fn count(&self) -> (usize, usize) {
        let channels = self.all();
        (channels.len(), channels.iter().map(Channel::len).sum())
    }

    /// A frontend has missed something.
    pub(crate) fn resync(&self, frontend: &ServerId, group: u64) {
        let channel = self.lock().values().find(|channel| channel.group() == group).cloned();
        if let Some(channel) = channel {
            let frontend = frontend.clone();
            channel.surely(move |guard| guard.resync(&frontend), drop);
        }
    }

    /// A frontend may have missed anything: it drops what is no more, which would only cost it memory, and is told the rest
    /// anew when it is needed. Gaps in versions don't show all of that: a copy that was begun again has low ones.
    pub(crate) fn relinked(&self, core: &Arc<Server>, frontend: &ServerId) {
        let channels = self.all();
        let alive = channels.iter().filter(|channel| {
            let frontend = frontend.clone();
            // Of one that the application keeps to itself, a copy may be there.
            channel.surely(move |guard| guard.mark_stale(Some(&frontend)), drop).unwrap_or(true)
        });
        let alive = alive.map(Channel::group).collect();
        let groups = Message::Groups { incarnation: core.incarnation(), alive };
        // If this can't be sent, the link is down again, and the same will happen when it is up.
        let _ = core.send(frontend, groups);
    }

    /// A frontend is gone: its members are out of every channel, and the application is told who was lost where. Returns the
    /// users; of a channel that the application keeps to itself they go to `late`.
    pub(crate) fn lose(
        &self,
        core: &Arc<Server>,
        frontend: &ServerId,
        late: impl Fn(Vec<Uid>) + Clone + Send + 'static,
    ) -> Vec<Uid> {
        let mut lost = Vec::new();
        for channel in self.all() {
            let (core, of, frontend, late) = (core.clone(), channel.clone(), frontend.clone(), late.clone());
            let tell = move |uids: &Vec<Uid>| {
                if !uids.is_empty() {
                    core.emit(Event::MembersLost { channel: of.clone(), uids: uids.clone() });
                }
            };
            let tell_late = tell.clone();
            let uids = channel.surely(
                move |guard| guard.lose(&frontend),
                move |uids| {
                    tell_late(&uids);
                    late(uids);
                },
            );
            if let Some(uids) = uids {
                tell(&uids);
                lost.extend(uids);
            }
        }
        lost.sort_unstable();
        lost.dedup();
        lost
    }
}

/// pomelo's `channelService`: this server's channels, and pushes to users by name.
#[derive(Clone)]
pub struct Channels {
    core: Arc<Server>,
}

impl Channels {
    pub(crate) fn new(core: Arc<Server>) -> Self {
        Self { core }
    }

    /// The channel of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<Channel> {
        self.core.channels.lock().get(name).cloned()
    }

    /// The channel of that name, made if there is none.
    pub fn create(&self, name: &str) -> Channel {
        let table = &self.core.channels;
        let mut channels = table.lock();
        if let Some(channel) = channels.get(name) {
            return channel.clone();
        }
        let group = table.serial.fetch_add(1, Ordering::Relaxed) + 1;
        let channel = Channel::new(&self.core, name, group);
        channels.insert(name.into(), channel.clone());
        channel
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
        self.core.channels.lock().keys().cloned().collect()
    }

    /// How many channels there are.
    pub fn len(&self) -> usize {
        self.core.channels.lock().len()
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
        let push = self.core.encode_push(route, message, false, by_frontend.iter().map(|(sid, _)| sid))?;
        for (sid, uids) in by_frontend {
            if self.core.send(&sid, Message::PushUids { seq: 0, push: push.clone(), uids }).is_err() {
                self.core.counters.add(Dropped::Unreachable);
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
        let push = self.core.encode_push(route, message, false, by_frontend.iter().map(|(sid, _)| sid))?;
        let asked = by_frontend.into_iter().map(|(sid, uids)| {
            let (push, to) = (push.clone(), uids.clone());
            let sent = self.core.question(&sid, |seq| Message::PushUids { seq, push, uids: to });
            Asked::new(&self.core, sent.ok(), uids)
        });
        let asked = asked.collect();
        Ok(missing(&self.core, asked).await)
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
        let servers = self.core.servers(server_type);
        let push = self.core.encode_push(route, message, false, servers.iter().map(|server| &server.id))?;
        for server in servers.iter() {
            let broadcast = Message::Broadcast { push: push.clone(), bound_only, filter: filter.clone() };
            if self.core.send(&server.id, broadcast).is_err() {
                self.core.counters.add(Dropped::Unreachable);
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
