//! Which servers there should be, and what is known of each: no sockets, no clock, no processes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pomelo_core::cluster::Member;
use pomelo_core::server::{ServerId, ServerInfo};
use pomelo_core::session::Incarnation;

use super::process::Process;
use super::status::{ServerState, ServerStatus};

/// More servers than this are a mistake: each is told of all others.
const MOST_SERVERS: usize = 20_000;

/// A connection of a server to this master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LinkId(pub(super) u64);

/// What others must be told of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The list of expected servers is another one.
    Expected,
    /// A server without a port is up, or something of it changed; see [`Registry::portless`].
    Up(ServerId),
    /// That life of a server is over.
    Gone(ServerId, Incarnation),
    /// Another connection has taken that one's place.
    Superseded(LinkId),
    /// The server at that connection was to stop when nobody could tell it.
    Stop(LinkId),
}

/// The servers, by id.
#[derive(Debug, Default)]
pub(super) struct Registry {
    servers: BTreeMap<ServerId, Entry>,
    events: VecDeque<Event>,
}

/// A server, up or not.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) info: Arc<ServerInfo>,
    /// Whether others are told to expect it; an operator's stop ends that.
    listed: bool,
    /// Whether it should be running.
    keep: bool,
    life: Option<Life>,
    /// Its process on this host.
    process: Option<Process>,
    /// The process that this master started for it, and whose end it waits for; mostly the same.
    child: Option<Process>,
    /// It said goodbye, or was asked to stop.
    leaving: bool,
    /// The last life that is over.
    gone: Option<Incarnation>,
    /// How often it ended, or could not be started, without having been asked to.
    failures: u64,
    trouble: Option<String>,
}

/// A life of a server that has registered and is not over.
#[derive(Debug)]
struct Life {
    member: Member,
    incarnation: Incarnation,
    pid: u32,
    /// None: nothing is heard of it.
    link: Option<LinkId>,
    since: Instant,
    /// When its link was lost, if it has none.
    lost: Instant,
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

impl Entry {
    fn new(info: Arc<ServerInfo>) -> Self {
        Self {
            info,
            listed: true,
            keep: true,
            life: None,
            process: None,
            child: None,
            leaving: false,
            gone: None,
            failures: 0,
            trouble: None,
        }
    }

    fn end_life(&mut self, events: &mut VecDeque<Event>) {
        if let Some(life) = self.life.take() {
            self.gone = Some(life.incarnation);
            events.push_back(Event::Gone(self.info.id.clone(), life.incarnation));
        }
    }

    fn tell_up(&self, events: &mut VecDeque<Event>) {
        if self.portless().is_some() {
            events.push_back(Event::Up(self.info.id.clone()));
        }
    }

    /// What others without a port need to know of this one, if it has none and is up. One of which nothing is heard
    /// passes for one that leaves: it may well be there, and nothing new should be sent to it.
    pub(super) fn portless(&self) -> Option<Member> {
        let life = self.life.as_ref().filter(|life| life.member.info.port.is_none())?;
        Some(Member { leaving: life.member.leaving || life.link.is_none(), ..life.member.clone() })
    }

    fn fail(&mut self, why: &str) {
        self.failures += 1;
        self.trouble = Some(why.to_owned());
    }

    pub(super) fn state(&self) -> ServerState {
        match (&self.life, &self.process) {
            (None, None) => ServerState::Down,
            (None, Some(_)) if self.leaving => ServerState::Stopping,
            (None, Some(_)) => ServerState::Starting,
            (Some(life), _) if life.link.is_none() => ServerState::Lost,
            (Some(_), _) if self.leaving => ServerState::Stopping,
            (Some(_), _) => ServerState::Up,
        }
    }

    /// Whether it should run.
    pub(super) fn is_kept(&self) -> bool {
        self.keep
    }

    pub(super) fn link(&self) -> Option<LinkId> {
        self.life.as_ref()?.link
    }

    pub(super) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Its process, if nobody is told when that ends.
    pub(super) fn unwatched_process(&self) -> Option<&Process> {
        self.process.as_ref().filter(|process| self.child.as_ref() != Some(process))
    }

    /// The pid that it registered with; it may be of another host.
    pub(super) fn registered_pid(&self) -> Option<u32> {
        self.life.as_ref().map(|life| life.pid)
    }

