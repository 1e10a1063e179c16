//! Processes of the checks: each registers as a server, and remembers what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo_core::cluster::{Control, Member, MembershipEvents, Refused, Registration};
use pomelo_core::metrics::Report;
use pomelo_core::value::{Error, Incarnation, Result, ServerId, ServerInfo};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::Setup;

/// How long anything may take before it is said to hang: far longer than any machine needs.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look whether something has happened.
const POLL: Duration = Duration::from_millis(2);

/// What a process was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The ids of the list.
    Expect(Vec<String>),
    /// With the number of its encodings, by which changes are told apart.
    Up(String, Incarnation, usize),
    /// That process is over.
    Gone(String, Incarnation),
    /// Another process, which answers, has the id.
    Occupied(Incarnation),
    /// A later process of the id is known.
    Superseded(Incarnation),
    /// An operator wants it to stop.
    Stop,
    /// It can't stay, and why.
    Failed(String),
}

/// What a process was told, in order.
pub(super) struct Notes {
    /// What the process is, for a second attempt after it was refused.
    member: Member,
    /// In order.
    told: Mutex<Vec<Told>>,
}

impl Notes {
    fn note(&self, told: Told) {
        self.told.lock().expect("no check panics while it notes").push(told);
    }

    pub(super) fn all(&self) -> Vec<Told> {
        self.told.lock().expect("no check panics while it notes").clone()
    }

    /// The last list of expected servers, sorted.
    pub(super) fn expected(&self) -> Vec<String> {
        let last = self.all().into_iter().rev().find_map(|told| match told {
            Told::Expect(ids) => Some(ids),
            _ => None,
        });
        last.unwrap_or_default()
    }

    /// Waits until that is among what it was told.
    pub(super) async fn until_told(&self, told: &Told) {
        self.until(&format!("{told:?}"), || self.all().contains(told)).await;
    }

    pub(super) async fn until_expecting(&self, id: &str) {
        self.until(&format!("{id} expected"), || self.expected().iter().any(|expected| expected == id)).await;
    }

    pub(super) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let waiting = async {
            while !condition() {
                sleep(POLL).await;
            }
        };
        let own = &self.member.info.id;
        let came = timeout(HANG_TIMEOUT, waiting).await;
        assert!(came.is_ok(), "{own} was never told: {what}; but {:?}", self.all());
    }
}

impl MembershipEvents for Notes {
    fn expect(&self, servers: Vec<Arc<ServerInfo>>) {
        let mut ids: Vec<_> = servers.iter().map(|info| info.id.to_string()).collect();
        ids.sort();
        self.note(Told::Expect(ids));
    }

    fn up(&self, server: Member) {
        self.note(Told::Up(server.info.id.to_string(), server.incarnation, server.encodings.len()));
    }

    fn gone(&self, server: &ServerId, incarnation: Incarnation) {
        self.note(Told::Gone(server.to_string(), incarnation));
    }

    fn refused(&self, why: Refused) -> Option<Member> {
        match why {
            Refused::Occupied { incarnation, .. } => self.note(Told::Occupied(incarnation)),
            Refused::Superseded(later) => self.note(Told::Superseded(later)),
            other => self.note(Told::Failed(format!("{other:?}"))),
        }
        None
    }

    fn failed(&self, error: Error) {
        self.note(Told::Failed(error.to_string()));
    }
}

impl Control for Notes {
    fn stop(&self) {
        self.note(Told::Stop);
    }

    fn report(&self) -> Option<Report> {
        let report = json!({
            "id": self.member.info.id, "incarnation": self.member.incarnation, "uptimeMs": 0, "sessions": 0,
            "boundSessions": 0, "channels": 0, "channelMembers": 0, "outboxBytes": 0, "linkBytes": 0,
            "pendingCalls": 0, "dropped": {}, "routes": [], "peers": []
        });
        Some(serde_json::from_value(report).expect("a report"))
    }
}

/// A process that is registered.
pub(super) struct Process {
    /// What it is now.
    pub(super) member: Member,
    /// What it was told.
    pub(super) notes: Arc<Notes>,
    /// Its place in the discovery.
    registration: Arc<dyn Registration>,
}

/// What a process of a server is that begins now.
pub(super) fn member(info: Arc<ServerInfo>) -> Member {
    Member {
        incarnation: Incarnation::begin(&info.id),
        info,
        methods: Arc::default(),
        encodings: vec![],
        leaving: false,
        newcomer: false,
    }
}

impl Process {
    /// Registers a process that begins now.
    pub(super) async fn start(setup: &Setup, info: Arc<ServerInfo>) -> Self {
        let id = info.id.clone();
        let (notes, registered) = Self::try_start(setup, member(info)).await;
        registered.unwrap_or_else(|error| panic!("{id} is not taken: {error}; it was told {:?}", notes.all()))
    }

    /// Registers a process, which may be refused.
    pub(super) async fn try_start(setup: &Setup, member: Member) -> (Arc<Notes>, Result<Self>) {
        let notes = Arc::new(Notes { member: member.clone(), told: Mutex::default() });
        let discovery = (setup.make)(&member.info.id);
        let registering = discovery.register_controlled(member.clone(), notes.clone(), notes.clone());
        let registered = timeout(HANG_TIMEOUT, registering).await;
        let registered = registered.unwrap_or_else(|_| panic!("registering {} hangs", member.info.id));
        (notes.clone(), registered.map(|registration| Self { member, notes, registration }))
    }

    /// Says that it is otherwise than before.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Member)) {
        change(&mut self.member);
        self.registration.update(self.member.clone());
    }

    pub(super) async fn leave(self) {
        let left = timeout(HANG_TIMEOUT, self.registration.leave()).await;
        assert!(left.is_ok(), "{} can't leave", self.member.info.id);
    }

    pub(super) fn id(&self) -> String {
        self.member.info.id.to_string()
    }

    /// That this process is over.
    pub(super) fn gone(&self) -> Told {
        Told::Gone(self.id(), self.member.incarnation)
    }
}
