//! Which servers there should be, and what is known of each: no sockets, no clock, no processes.

mod entry;
mod event;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use pomelo_core::cluster::Member;
use pomelo_core::server::{ServerId, ServerInfo};
use pomelo_core::session::Incarnation;

pub(super) use entry::Entry;
pub(super) use event::{Event, LinkId};

use super::process::Process;
use super::status::ServerState;
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

    /// A server says what it is. `process` is its process, if that is on this host.
    ///
    /// The latest life wins: whoever held the place of an earlier one loses it.
    ///
    /// # Errors
    /// Why it can't have the place.
    pub(super) fn register(
        &mut self,
        member: &Member,
        pid: u32,
        process: Option<Process>,
        link: LinkId,
        now: Instant,
    ) -> Result<(), String> {
        let (id, incarnation) = (&member.info.id, member.incarnation);
        if !self.servers.contains_key(id) && !self.add(member.info.clone()) {
            return Err(format!("there are {MOST_SERVERS} servers already"));
        }
        let Some(entry) = self.servers.get_mut(id) else { return Ok(()) };
        if entry.info.server_type != member.info.server_type {
            return Err(format!("{id} is of type `{}`", entry.info.server_type));
        }
        if entry.gone.is_some_and(|gone| incarnation <= gone) {
            return Err(format!("that life of {id} was declared over"));
        }
        match &entry.life {
            Some(life) if incarnation < life.incarnation => {
                return Err(format!("a later life of {id} is registered, of the process {}", life.pid));
            }
            Some(life) if incarnation == life.incarnation => {
                self.events.extend(life.link.filter(|old| *old != link).map(Event::Superseded));
                if entry.leaving && life.link != Some(link) {
                    self.events.push_back(Event::Stop(link));
                }
                entry.leaving |= member.leaving;
            }
            Some(life) => {
                self.events.extend(life.link.filter(|old| *old != link).map(Event::Superseded));
                entry.leaving = false;
                entry.end_life(&mut self.events);
            }
            None => entry.leaving = false,
        }
        if member.info != entry.info {
            entry.info = member.info.clone();
            self.events.push_back(Event::Expected);
        }
        let member = member.clone();
        entry.life = Some(Life { member, incarnation, pid, link: Some(link), since: now, lost: now });
        entry.tell_up(&mut self.events);
        entry.process = process.or_else(|| entry.process.take());
        entry.trouble = None;
        if !entry.leaving {
            self.keep(id);
        }
        Ok(())
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

    /// It could not be started.
    pub(super) fn failed(&mut self, id: &str, why: &str) {
        if let Some(entry) = self.servers.get_mut(id) {
            entry.fail(why);
        }
    }
}

#[cfg(test)]
mod tests;