    /// The life of which nothing is heard.
    pub(super) fn lost(&self) -> Option<Incarnation> {
        self.life.as_ref().filter(|life| life.link.is_none()).map(|life| life.incarnation)
    }

    /// How long nothing has been heard of it, if it is lost.
    pub(super) fn lost_for(&self, now: Instant) -> Option<Duration> {
        let lost = self.life.as_ref().filter(|life| life.link.is_none());
        lost.map(|life| now.saturating_duration_since(life.lost))
    }

    /// How often it has failed, and how it did so last.
    pub(super) fn failures(&self) -> (u64, Option<&str>) {
        (self.failures, self.trouble.as_deref())
    }

    pub(super) fn status(&self, now: Instant) -> ServerStatus {
        let since = self.life.as_ref().map(|life| now.saturating_duration_since(life.since).as_millis());
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: &str) -> Arc<ServerInfo> {
        Arc::new(
            serde_json::from_value(serde_json::json!({ "id": id, "serverType": "chat", "port": 1 })).unwrap(),
        )
    }

    fn member(id: &str) -> Member {
        let member = serde_json::json!({
            "info": info(id), "incarnation": Incarnation::begin(id), "methods": {}, "encodings": []
        });
        serde_json::from_value(member).unwrap()
    }

    struct Cluster(Registry);

    impl Cluster {
        fn new(ids: &[&str]) -> Self {
            Self(Registry::new(ids.iter().map(|id| info(id))))
        }

        fn register(&mut self, member: &Member, pid: u32, link: u64) -> Result<(), String> {
            self.0.register(member, pid, Some(Process::new(pid)), LinkId(link), Instant::now())
        }

        fn events(&mut self) -> Vec<Event> {
            std::iter::from_fn(|| self.0.poll_event()).collect()
        }

        fn state(&self, id: &str) -> ServerState {
            self.0.get(id).unwrap().state()
        }

        fn expected(&self) -> Vec<ServerId> {
            self.0.expected().iter().map(|info| info.id.clone()).collect()
        }
    }

    #[test]
    fn a_server_goes_through_its_states() {
        let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
        assert_eq!(cluster.state("chat-1"), ServerState::Down);
        cluster.0.started("chat-1", Process::new(7));
        assert_eq!(cluster.state("chat-1"), ServerState::Starting);
        cluster.register(&chat, 7, 1).unwrap();
        assert_eq!(cluster.state("chat-1"), ServerState::Up);
        cluster.0.unlink("chat-1", LinkId(1), Instant::now());
        assert_eq!(cluster.state("chat-1"), ServerState::Lost);
        cluster.register(&chat, 7, 2).unwrap();
        assert_eq!((cluster.state("chat-1"), cluster.events()), (ServerState::Up, vec![]));
        cluster.0.goodbye("chat-1", LinkId(2));
        assert_eq!(cluster.state("chat-1"), ServerState::Stopping);
        assert_eq!(cluster.events(), [Event::Gone("chat-1".into(), chat.incarnation)]);
        cluster.0.exited("chat-1", &Process::new(7), "");
        assert_eq!((cluster.state("chat-1"), cluster.events()), (ServerState::Down, vec![]));
    }

    #[test]
    fn what_an_old_life_does_late_never_removes_a_new_one() {
        let (mut cluster, old) = (Cluster::new(&["chat-1"]), member("chat-1"));
        cluster.register(&old, 7, 1).unwrap();
        let new = member("chat-1");
        cluster.register(&new, 8, 2).unwrap();
        assert_eq!(
            cluster.events(),
            [Event::Superseded(LinkId(1)), Event::Gone("chat-1".into(), old.incarnation)]
        );
        cluster.0.goodbye("chat-1", LinkId(1));
        cluster.0.unlink("chat-1", LinkId(1), Instant::now());
        cluster.0.exited("chat-1", &Process::new(7), "");
        cluster.0.vanished("chat-1", old.incarnation);
        assert_eq!((cluster.state("chat-1"), cluster.events()), (ServerState::Up, vec![]));
        let refused = cluster.register(&old, 7, 3).unwrap_err();
        assert_eq!(refused, "that life of chat-1 was declared over");
        assert_eq!(cluster.0.get("chat-1").unwrap().link(), Some(LinkId(2)));
    }

