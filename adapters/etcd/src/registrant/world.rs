//! A world for tests: registrants and an etcd that is slow, cut off, killed, suspended and compacted, by a seed and a clock of its own.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pomelo_core::cluster::{Member, Refused};
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};

use super::{Change, Event, Found, Registrant, Reply, Request, Settings, Snapshot};
use crate::entry::Entry;

/// How far the clock goes at a step.
pub(super) const STEP: Duration = Duration::from_millis(50);

/// A request without a reply for so long has failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) const TTL: Duration = Duration::from_secs(5);

pub(super) const SETTINGS: Settings = Settings { ttl: TTL, answer: Duration::from_secs(2) };

/// Numbers by chance, by a seed: SplitMix64.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn below_time(&mut self, limit: Duration) -> Duration {
        Duration::from_millis(self.below(limit.as_millis() as u64))
    }
}

pub(crate) fn member(id: &str) -> Member {
    let info: ServerInfo =
        serde_json::from_value(serde_json::json!({ "id": id, "serverType": "chat" })).unwrap();
    Member {
        info: Arc::new(info),
        incarnation: Incarnation::begin(id),
        methods: Arc::default(),
        encodings: vec![],
        leaving: false,
        newcomer: true,
    }
}

/// An etcd of one server.
#[derive(Default)]
pub(super) struct Store {
    pub(super) revision: i64,
    pub(super) keys: BTreeMap<ServerId, Found>,
    questions: BTreeMap<i64, ServerId>,
    /// When each lease expires.
    leases: BTreeMap<i64, Instant>,
    history: Vec<(i64, Change)>,
    /// Revisions up to that one can't be watched from.
    compacted: i64,
    next_lease: i64,
    pub(super) is_down: bool,
    pub(super) is_suspended: bool,
}

impl Store {
    fn answers(&self) -> bool {
        !self.is_down && !self.is_suspended
    }

    fn note(&mut self, change: impl FnOnce(i64) -> Change) {
        self.revision += 1;
        let change = change(self.revision);
        self.history.push((self.revision, change));
    }

    fn expire(&mut self, now: Instant) {
        let over: Vec<_> =
            self.leases.iter().filter(|(_, at)| now >= **at).map(|(lease, _)| *lease).collect();
        over.into_iter().for_each(|lease| self.end(lease));
    }

    /// Ends a lease, with its keys.
    pub(super) fn end(&mut self, lease: i64) {
        self.leases.remove(&lease);
        self.questions.remove(&lease);
        let gone: Vec<_> =
            self.keys.values().filter(|found| found.lease == lease).map(|found| found.id.clone()).collect();
        for id in gone {
            self.keys.remove(&id);
            self.note(|revision| Change::Deleted { id, revision });
        }
    }

    pub(super) fn compact(&mut self) {
        self.compacted = self.revision;
    }

    /// A killed one is back: all leases live as long again as when they were new.
    pub(super) fn restart(&mut self, now: Instant) {
        self.is_down = false;
        self.leases.values_mut().for_each(|at| *at = now + TTL);
    }

    /// It has lost all that it had, as one that is started again without its data, and counts revisions anew.
    pub(super) fn wipe(&mut self) {
        let next_lease = self.next_lease;
        *self = Self { next_lease, revision: 1, ..Self::default() };
    }

    /// Does what was asked; none if a watch was asked for that there can't be.
    fn perform(&mut self, request: Request, now: Instant) -> Option<Reply> {
        Some(match request {
            Request::Grant(ttl) => {
                self.next_lease += 1;
                self.leases.insert(self.next_lease, now + ttl);
                Reply::Granted { lease: self.next_lease }
            }
            Request::KeepAlive(lease) => match self.leases.get_mut(&lease) {
                Some(at) => {
                    *at = now + TTL;
                    Reply::Kept
                }
                None => Reply::LeaseLost,
            },
            Request::Range => Reply::Snapshot(Snapshot {
                revision: self.revision,
                found: self.keys.values().cloned().collect(),
                asked: self.questions.values().cloned().collect(),
            }),
            Request::Watch { from } => return (from > self.compacted).then_some(Reply::Watching),
            Request::Write { entry, lease, over } => self.write(*entry, lease, over),
            Request::Ask { id, lease } => match self.leases.contains_key(&lease) {
                true => {
                    self.questions.insert(lease, id.clone());
                    self.note(|_| Change::Asked { id });
                    Reply::Done
                }
                false => Reply::LeaseLost,
            },
            Request::Withdraw { lease } => {
                self.questions.remove(&lease);
                Reply::Done
            }
            Request::Revoke(lease) => {
                self.end(lease);
                Reply::Done
            }
        })
    }

