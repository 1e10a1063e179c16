//! A world for tests: endpoints on a bus that loses, delays, cuts, freezes and replays, by a seed and a clock of its own.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pomelo_core::cluster::{Member, Unsent};
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};
use pomelo_core::wire::envelope::Envelope;

use super::transmit::Outbound;
use super::{Departure, Endpoint, Event, LinkId, Settings};
use crate::subject::{Plane, Subjects};
use crate::wire::{Announcement, Packet};

/// How far the clock goes at a step.
pub(super) const STEP: Duration = Duration::from_millis(10);

/// No packet is longer: most envelopes leave in pieces.
const MAX_PAYLOAD: usize = 200;

pub(super) const SETTINGS: Settings = Settings {
    beat: Duration::from_secs(1),
    away_after: Duration::from_secs(3),
    silence: Duration::from_secs(5),
    answer: Duration::from_millis(500),
    forget_after: Duration::from_secs(60),
    queue_limit: 1 << 20,
    max_frame: 1 << 20,
};

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

    pub(super) fn is_lucky(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What one server has got of another.
#[derive(Debug, Default)]
pub(super) struct Got {
    /// The link by which it comes, while there is one.
    link: Option<LinkId>,
    /// The greeting of that link has come.
    is_greeted: bool,
    /// The last number that came by that link.
    last_of_link: Option<u64>,
    /// The last number that came at all.
    last: u64,
    pub(super) count: u64,
}

/// What one process did with another.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) accepted: u64,
    /// May not have arrived, as it was told.
    pub(super) counted: u64,
}

/// A process on the bus.
pub(super) struct Process {
    pub(super) endpoint: Endpoint,
    pub(super) member: Member,
    pub(super) is_connected: bool,
    is_suspended: bool,
    /// What its client took while it had no connection, or sent just before that broke.
    replayed: Vec<Outbound>,
    /// What waits for it while it is suspended, or the bus frozen: packets and announcements each in their order.
    inbox: VecDeque<Outbound>,
    pub(super) got: HashMap<ServerId, Got>,
    pub(super) sent: HashMap<ServerId, Sent>,
    pub(super) members: HashMap<ServerId, Member>,
    pub(super) departures: Vec<(ServerId, Departure)>,
    pub(super) told: Vec<String>,
}

/// Processes, and the bus between them.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) chance: Chance,
    /// Of a hundred messages so many are lost.
    pub(super) loss: u64,
    pub(super) is_frozen: bool,
    pub(super) processes: Vec<Process>,
    /// Messages on their way: to whom, of which subscription, by when they arrive.
    flying: BTreeMap<(Instant, u64), (usize, Outbound)>,
    latest: HashMap<(usize, usize, bool), Instant>,
    serial: u64,
    /// The last number that was taken of those from one server to another.
    numbers: HashMap<(ServerId, ServerId), u64>,
}

/// A call without arguments whose number is that of the message.
fn numbered(number: u64) -> Envelope {
    let padding = vec![0xc0; (number % 300) as usize];
    let bytes = [&[1][..], &number.to_be_bytes(), &[0; 12], &[0x90], &padding].concat();
    Envelope::decode(bytes.into()).expect("it is a call")
}