    #[test]
    fn a_process_that_ends_ends_the_life_in_it() {
        let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
        cluster.register(&chat, 7, 1).unwrap();
        cluster.0.exited("chat-1", &Process::new(7), "exited with 1");
        assert_eq!(cluster.events(), [Event::Gone("chat-1".into(), chat.incarnation)]);
        assert_eq!(cluster.0.get("chat-1").unwrap().failures(), (1, Some("exited with 1")));
        assert_eq!(cluster.expected(), ["chat-1"], "it is expected all the same");
    }

    #[test]
    fn a_server_that_an_operator_stopped_is_no_longer_expected() {
        let mut cluster = Cluster::new(&["chat-1", "chat-2"]);
        let chat = member("chat-1");
        cluster.register(&chat, 7, 1).unwrap();
        cluster.0.dismiss("chat-1", true);
        assert_eq!(cluster.events(), [Event::Expected]);
        assert_eq!(cluster.expected(), ["chat-2"]);
        assert_eq!(cluster.state("chat-1"), ServerState::Stopping);
        cluster.0.unlink("chat-1", LinkId(1), Instant::now());
        cluster.register(&chat, 7, 2).unwrap();
        assert_eq!(cluster.events(), [Event::Stop(LinkId(2))], "it was away when it was told");
        cluster.0.exited("chat-1", &Process::new(7), "");
        assert_eq!(cluster.0.get("chat-1").unwrap().failures(), (0, None), "its end was wanted");
        cluster.register(&member("chat-1"), 8, 3).unwrap();
        assert_eq!(cluster.expected(), ["chat-1", "chat-2"], "somebody started it again");
    }

    #[test]
    fn a_server_that_is_restarted_is_expected_all_the_time() {
        let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
        cluster.register(&chat, 7, 1).unwrap();
        cluster.0.dismiss("chat-1", false);
        cluster.0.goodbye("chat-1", LinkId(1));
        cluster.0.exited("chat-1", &Process::new(7), "");
        cluster.0.keep("chat-1");
        assert_eq!(cluster.events(), [Event::Gone("chat-1".into(), chat.incarnation)]);
    }

    #[test]
    fn a_server_that_nobody_expected_is_taken_in_and_an_id_has_one_type() {
        let mut cluster = Cluster::new(&[]);
        cluster.register(&member("chat-9"), 7, 1).unwrap();
        assert_eq!((cluster.expected(), cluster.events()), (vec!["chat-9".into()], vec![Event::Expected]));
        let mut gate = member("chat-9");
        gate.info = Arc::new(ServerInfo { server_type: "gate".into(), ..(*gate.info).clone() });
        assert_eq!(cluster.register(&gate, 8, 2).unwrap_err(), "chat-9 is of type `chat`");
    }

    #[test]
    fn a_server_without_a_port_is_told_of_and_passes_for_leaving_while_nothing_is_heard_of_it() {
        let (mut cluster, mut gate) = (Cluster::new(&[]), member("gate-1"));
        gate.info = Arc::new(ServerInfo { port: None, ..(*gate.info).clone() });
        let leaving = |cluster: &Cluster| -> Vec<_> {
            cluster.0.portless().iter().map(|member| member.leaving).collect()
        };
        cluster.register(&member("chat-1"), 7, 1).unwrap();
        cluster.register(&gate, 8, 2).unwrap();
        assert_eq!(leaving(&cluster), [false]);
        assert_eq!(cluster.events(), [Event::Expected, Event::Expected, Event::Up("gate-1".into())]);
        cluster.0.unlink("gate-1", LinkId(2), Instant::now());
        assert_eq!((leaving(&cluster), cluster.events()), (vec![true], vec![Event::Up("gate-1".into())]));
        cluster.register(&gate, 8, 3).unwrap();
        assert_eq!((leaving(&cluster), cluster.events()), (vec![false], vec![Event::Up("gate-1".into())]));
        cluster.0.goodbye("gate-1", LinkId(3));
        assert_eq!((leaving(&cluster), cluster.events().len()), (vec![], 1));
    }

    #[test]
    fn another_life_over_the_same_connection_ends_the_one_before() {
        let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
        cluster.register(&chat, 7, 1).unwrap();
        cluster.register(&member("chat-1"), 7, 1).unwrap();
        assert_eq!(cluster.events(), [Event::Gone("chat-1".into(), chat.incarnation)]);
        assert_eq!(cluster.state("chat-1"), ServerState::Up);
    }
}
