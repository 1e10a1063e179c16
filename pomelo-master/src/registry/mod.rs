//! The registry: which servers there should be, and what is known of each (no sockets, no clock, no processes).
//!
//! | file | noun |
//! |---|---|
//! | `standing` | whether a server is expected, may be replaced, or is forgotten: the state machine |
//! | `entry` | what is known of one server |
//! | `newcomer` | a process that wants the place of an id |
//! | `gaps`, `reach` | links that are missing, and which servers are up though |
//! | `heritage` | what a new master learns from the servers of the one before |
//! | `event` | what others must be told of a change |

mod entry;
mod event;
mod gaps;
mod heritage;
mod newcomer;
mod reach;
mod standing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use pomelo_core::cluster::Member;
use pomelo_core::metrics::MissingLink;
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};

pub(super) use entry::Entry;
pub(super) use event::{Event, LinkId};
pub(super) use newcomer::{Denial, Newcomer};

use super::process::Process;
use super::wire::server::Refusal;
use entry::OwnIncarnation;
use gaps::Gaps;
use standing::Standing;

/// More servers than this are a mistake: each is told of all others.
const MAX_SERVERS: usize = 20_000;

/// So many ids of servers that are no more are kept, since their logs may be of use.
const MAX_FORMER_SERVERS: usize = 1_000;

/// The servers, by id.
#[derive(Debug, Default)]
pub(super) struct Registry {
    servers: BTreeMap<ServerId, Entry>,
    /// What servers.json says.
    configured: BTreeMap<ServerId, Arc<ServerInfo>>,
    /// Servers that were taken out.
    former: BTreeSet<ServerId>,
    gaps: Gaps,
    /// Servers that are there and were not up yet.
    rising: BTreeSet<ServerId>,
    /// Servers that are up for the first time in their incarnation, and of which nobody was told.
    risen: VecDeque<(ServerId, u32)>,
    /// All are to end, and none is started any more.
    is_closing: bool,
    events: VecDeque<Event>,
}

impl Registry {
    /// Expects these servers, of the configuration.
    pub(super) fn new(servers: impl IntoIterator<Item = Arc<ServerInfo>>) -> Self {
        let mut registry = Self::default();
        for info in servers {
            registry.configured.insert(info.id.clone(), info.clone());
            registry.insert(info, Standing::configured());
        }
        registry.events.clear();
        registry
    }

    /// The next server that is up for the first time in its incarnation, and its pid.
    pub(super) fn poll_risen(&mut self) -> Option<(ServerId, u32)> {
        self.risen.pop_front()
    }