    fn write(&mut self, entry: Entry, lease: i64, over: i64) -> Reply {
        if !self.leases.contains_key(&lease) {
            return Reply::LeaseLost;
        }
        let id = entry.member.info.id.clone();
        let found = self.keys.get(&id).cloned();
        if found.as_ref().map_or(0, |found| found.revision) != over {
            return Reply::Taken { revision: self.revision, found };
        }
        let found = Found { id: id.clone(), revision: self.revision + 1, lease, entry: Some(entry) };
        self.keys.insert(id, found.clone());
        self.note(|_| Change::Put(found));
        Reply::Written { revision: self.revision }
    }
}

/// A connection of a process.
#[derive(Default)]
struct Connection {
    /// What is asked, and when that reaches etcd.
    asked: Option<(Instant, Request)>,
    /// Since when it is asked.
    since: Option<Instant>,
    /// What came of it, and when that reaches the process.
    reply: Option<(Instant, Reply)>,
    /// The first revision that the watch has not told.
    watched: Option<i64>,
    /// What the watch tells, and when that reaches the process.
    told: VecDeque<(Instant, Change)>,
}

/// A process.
pub(super) struct Process {
    pub(super) registrant: Registrant,
    pub(super) member: Member,
    connection: Option<Connection>,
    pub(super) connect_at: Instant,
    pub(super) is_suspended: bool,
    /// It is killed: nothing more is heard of it.
    pub(super) is_dead: bool,
    /// It takes clients and calls.
    pub(super) has_started: bool,
    /// It has ended by itself, and why.
    pub(super) ended: Option<Refused>,
    pub(super) expected: Vec<ServerId>,
    pub(super) up: BTreeMap<ServerId, Incarnation>,
    /// Who was said to be over.
    pub(super) gone: Vec<(ServerId, Incarnation)>,
    /// Whom it doesn't expect any more.
    pub(super) dropped: Vec<ServerId>,
    pub(super) refused: Vec<Refused>,
}

impl Process {
    pub(super) fn is_running(&self) -> bool {
        !self.is_dead && self.ended.is_none()
    }

    fn handle(&mut self, now: Instant) {
        while let Some(event) = self.registrant.event() {
            match event {
                Event::Expect(servers) => {
                    let expected: Vec<_> = servers.iter().map(|info| info.id.clone()).collect();
                    let is_dropped = |id: &&ServerId| !expected.contains(id);
                    self.dropped.extend(self.expected.iter().filter(is_dropped).cloned());
                    self.expected = expected;
                }
                Event::Up(member) => drop(self.up.insert(member.info.id.clone(), member.incarnation)),
                Event::Gone(id, incarnation) => {
                    assert_eq!(self.up.remove(&id), Some(incarnation), "{id} was not up as that");
                    self.gone.push((id, incarnation));
                }
                Event::Registered => self.has_started = true,
                Event::Refused(why) => self.judge(why, now),
                Event::Watching => {}
            }
        }
    }

    /// Does what a server does that is refused.
    fn judge(&mut self, why: Refused, now: Instant) {
        self.refused.push(why.clone());
        match why {
            Refused::Superseded(later) if !self.has_started => {
                self.member.incarnation = Incarnation::begin_after(&self.member.info.id, later);
                self.registrant.again(self.member.clone(), now);
            }
            Refused::Occupied { .. } if self.has_started || self.refused.len() < 3 => {
                self.registrant.again(self.member.clone(), now + Duration::from_secs(1));
            }
            why => {
                self.ended = Some(why);
                self.registrant.give_up();
            }
        }
    }
}