fn number_of(bytes: &Bytes) -> Option<u64> {
    let (kind, rest) = bytes.split_first()?;
    (*kind == 1).then(|| rest.first_chunk().map(|number| u64::from_be_bytes(*number))).flatten()
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
        newcomer: false,
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Instant::now(),
            chance: Chance(seed),
            loss: 0,
            is_frozen: false,
            processes: vec![],
            flying: BTreeMap::new(),
            latest: HashMap::new(),
            serial: 0,
            numbers: HashMap::new(),
        }
    }

    /// Starts a process; returns which one it is.
    pub(super) fn start(&mut self, member: Member) -> usize {
        let subjects = Subjects::new("test", Plane::Link);
        let endpoint = Endpoint::new(member.clone(), 7, subjects, SETTINGS, self.now);
        self.processes.push(Process {
            endpoint,
            member,
            is_connected: false,
            is_suspended: false,
            replayed: vec![],
            inbox: VecDeque::new(),
            got: HashMap::new(),
            sent: HashMap::new(),
            members: HashMap::new(),
            departures: vec![],
            told: vec![],
        });
        let index = self.processes.len() - 1;
        self.connect(index);
        index
    }

    /// Several servers that are linked with each other.
    pub(super) fn linked(seed: u64, count: usize) -> Self {
        let mut world = Self::new(seed);
        for n in 0..count {
            world.start(member(&format!("chat-{n}")));
        }
        world.run(Duration::from_secs(3));
        world.assert_linked("at the beginning");
        world
    }

    pub(super) fn connect(&mut self, index: usize) {
        let process = &mut self.processes[index];
        process.is_connected = true;
        process.endpoint.connected(self.now);
        // A client sends what it had taken as soon as it can.
        for outbound in std::mem::take(&mut process.replayed) {
            self.publish(index, outbound);
        }
    }

    /// The connection breaks; some of what is on its way is lost, and some is sent again later.
    pub(super) fn cut(&mut self, index: usize) {
        let mut kept = BTreeMap::new();
        for (key, (to, outbound)) in std::mem::take(&mut self.flying) {
            if to != index || self.chance.is_lucky(50) {
                kept.insert(key, (to, outbound));
            }
        }
        self.flying = kept;
        let process = &mut self.processes[index];
        process.is_connected = false;
        for _ in 0..self.chance.below(4) {
            process.replayed.extend(process.endpoint.transmit(MAX_PAYLOAD));
        }
        process.endpoint.disconnected(self.now);
    }

    pub(super) fn suspend(&mut self, index: usize, is_suspended: bool) {
        self.processes[index].is_suspended = is_suspended;
    }

    fn publish(&mut self, from: usize, outbound: Outbound) {
        let is_announcement = outbound.subject.ends_with(".all");
        for to in 0..self.processes.len() {
            let own = format!(".{}", self.processes[to].member.info.id);
            let is_for = is_announcement || outbound.subject.ends_with(&own);
            if !is_for || !self.processes[to].is_connected || self.chance.is_lucky(self.loss) {
                continue;
            }
            let due = self.now + Duration::from_millis(self.chance.below(60));
            let latest = self.latest.entry((from, to, is_announcement)).or_insert(due);
            *latest = due.max(*latest);
            self.serial += 1;
            let copy = Outbound { subject: outbound.subject.clone(), payload: outbound.payload.clone() };
            self.flying.insert((*latest, self.serial), (to, copy));
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            self.step();
        }
    }

    fn step(&mut self) {
        while !self.is_frozen
            && let Some(entry) = self.flying.first_entry()
            && entry.key().0 <= self.now
        {
            let (to, outbound) = entry.remove();
            if self.processes[to].is_connected {
                self.processes[to].inbox.push_back(outbound);
            }
        }
        for index in 0..self.processes.len() {
            if self.processes[index].is_suspended {
                continue;
            }
            let process = &mut self.processes[index];
            while let Some(outbound) = process.inbox.pop_front() {
                process.hear(outbound, self.now);
            }
            process.endpoint.see_connection(process.is_connected, self.now);
            process.endpoint.tick(self.now);
            process.handle(self.now);
            let mut out = Vec::new();
            while let Some(outbound) = process.endpoint.transmit(MAX_PAYLOAD) {
                assert!(outbound.payload.len() <= MAX_PAYLOAD.max(400), "a payload is too long");
                out.push(outbound);
            }
            out.into_iter().for_each(|outbound| self.publish(index, outbound));
        }
    }

    /// Sends a numbered message; says what came of it.
    pub(super) fn send(&mut self, from: usize, to: usize) -> Result<(), Unsent> {
        let id = self.processes[to].member.info.id.clone();
        let process = &mut self.processes[from];
        let number = self.numbers.entry((process.member.info.id.clone(), id.clone())).or_default();
        process.endpoint.send(&id, &numbered(*number + 1))?;
        *number += 1;
        process.sent.entry(id).or_default().accepted += 1;
        Ok(())
    }

    /// All processes are linked with each other, and everything that was accepted has arrived or was counted.
    pub(super) fn assert_linked(&self, when: &str) {
        for (one, from) in self.processes.iter().enumerate() {
            for (other, to) in self.processes.iter().enumerate().filter(|(other, _)| *other != one) {
                let id = &to.member.info.id;
                assert!(
                    from.endpoint.link(id).is_some() && from.endpoint.trouble(id).is_none(),
                    "{when}: {one} has no link to {other}: {:?}; {:?}",
                    from.endpoint.trouble(id),
                    from.told
                );
                let Some(sent) = from.sent.get(id) else { continue };
                let got = to.got.get(&from.member.info.id).map_or(0, |got| got.count);
                assert!(
                    sent.accepted <= got + sent.counted,
                    "{when}: {one} to {other}: {} accepted, {got} arrived, {} counted",
                    sent.accepted,
                    sent.counted
                );
            }
        }
    }
}

impl Process {
    fn hear(&mut self, outbound: Outbound, now: Instant) {
        if outbound.subject.ends_with(".all") {
            let announcement = Announcement::decode(&outbound.payload).expect("an announcement");
            self.endpoint.announcement(announcement, now);
        } else {
            let packet = Packet::decode(outbound.payload).expect("a packet");
            self.endpoint.packet(packet, now);
        }
        self.handle(now);
    }

    /// Does with events what a server does, and checks that they come as they must.
    fn handle(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.event() {
            match event {
                Event::Agreed(member, link) => {
                    let id = member.info.id.clone();
                    if self.endpoint.open(&id, link, Some(&Envelope::greeting()), now) == Ok(true) {
                        let got = self.got.entry(id.clone()).or_default();
                        assert_eq!(got.link, None, "a link to {id} begins before the last one ended");
                        *got = Got { link: Some(link), last: got.last, count: got.count, ..Got::default() };
                        self.members.insert(id, member);
                    }
                }
                Event::Arrived(id, link, bytes) => {
                    let got = self.got.get_mut(&id).filter(|got| got.link == Some(link));
                    let got = got.unwrap_or_else(|| panic!("something of {id} came by no link"));
                    let Some(number) = number_of(&bytes) else {
                        assert!(!got.is_greeted, "{id} greeted twice");
                        got.is_greeted = true;
                        continue;
                    };
                    assert!(got.is_greeted, "{id} sent something before its greeting");
                    assert!(number > got.last, "{number} of {id} came after {}", got.last);
                    let expected = got.last_of_link.map_or(number, |last| last + 1);
                    assert_eq!(number, expected, "something of {id} is missing in a link");
                    (got.last_of_link, got.last) = (Some(number), number);
                    got.count += 1;
                }
                Event::Changed(member) => drop(self.members.insert(member.info.id.clone(), member)),
                Event::Unlinked(id, unarrived) => {
                    self.got.entry(id.clone()).or_default().link = None;
                    self.sent.entry(id).or_default().counted += unarrived as u64;
                }
                Event::Left(id, incarnation, departure) => {
                    assert_eq!(
                        self.got.entry(id.clone()).or_default().link,
                        None,
                        "{id} left while it was linked"
                    );
                    self.told.push(format!("{id} left: {departure:?} {incarnation}"));
                    self.members.remove(&id);
                    self.departures.push((id, departure));
                }
                other => self.told.push(format!("{other:?}")),
            }
        }
    }
}