    /// The next thing that others must be told.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Entry> {
        self.servers.get(id)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.servers.values()
    }

    /// Whether the configuration has a server of that id, or there is or was one.
    pub(super) fn has_known(&self, id: &str) -> bool {
        self.is_known(id) || self.former.contains(id)
    }

    /// Whether there is a server of that id, or the configuration has one.
    pub(super) fn is_known(&self, id: &str) -> bool {
        self.servers.contains_key(id) || self.configured.contains_key(id)
    }

    /// The servers that are to be expected, sorted by id.
    pub(super) fn expected(&self) -> Vec<Arc<ServerInfo>> {
        let expected = self.entries().filter(|entry| entry.standing.is_expected());
        expected.map(|entry| entry.info.clone()).collect()
    }

    /// The last incarnation of each server that is over.
    pub(super) fn gone(&self) -> Vec<(ServerId, Incarnation)> {
        self.entries().filter_map(|entry| Some((entry.info.id.clone(), entry.gone?))).collect()
    }

    /// The servers without a port that are up, as those need to know them who have none either and so no link to them.
    pub(super) fn portless(&self) -> Vec<Member> {
        self.entries().filter_map(Entry::portless).collect()
    }

    fn insert(&mut self, info: Arc<ServerInfo>, standing: Standing) {
        let id = info.id.clone();
        self.former.remove(&id);
        self.servers.insert(id.clone(), Entry::new(info, standing));
        self.settle(&id);
    }

    /// Whether an operator may add a server of that id: there is none, or one that is down and was never up.
    pub(super) fn may_add(&self, id: &str) -> bool {
        let replaceable = |entry: &Entry| entry.is_down() && entry.standing.may_be_replaced();
        self.get(id).map_or(self.servers.len() < MAX_SERVERS, replaceable)
    }

    /// An operator adds a server. Others expect it when it is up. False if there is one of that id, or no room.
    pub(super) fn add(&mut self, info: Arc<ServerInfo>) -> bool {
        let may = !self.is_closing && self.may_add(&info.id);
        if may {
            self.insert(info, Standing::added());
        }
        may
    }

    /// The server should run; false if there is none of that id, or all are to end.
    pub(super) fn keep(&mut self, id: &str) -> bool {
        if self.is_closing {
            return false;
        }
        if !self.servers.contains_key(id)
            && let Some(info) = self.configured.get(id)
        {
            self.insert(info.clone(), Standing::configured_candidate());
        }
        let Some(entry) = self.servers.get_mut(id) else { return false };
        entry.keep = true;
        entry.standing.wanted();
        true
    }

    /// The server should end, for good or to be started again.
    pub(super) fn dismiss(&mut self, id: &str, for_good: bool) {
        if let Some(entry) = self.servers.get_mut(id) {
            entry.keep = false;
            entry.leaving = !entry.is_down();
            if for_good {
                entry.standing.stopped();
            }
            self.settle(id);
        }
    }

    /// All servers should end, and none be started any more; returns them.
    pub(super) fn close(&mut self) -> Vec<Arc<ServerInfo>> {
        self.is_closing = true;
        let servers: Vec<_> = self.entries().map(|entry| entry.info.clone()).collect();
        servers.iter().for_each(|info| self.dismiss(&info.id, false));
        servers
    }

    /// The server took too long to be up: it isn't waited for any more, and not expected if it never was up.
    pub(super) fn give_up(&mut self, id: &str) {
        if let Some(entry) = self.servers.get_mut(id) {
            entry.standing.failed();
            self.settle(id);
        }
    }

    /// Draws the conclusions of a change of that server: what is up, what is forgotten, and what others must be told.
    fn settle(&mut self, id: &str) {
        let Some(entry) = self.servers.get(id) else { return };
        let (id, is_registered) = (entry.info.id.clone(), entry.incarnation.is_some());
        if !is_registered {
            self.gaps.forget(&id);
        }
        match entry.incarnation.as_ref().is_some_and(|own| !own.was_up) {
            true => self.rising.insert(id.clone()),
            false => self.rising.remove(&id),
        };
        self.raise();
        let Some(entry) = self.servers.get_mut(&id) else { return };
        let is_forgotten = entry.is_down() && entry.standing.ends_when_down();
        let is_expected = entry.standing.is_expected() && !is_forgotten;
        if std::mem::replace(&mut entry.was_expected, is_expected) != is_expected {
            self.events.push_back(Event::Expected);
        }
        if is_forgotten {
            self.servers.remove(&id);
            if self.former.len() >= MAX_FORMER_SERVERS {
                self.former.pop_first();
            }
            self.former.insert(id);
        }
    }

    /// Looks which of those that are there are up now.
    fn raise(&mut self) {
        let is_up = |id: &&ServerId| self.servers.get(*id).is_some_and(|entry| self.is_reached(entry));
        let risen: Vec<_> = self.rising.iter().filter(is_up).cloned().collect();
        for id in risen {
            self.rising.remove(&id);
            let Some(entry) = self.servers.get_mut(&id) else { continue };
            entry.standing.up();
            if !std::mem::replace(&mut entry.was_expected, entry.standing.is_expected()) {
                self.events.push_back(Event::Expected);
            }
            if let Some(own) = &mut entry.incarnation {
                own.was_up = true;
                self.risen.push_back((id, own.pid));
            }
        }
    }

    /// A server says what it is.
    ///
    /// An id belongs to the process that has it; a later one gets it when that is over or doesn't answer.
    ///
    /// # Errors
    /// Why it can't have the place, or who must be asked first.
    pub(super) fn register(&mut self, newcomer: Newcomer<'_>, now: Instant) -> Result<(), Denial> {
        self.check(&newcomer)?;
        let Newcomer { member, pid, process, link, missing_links, .. } = newcomer;
        let (id, incarnation) = (&member.info.id, member.incarnation);
        let Some(entry) = self.servers.get_mut(id) else { return Ok(()) };
        let before = entry.incarnation.as_ref().filter(|own| own.incarnation == incarnation);
        let (was_up, same_link) = before.map_or((false, false), |own| (own.was_up, own.link == Some(link)));
        let has_said_links = same_link && before.is_some_and(|own| own.has_said_links);
        match &entry.incarnation {
            Some(own) if incarnation == own.incarnation => {
                let older = own.link.filter(|old| *old != link);
                self.events.extend(older.map(|old| Event::Superseded(old, None)));
                if entry.leaving && own.link != Some(link) {
                    self.events.push_back(Event::Stop(link));
                }
                entry.leaving |= member.leaving;
            }
            Some(own) => {
                let older = own.link.filter(|old| *old != link);
                self.events.extend(older.map(|old| Event::Superseded(old, Some(incarnation))));
                entry.leaving = false;
                entry.end_incarnation(&mut self.events);
            }
            None => entry.leaving = false,
        }
        // It was given up, and is there all the same.
        entry.gone.take_if(|gone| *gone == incarnation);
        if member.info != entry.info {
            entry.info = member.info.clone();
            self.events.push_back(Event::Expected);
        }
        let (member, link, lost) = (member.clone(), Some(link), now);
        let own = OwnIncarnation { member, incarnation, pid, link, since: now, lost, has_said_links, was_up };
        entry.incarnation = Some(own);
        entry.process = process.or_else(|| entry.process.take());
        (entry.trouble, entry.refused) = (None, None);
        if !entry.leaving && !self.keep(id) {
            // All are to end.
            self.dismiss(id, false);
            self.events.extend(link.map(Event::Stop));
        }
        if let Some(missing) = missing_links {
            self.gaps.say(id, missing, now);
        }
        self.settle(id);
        if let Some(entry) = self.servers.get(id) {
            entry.tell_up(&mut self.events);
        }
        Ok(())
    }

    /// A server says which links it hasn't, now that it knows whom to expect.
    pub(super) fn say_links(&mut self, id: &ServerId, link: LinkId, missing: &[MissingLink], now: Instant) {
        let own = self.servers.get_mut(id).and_then(|entry| entry.incarnation.as_mut());
        if let Some(own) = own.filter(|own| own.link == Some(link)) {
            own.has_said_links = true;
            self.gaps.say(id, missing, now);
            self.settle(id);
        }
    }

    /// Whether a newcomer can have the place.
    fn check(&mut self, newcomer: &Newcomer<'_>) -> Result<(), Denial> {
        let Newcomer { member, link, silent, .. } = newcomer;
        let (id, incarnation) = (&member.info.id, member.incarnation);
        let refused = |refusal| Err(Denial::Refused(refusal));
        if !self.servers.contains_key(id) {
            if self.servers.len() >= MAX_SERVERS {
                return refused(Refusal::of(format!("there are {MAX_SERVERS} servers already")));
            }
            // Settled when it is registered, or it would be forgotten as one that is down.
            self.former.remove(id);
            self.servers.insert(id.clone(), Entry::new(member.info.clone(), Standing::come()));
        }
        let Some(entry) = self.servers.get(id) else { return Ok(()) };
        if entry.info.server_type != member.info.server_type {
            return refused(Refusal::of(format!("{id} is of type `{}`", entry.info.server_type)));
        }
        if let Some(own) = entry.incarnation.as_ref().filter(|own| incarnation < own.incarnation) {
            let why = format!("a later process of {id} is registered, {}", own.pid);
            return refused(Refusal::late(why, own.incarnation));
        }
        if let Some(gone) = entry.gone.filter(|gone| incarnation < *gone) {
            return refused(Refusal::late(format!("a later process of {id} was there, and is over"), gone));
        }
        match entry.incarnation.as_ref().filter(|own| incarnation > own.incarnation) {
            // The same process may tell of itself by the same connection.
            Some(own) if own.link != Some(*link) && *silent != Some(own.incarnation) => {
                Err(Denial::Taken(own.occupant()))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is the first time in a row that a process of that id is refused for that reason.
    pub(super) fn is_news(&mut self, id: &str, reason: &str) -> bool {
        let Some(entry) = self.servers.get_mut(id) else { return true };
        entry.refused.replace(reason.to_owned()).is_none_or(|before| before != reason)
    }

    /// The connection is gone. The incarnation that had it may go on.
    pub(super) fn unlink(&mut self, id: &str, link: LinkId, now: Instant) {
        let Some(entry) = self.servers.get_mut(id) else { return };
        if let Some(own) = entry.incarnation.as_mut().filter(|own| own.link == Some(link)) {
            own.link = None;
            own.lost = now;
            entry.tell_up(&mut self.events);
            self.settle(id);
        }
    }

    /// The server at that connection says goodbye.
    pub(super) fn goodbye(&mut self, id: &str, link: LinkId) {
        if let Some(entry) = self.servers.get_mut(id)
            && entry.incarnation.as_ref().is_some_and(|own| own.link == Some(link))
        {
            entry.leaving = true;
            entry.end_incarnation(&mut self.events);
            self.settle(id);
        }
    }

    /// Its process was started.
    pub(super) fn started(&mut self, id: &str, process: Process) {
        if let Some(entry) = self.servers.get_mut(id) {
            entry.leaving = false;
            entry.process = Some(process.clone());
            entry.child = Some(process);
        }
    }

    /// The process has ended.
    pub(super) fn exited(&mut self, id: &str, process: &Process, why: &str) {
        let Some(entry) = self.servers.get_mut(id) else { return };
        entry.child.take_if(|child| child == process);
        if entry.process.as_ref() != Some(process) {
            return;
        }
        entry.process = None;
        if entry.incarnation.as_ref().is_some_and(|own| own.pid == process.pid() || own.link.is_none()) {
            entry.end_incarnation(&mut self.events);
        }
        if entry.keep && entry.incarnation.is_none() {
            entry.fail(why);
        }
        self.settle(id);
    }

    /// An incarnation of which nothing is heard turns out to be over, on another host.
    pub(super) fn vanished(&mut self, id: &str, incarnation: Incarnation) {
        if let Some(entry) = self.servers.get_mut(id)
            && entry
                .incarnation
                .as_ref()
                .is_some_and(|own| own.incarnation == incarnation && own.link.is_none())
        {
            entry.end_incarnation(&mut self.events);
            if entry.keep {
                entry.fail("nothing is heard of it, and its port refuses");
            }
            self.settle(id);
        }
    }

    /// Nobody waits for the end of that process any more.
    pub(super) fn unwatch(&mut self, id: &str, process: &Process) {
        if let Some(entry) = self.servers.get_mut(id) {
            entry.child.take_if(|child| child == process);
        }
    }

    /// It could not be started.
    pub(super) fn failed(&mut self, id: &str, why: &str) {
        if let Some(entry) = self.servers.get_mut(id) {
            entry.fail(why);
            self.settle(id);
        }
    }
}

#[cfg(test)]
mod tests;