/// Processes and their etcd.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) chance: Chance,
    /// How long anything may take on its way, at most.
    pub(super) delay: Duration,
    pub(super) store: Store,
    pub(super) processes: Vec<Process>,
    /// Since when there is no link to a server.
    pub(super) unlinked: BTreeMap<ServerId, Instant>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Instant::now(),
            chance: Chance(seed),
            delay: Duration::from_millis(150),
            store: Store::default(),
            processes: vec![],
            unlinked: BTreeMap::new(),
        }
    }

    /// Several servers that know each other.
    pub(super) fn of(seed: u64, count: usize) -> Self {
        let mut world = Self::new(seed);
        for n in 0..count {
            world.start(member(&format!("chat-{n}")));
        }
        world.run(Duration::from_secs(3));
        world.assert_agreed("at the beginning");
        world
    }

    /// Starts a process; returns which one it is.
    pub(super) fn start(&mut self, member: Member) -> usize {
        self.unlinked.remove(&member.info.id);
        self.processes.push(Process {
            registrant: Registrant::new(member.clone(), self.processes.len() as u32, [], SETTINGS, self.now),
            member,
            connection: None,
            connect_at: self.now,
            is_suspended: false,
            is_dead: false,
            has_started: false,
            ended: None,
            expected: vec![],
            up: BTreeMap::new(),
            gone: vec![],
            dropped: vec![],
            refused: vec![],
        });
        self.processes.len() - 1
    }

    /// A process is killed, or suspended for longer than links live.
    pub(super) fn kill(&mut self, index: usize) {
        self.processes[index].is_dead = true;
        self.cut(index);
        self.unlinked.insert(self.processes[index].member.info.id.clone(), self.now);
    }

    /// The connection of a process breaks: what it asked may have been done.
    pub(super) fn cut(&mut self, index: usize) {
        if self.processes[index].connection.take().is_some() {
            self.processes[index].connect_at = self.now + self.chance.below_time(self.delay);
            self.processes[index].registrant.broke();
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            self.step();
        }
    }

    fn step(&mut self) {
        if self.store.answers() {
            self.store.expire(self.now);
        }
        for index in 0..self.processes.len() {
            if self.store.is_down {
                self.cut(index);
            }
            let process = &self.processes[index];
            if process.is_running() && !process.is_suspended || process.ended.is_some() && !process.is_dead {
                self.live(index);
            }
        }
    }

    /// What a process does in one step.
    fn live(&mut self, index: usize) {
        let now = self.now;
        let process = &mut self.processes[index];
        if process.connection.is_none() && !self.store.is_down && now >= process.connect_at {
            process.connection = Some(Connection::default());
            process.registrant.connected(now);
        }
        if !self.converse(index) {
            self.cut(index);
        }
        let (process, unlinked) = (&mut self.processes[index], &self.unlinked);
        process.registrant.tick(now, |id| unlinked.get(id).map(|since| now - *since));
        process.handle(now);
    }

    /// What goes over the connection of a process; says whether that goes on.
    fn converse(&mut self, index: usize) -> bool {
        let (now, store) = (self.now, &mut self.store);
        let process = &mut self.processes[index];
        let Some(connection) = &mut process.connection else { return true };
        if let Some((_, request)) = connection.asked.take_if(|(at, _)| now >= *at && store.answers()) {
            let is_watch = match &request {
                Request::Watch { from } => Some(*from),
                _ => None,
            };
            let Some(reply) = store.perform(request, now) else { return false };
            connection.watched = is_watch.or(connection.watched);
            connection.reply = Some((now + self.chance.below_time(self.delay), reply));
        }
        if let Some(watched) = &mut connection.watched
            && store.answers()
        {
            let from = *watched;
            for (revision, change) in store.history.iter().filter(|(revision, _)| *revision >= from) {
                let last = connection.told.back().map_or(now, |(at, _)| *at);
                connection
                    .told
                    .push_back((last.max(now + self.chance.below_time(self.delay)), change.clone()));
                *watched = revision + 1;
            }
        }
        while let Some((_, change)) = connection.told.pop_front_if(|(at, _)| now >= *at) {
            process.registrant.watched(vec![change], now);
        }
        if let Some((_, reply)) = connection.reply.take_if(|(at, _)| now >= *at) {
            connection.since = None;
            process.registrant.reply(reply, now);
        }
        if let Some(request) = process.registrant.request(now) {
            connection.asked = Some((now + self.chance.below_time(self.delay), request));
            connection.since = Some(now);
        }
        connection.since.is_none_or(|since| now < since + REQUEST_TIMEOUT)
    }

    /// All that run expect each other and nobody else, each as the process that runs.
    pub(super) fn assert_agreed(&self, when: &str) {
        let running = || self.processes.iter().filter(|process| process.is_running());
        let mut ids: Vec<_> = running().map(|process| process.member.info.id.clone()).collect();
        ids.sort();
        for process in running() {
            let own = &process.member.info.id;
            assert!(process.has_started, "{when}: {own} has not started: {:?}", process.refused);
            assert_eq!(process.expected, ids, "{when}: whom {own} expects");
            for other in running().filter(|other| other.member.info.id != *own) {
                let (id, is) = (&other.member.info.id, other.member.incarnation);
                assert_eq!(process.up.get(id), Some(&is), "{when}: {id} as {own} knows it");
            }
            let entry = self.store.keys.get(own).and_then(|found| found.entry.as_ref());
            let has = entry.map(|entry| entry.member.incarnation);
            assert_eq!(has, Some(process.member.incarnation), "{when}: the key of {own}");
        }
    }
}
