//! An entry of the registry: what is known of one server.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pomelo_core::cluster::Member;
use pomelo_core::value::{Incarnation, ServerInfo};

use super::standing::Standing;
use super::{Event, LinkId};
use crate::process::Process;
use crate::status::{ServerState, ServerStatus};
use crate::wire::server::Occupant;

/// A server, up or not.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) info: Arc<ServerInfo>,
    pub(super) standing: Standing,
    /// Whether the list that others were told last has it.
    pub(super) was_expected: bool,
    /// Whether it should be running.
    pub(super) keep: bool,
    pub(super) incarnation: Option<OwnIncarnation>,
    /// Its process on this host.
    pub(super) process: Option<Process>,
    /// The process that this master started for it, and whose end it waits for; mostly the same.
    pub(super) child: Option<Process>,
    /// It said goodbye, or was asked to stop.
    pub(super) leaving: bool,
    /// The last incarnation that is over.
    pub(super) gone: Option<Incarnation>,
    /// How often it ended, or could not be started, without having been asked to.
    failures: u64,
    pub(super) trouble: Option<String>,
    /// Why the last process of this id was refused that came since one was taken.
    pub(super) refused: Option<String>,
}

/// An incarnation of a server that has registered and is not over.
#[derive(Debug)]
pub(super) struct OwnIncarnation {
    pub(super) member: Member,
    pub(super) incarnation: Incarnation,
    pub(super) pid: u32,
    /// None: nothing is heard of it.
    pub(super) link: Option<LinkId>,
    pub(super) since: Instant,
    /// When its link was lost, if it has none.
    pub(super) lost: Instant,
    /// It has said which links are missing since it was told whom to expect.
    pub(super) has_said_links: bool,
    /// Those who must have a link to it had one at some time.
    pub(super) was_up: bool,
}

impl OwnIncarnation {
    pub(super) fn occupant(&self) -> Occupant {
        Occupant { host: self.member.info.host.clone(), pid: self.pid, incarnation: self.incarnation }
    }
}

impl Entry {
    pub(super) fn new(info: Arc<ServerInfo>, standing: Standing) -> Self {
        Self {
            info,
            standing,
            was_expected: false,
            keep: true,
            incarnation: None,
            process: None,
            child: None,
            leaving: false,
            gone: None,
            failures: 0,
            trouble: None,
            refused: None,
        }
    }

    pub(super) fn end_incarnation(&mut self, events: &mut VecDeque<Event>) {
        if let Some(own) = self.incarnation.take() {
            self.gone = Some(own.incarnation);
            events.push_back(Event::Gone(self.info.id.clone(), own.incarnation));
        }
    }

    pub(super) fn tell_up(&self, events: &mut VecDeque<Event>) {
        if self.portless().is_some() {
            events.push_back(Event::Up(self.info.id.clone()));
        }
    }

    /// What others without a port need to know of this one, if it has none and is up. One of which nothing is heard
    /// passes for one that leaves: it may well be there, and nothing new should be sent to it.
    pub(crate) fn portless(&self) -> Option<Member> {
        let own = self.incarnation.as_ref().filter(|own| own.member.info.port.is_none())?;
        Some(Member { leaving: own.member.leaving || own.link.is_none(), ..own.member.clone() })
    }

    pub(super) fn fail(&mut self, why: &str) {
        self.failures += 1;
        self.trouble = Some(why.to_owned());
        self.standing.failed();
    }

    /// What it is doing, whatever its links are.
    pub(crate) fn state(&self) -> ServerState {
        match (&self.incarnation, &self.process) {
            (None, None) => ServerState::Down,
            (None, Some(_)) if self.leaving => ServerState::Stopping,
            (None, Some(_)) => ServerState::Starting,
            (Some(own), _) if own.link.is_none() => ServerState::Lost,
            (Some(_), _) if self.leaving => ServerState::Stopping,
            (Some(_), _) => ServerState::Up,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.state() == ServerState::Up
    }

    pub(super) fn is_down(&self) -> bool {
        self.state() == ServerState::Down
    }

    /// Whether an operator wants it to end for good.
    pub(crate) fn is_stopped(&self) -> bool {
        self.standing.is_stopped()
    }

    /// Whether there is to be a link between two servers: one of them needs a port.
    pub(super) fn can_be_linked_with(&self, other: &Self) -> bool {
        self.info.id != other.info.id && (self.info.port.is_some() || other.info.port.is_some())
    }

    /// Whether it should run.
    pub(crate) fn is_kept(&self) -> bool {
        self.keep
    }

    pub(crate) fn link(&self) -> Option<LinkId> {
        self.incarnation.as_ref()?.link
    }

    /// The connection of that process; an error if it doesn't have the place any more.
    pub(crate) fn link_of(&self, incarnation: Incarnation) -> Result<Option<LinkId>, ()> {
        let own = self.incarnation.as_ref().filter(|own| own.incarnation == incarnation);
        own.map(|own| own.link).ok_or(())
    }

    pub(crate) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Its process, if nobody is told when that ends.
    pub(crate) fn unwatched_process(&self) -> Option<&Process> {
        self.process.as_ref().filter(|process| self.child.as_ref() != Some(process))
    }

    /// The pid that it registered with; it may be of another host.
    pub(crate) fn registered_pid(&self) -> Option<u32> {
        self.incarnation.as_ref().map(|own| own.pid)
    }

    /// The incarnation of which nothing is heard.
    pub(crate) fn lost(&self) -> Option<Incarnation> {
        self.incarnation.as_ref().filter(|own| own.link.is_none()).map(|own| own.incarnation)
    }

    /// How long nothing has been heard of it, if it is lost.
    pub(crate) fn lost_for(&self, now: Instant) -> Option<Duration> {
        let lost = self.incarnation.as_ref().filter(|own| own.link.is_none());
        lost.map(|own| now.saturating_duration_since(own.lost))
    }

    /// How often it has failed, and how it did so last.
    pub(crate) fn failures(&self) -> (u64, Option<&str>) {
        (self.failures, self.trouble.as_deref())
    }

    pub(super) fn status(&self, now: Instant) -> ServerStatus {
        let since = self.incarnation.as_ref().map(|own| now.saturating_duration_since(own.since).as_millis());
        ServerStatus {
            id: self.info.id.clone(),
            server_type: self.info.server_type.to_string(),
            host: self.info.host.clone(),
            port: self.info.port,
            client_port: self.info.client_port,
            pid: self.registered_pid().or(self.process.as_ref().map(Process::pid)),
            uptime_ms: since.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
            rss_bytes: None,
            connections: None,
            state: self.state(),
            missing_links: vec![],
            trouble: self.trouble.clone().filter(|_| self.is_down()),
        }
    }
}
