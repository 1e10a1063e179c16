//! The table of a server's channels, and what becomes of all of them when a frontend comes or goes.
//!
//! Two locks are taken in here, in this order and never the other way round: that of a channel, that of the
//! table. So what looks at all channels takes the list first, lets the table go, and then enters one after
//! the other.
//!
//! | event | what becomes of the channels |
//! |---|---|
//! | a new link to a frontend (`relinked`) | their copies there are stale: the whole membership goes before anything else |
//! | a frontend is gone (`lose`) | its members are out, and the application hears of them by `MembersLost` |
//! | a frontend asks (`asked`) | it gets the membership of that channel |
//! | a link has room again (`tell_untold`) | ends and memberships that found it full are sent |

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::Channel;
use super::awaited::Awaited;
use super::guard::ChannelGuard;
use super::replication::Untold;
use crate::cluster::Unsent;
use crate::peers::Peers;
use crate::value::{ServerId, Uid};
use crate::wire::envelope::Message;

/// Told of members of a channel that were lost with their frontend, at least one.
type MembersLost = dyn Fn(&Channel, &[Uid]) + Send + Sync;

/// The channels that a server has.
pub(crate) struct Table {
    /// The way to frontends.
    pub(super) peers: Arc<Peers>,
    /// Frontends that have members, and are not up yet.
    pub(super) awaited: Awaited,
    /// By name; a channel that was destroyed isn't here, whoever still holds it.
    channels: Mutex<HashMap<Arc<str>, Channel>>,
    /// The number of the last channel that was made.
    serial: AtomicU64,
    /// What frontends are still to be told.
    untold: Mutex<Untold>,
    /// Tells the application.
    members_lost: Box<MembersLost>,
}

impl Table {
    pub(crate) fn new(
        peers: Arc<Peers>,
        members_lost: impl Fn(&Channel, &[Uid]) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            peers,
            awaited: Awaited::default(),
            channels: Mutex::default(),
            serial: AtomicU64::new(0),
            untold: Mutex::default(),
            members_lost: Box::new(members_lost),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Channel>> {
        self.channels.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn all(&self) -> Vec<Channel> {
        self.lock().values().cloned().collect()
    }

    /// The channel of that name, made if there is none.
    pub(super) fn get_or_new(self: &Arc<Self>, name: &str) -> Channel {
        let mut channels = self.lock();
        if let Some(channel) = channels.get(name) {
            return channel.clone();
        }
        let group = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        let channel = Channel::new(self, name, group);
        channels.insert(name.into(), channel.clone());
        channel
    }

    /// Forgets a channel, unless its name belongs to another one by now.
    pub(super) fn forget(&self, name: &str, group: u64) {
        let mut channels = self.lock();
        if channels.get(name).is_some_and(|known| known.group() == group) {
            channels.remove(name);
        }
    }

    /// Tells frontends what they could not be told before.
    pub(crate) fn tell_untold(self: &Arc<Self>) {
        let (ends, memberships) = {
            let mut untold = self.lock_untold();
            (untold.take_ends(), untold.take_memberships())
        };
        for (frontend, group) in memberships {
            self.act_on(&frontend, group, |guard, frontend| guard.tell_again(frontend));
        }
        for frontend in ends {
            self.tell_alive(&frontend, |guard, frontend| guard.has_copy(frontend));
        }
    }

    pub(super) fn lock_untold(&self) -> MutexGuard<'_, Untold> {
        self.untold.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Tells a frontend which channels have a copy there: it drops all others. One that the application keeps to itself counts as
    /// such until it can be looked at.
    fn tell_alive(
        self: &Arc<Self>,
        frontend: &ServerId,
        has_copy: impl Fn(&mut ChannelGuard<'_>, &ServerId) -> bool + Copy + Send + 'static,
    ) {
        let channels = self.all();
        let alive = channels.iter().filter(|channel| {
            let (frontend, table, late) = (frontend.clone(), self.clone(), frontend.clone());
            let tell_late = move |has_copy: bool| {
                if !has_copy {
                    table.lock_untold().add_end(&late);
                }
            };
            channel.surely(move |guard| has_copy(guard, &frontend), tell_late).unwrap_or(true)
        });
        let alive = alive.map(Channel::group).collect();
        let groups = Message::Groups { incarnation: self.peers.incarnation(), alive };
        // If the link is down again, the same will happen when it is up.
        if self.peers.send(frontend, groups) == Err(Unsent::Full) {
            self.lock_untold().add_end(frontend);
        }
    }

    /// Forgets all channels: they hold this table.
    pub(crate) fn clear(&self) {
        std::mem::take(&mut *self.lock());
    }

    /// How many channels there are, and how many members in all of them.
    pub(crate) fn count(&self) -> (usize, usize) {
        let channels = self.all();
        (channels.len(), channels.iter().map(Channel::len).sum())
    }

    /// A frontend has missed something of a channel, and asked for its membership.
    pub(crate) fn asked(&self, frontend: &ServerId, group: u64) {
        self.act_on(frontend, group, |guard, frontend| guard.asked(frontend));
    }

    fn act_on(&self, frontend: &ServerId, group: u64, act: fn(&mut ChannelGuard<'_>, &ServerId)) {
        let channel = self.lock().values().find(|channel| channel.group() == group).cloned();
        if let Some(channel) = channel {
            let frontend = frontend.clone();
            channel.surely(move |guard| act(guard, &frontend), drop);
        }
    }

    /// A frontend may have missed anything: it drops what is no more, which would only cost it memory, and is told the rest
    /// anew when it is needed.
    pub(crate) fn relinked(self: &Arc<Self>, frontend: &ServerId) {
        self.tell_alive(frontend, |guard, frontend| guard.relinked(frontend));
    }

    /// A frontend is gone: its members are out of every channel, and the application is told who was lost where. Returns the
    /// users; of a channel that the application keeps to itself they go to `late`.
    pub(crate) fn lose(
        self: &Arc<Self>,
        frontend: &ServerId,
        late: impl Fn(Vec<Uid>) + Clone + Send + 'static,
    ) -> Vec<Uid> {
        // There may be a later process of it already, which has a copy.
        self.lock_untold().add_end(frontend);
        let mut lost = self.lose_if(frontend, |_| true, late);
        lost.sort_unstable();
        lost.dedup();
        lost
    }

    /// As [`lose`](Self::lose), if `is_gone` says so once nobody else can touch the channel.
    pub(super) fn lose_if(
        self: &Arc<Self>,
        frontend: &ServerId,
        is_gone: impl Fn(&Peers) -> bool + Clone + Send + 'static,
        late: impl Fn(Vec<Uid>) + Clone + Send + 'static,
    ) -> Vec<Uid> {
        let mut lost = Vec::new();
        for channel in self.all() {
            let (of, late, is_gone) = (channel.clone(), late.clone(), is_gone.clone());
            let (peers, frontend) = (self.peers.clone(), frontend.clone());
            let tell = move |uids: &[Uid]| {
                if !uids.is_empty() {
                    (of.0.table.members_lost)(&of, uids);
                }
            };
            let tell_late = tell.clone();
            let (table, back) = (self.clone(), frontend.clone());
            let uids = channel.surely(
                move |guard| if is_gone(&peers) { guard.lose(&frontend) } else { Vec::new() },
                move |uids| {
                    tell_late(&uids);
                    late(uids);
                    // It may be back, and have a copy again.
                    table.lock_untold().add_end(&back);
                },
            );
            if let Some(uids) = uids {
                tell(&uids);
                lost.extend(uids);
            }
        }
        lost
    }
}
