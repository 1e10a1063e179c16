//! Which servers there should be, and what is known of each: no sockets, no clock, no processes.

mod entry;
mod event;
mod newcomer;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use pomelo_core::cluster::Member;
use pomelo_core::server::{ServerId, ServerInfo};
use pomelo_core::session::Incarnation;

pub(super) use entry::Entry;
pub(super) use event::{Event, LinkId};
pub(super) use newcomer::{Denial, Newcomer};

use super::process::Process;
use super::status::ServerState;
use super::wire::server::Refusal;
use entry::Life;

/// More servers than this are a mistake: each is told of all others.
const MOST_SERVERS: usize = 20_000;

/// The servers, by id.
#[derive(Debug, Default)]
pub(super) struct Registry {
    servers: BTreeMap<ServerId, Entry>,
    events: VecDeque<Event>,
}

impl Registry {
    /// Expects these servers.
    pub(super) fn new(servers: impl IntoIterator<Item = Arc<ServerInfo>>) -> Self {
        let mut registry = Self::default();
        for info in servers {
            registry.servers.insert(info.id.clone(), Entry::new(info));
        }
        registry
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

    /// The servers that are to be expected, sorted by id.
    pub(super) fn expected(&self) -> Vec<Arc<ServerInfo>> {
        self.entries().filter(|entry| entry.listed).map(|entry| entry.info.clone()).collect()
    }

    /// The last life of each server that is over.
    pub(super) fn gone(&self) -> Vec<(ServerId, Incarnation)> {
        self.entries().filter_map(|entry| Some((entry.info.id.clone(), entry.gone?))).collect()
    }

    /// The servers without a port that are up, as those need to know them who have none either and so no link to them.
    pub(super) fn portless(&self) -> Vec<Member> {
        self.entries().filter_map(Entry::portless).collect()
    }

    /// Expects one server more; false if there is one of that id, or no room.
    pub(super) fn add(&mut self, info: Arc<ServerInfo>) -> bool {
        if self.servers.len() >= MOST_SERVERS || self.servers.contains_key(&info.id) {
            return false;
        }
        self.servers.insert(info.id.clone(), Entry::new(info));
        self.events.push_back(Event::Expected);
        true
    }

    /// The server should run, and be expected.
    pub(super) fn keep(&mut self, id: &str) {
        if let Some(entry) = self.servers.get_mut(id) {
            entry.keep = true;
            if !std::mem::replace(&mut entry.listed, true) {
                self.events.push_back(Event::Expected);
            }
        }
    }

    /// The server should end, for good or to be started again.
    pub(super) fn dismiss(&mut self, id: &str, for_good: bool) {
        if let Some(entry) = self.servers.get_mut(id) {
            entry.keep = false;
            entry.leaving = entry.state() != ServerState::Down;
            if for_good && std::mem::replace(&mut entry.listed, false) {
                self.events.push_back(Event::Expected);
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
        let Newcomer { member, pid, process, link, .. } = newcomer;
        let (id, incarnation) = (&member.info.id, member.incarnation);
        let Some(entry) = self.servers.get_mut(id) else { return Ok(()) };
        match &entry.life {
            Some(life) if incarnation == life.incarnation => {
                let older = life.link.filter(|old| *old != link);
                self.events.extend(older.map(|old| Event::Superseded(old, None)));
                if entry.leaving && life.link != Some(link) {
                    self.events.push_back(Event::Stop(link));
                }
                entry.leaving |= member.leaving;
            }
            Some(life) => {
                let older = life.link.filter(|old| *old != link);
                self.events.extend(older.map(|old| Event::Superseded(old, Some(incarnation))));
                entry.leaving = false;
                entry.end_life(&mut self.events);
            }
            None => entry.leaving = false,
        }
        // It was given up, and is there all the same.
        entry.gone.take_if(|gone| *gone == incarnation);
        if member.info != entry.info {
            entry.info = member.info.clone();
            self.events.push_back(Event::Expected);
        }
        let member = member.clone();
        entry.life = Some(Life { member, incarnation, pid, link: Some(link), since: now, lost: now });
        entry.tell_up(&mut self.events);
        entry.process = process.or_else(|| entry.process.take());
        (entry.trouble, entry.refused) = (None, None);
        if !entry.leaving {
            self.keep(id);
        }
        Ok(())
    }

    /// Whether a newcomer can have the place.
    fn check(&mut self, newcomer: &Newcomer<'_>) -> Result<(), Denial> {
        let Newcomer { member, link, silent, .. } = newcomer;
        let (id, incarnation) = (&member.info.id, member.incarnation);
        let refused = |refusal| Err(Denial::Refused(refusal));
        if !self.servers.contains_key(id) && !self.add(member.info.clone()) {
            return refused(Refusal::of(format!("there are {MOST_SERVERS} servers already")));
        }
        let Some(entry) = self.servers.get(id) else { return Ok(()) };
        if entry.info.server_type != member.info.server_type {
            return refused(Refusal::of(format!("{id} is of type `{}`", entry.info.server_type)));
        }
        if let Some(life) = entry.life.as_ref().filter(|life| incarnation < life.incarnation) {
            let why = format!("a later process of {id} is registered, {}", life.pid);
            return refused(Refusal::late(why, life.incarnation));
        }
        if let Some(gone) = entry.gone.filter(|gone| incarnation < *gone) {
            return refused(Refusal::late(format!("a later process of {id} was there, and is over"), gone));
        }
        match entry.life.as_ref().filter(|life| incarnation > life.incarnation) {
            // The same process may tell of itself by the same connection.
            Some(life) if life.link != Some(*link) && *silent != Some(life.incarnation) => {
                Err(Denial::Taken(life.occupant()))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is the first time in a row that a process of that id is refused for that reason.
    pub(super) fn is_news(&mut self, id: &str, reason: &str) -> bool {
        let Some(entry) = self.servers.get_mut(id) else { return true };
        entry.refused.replace(reason.to_owned()).is_none_or(|before| before != reason)
    }

    /// The connection is gone. The life that had it may go on.
    pub(super) fn unlink(&mut self, id: &str, link: LinkId, now: Instant) {
        let Some(entry) = self.servers.get_mut(id) else { return };
        if let Some(life) = entry.life.as_mut().filter(|life| life.link == Some(link)) {
            life.link = None;
            life.lost = now;
            entry.tell_up(&mut self.events);
        }
    }

    /// The server at that connection says goodbye.
    pub(super) fn goodbye(&mut self, id: &str, link: LinkId) {
        if let Some(entry) = self.servers.get_mut(id)
            && entry.life.as_ref().is_some_and(|life| life.link == Some(link))
        {
            entry.leaving = true;
            entry.end_life(&mut self.events);
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
        if entry.life.as_ref().is_some_and(|life| life.pid == process.pid() || life.link.is_none()) {
            entry.end_life(&mut self.events);
        }
        if entry.keep && entry.life.is_none() {
            entry.fail(why);
        }
    }

    /// A life of which nothing is heard turns out to be over, on another host.
    pub(super) fn vanished(&mut self, id: &str, incarnation: Incarnation) {
        if let Some(entry) = self.servers.get_mut(id)
            && entry.life.as_ref().is_some_and(|life| life.incarnation == incarnation && life.link.is_none())
        {
            entry.end_life(&mut self.events);
            if entry.keep {
                entry.fail("nothing is heard of it, and its port refuses");
            }
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
        }
    }
}

#[cfg(test)]
mod tests;
