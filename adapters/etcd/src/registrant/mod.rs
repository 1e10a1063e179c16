//! A registrant: one server at etcd, without I/O. Replies, changes and the time go in; events and requests come out.
//!
//! | file | noun |
//! |---|---|
//! | `exchange` | what is asked of etcd, and what comes of it |
//! | `own` | the server's own key: claimed, held, given back |
//! | `others` | the other servers: who is expected |
//! | `absence` | how long a server whose key is gone is expected all the same |
//!
//! ```text
//!              lease, or is it still there        range at R              watch from R + 1
//!  away ─────▶ leased ──────────────────▶ read ───────────────▶ watching ─────────────────▶ …
//!    ▲            │                         │                      │  keep the lease, write the own key
//!    └────────────┴──── any stream or request that fails ──────────┘
//! ```
//!
//! Whatever ends, a stream or a request, all is made anew: the lease is asked for, the whole set is read and compared with what was
//! known, and the watch goes on behind it. There is one request at a time.

mod absence;
mod exchange;
mod others;
mod own;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pomelo_core::cluster::{Member, Refused};
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};

pub(crate) use self::exchange::{Change, Found, Reply, Request, Snapshot};
use self::others::Others;
use self::own::Own;
#[cfg(test)]
pub(crate) use self::world::member;

/// A lease is kept so many times in its life: two may fail.
const KEEPS_PER_TTL: u32 = 3;

/// The times of a registrant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How long a lease lives that nobody keeps.
    pub(crate) ttl: Duration,
    /// How long the process that has an id may take to show that it is there.
    pub(crate) answer: Duration,
}

/// What a registrant tells its server, one after the other.
#[derive(Debug)]
pub(crate) enum Event {
    /// These servers are expected.
    Expect(Vec<Arc<ServerInfo>>),
    /// A server is there, as this.
    Up(Member),
    /// That process of a server is over.
    Gone(ServerId, Incarnation),
    /// The id is this process's, for the first time.
    Registered,
    /// This process isn't taken. The registrant waits to hear what it is now ([`Registrant::again`]), or that it [gives up](Registrant::give_up).
    Refused(Refused),
    /// etcd is watched, for the first time or again.
    Watching,
}

/// How far the registrant is with etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    /// There is no connection.
    Away,
    /// There is one, and nothing was asked by it but for the lease.
    Connected,
    /// All that there is was read, as of that revision.
    Read { revision: i64 },
    /// What changes is told.
    Watching,
}

/// One server at etcd.
pub(crate) struct Registrant {
    settings: Settings,
    session: Session,
    /// A request is under way.
    is_busy: bool,
    /// When the lease is to be kept next.
    keep_at: Instant,
    /// A server has been gone for long enough to be given up, if its key is still gone.
    is_any_due: bool,
    /// When the registrant last looked at the clock.
    looked_at: Instant,
    own: Own,
    others: Others,
    events: VecDeque<Event>,
}

impl Registrant {
    /// A server that wants its id; a guest wants none. Those that are `listed` are expected whether they are there or not.
    pub(crate) fn new(
        member: Member,
        pid: u32,
        listed: impl IntoIterator<Item = Arc<ServerInfo>>,
        settings: Settings,
        now: Instant,
    ) -> Self {
        Self {
            settings,
            session: Session::Away,
            is_busy: false,
            keep_at: now,
            is_any_due: false,
            looked_at: now,
            others: Others::new(&member, listed, now),
            own: Own::new(member, pid, settings.answer),
            events: VecDeque::new(),
        }
    }

    /// There is a connection.
    pub(crate) fn connected(&mut self, now: Instant) {
        (self.session, self.is_busy, self.keep_at) = (Session::Connected, false, now);
        self.own.connected();
    }

    /// The connection, a request or the watch has failed. Nobody is over for that.
    pub(crate) fn broke(&mut self) {
        (self.session, self.is_busy, self.is_any_due) = (Session::Away, false, false);
    }

    /// What happened, in order; to be asked until there is nothing.
    pub(crate) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What to ask of etcd next, if nothing is under way.
    pub(crate) fn request(&mut self, now: Instant) -> Option<Request> {
        if self.is_busy {
            return None;
        }
        let request = match self.session {
            Session::Away => None,
            Session::Connected => self.lease(now).or(Some(Request::Range)),
            Session::Read { revision } => Some(Request::Watch { from: revision + 1 }),
            Session::Watching => self
                .lease(now)
                .or_else(|| std::mem::take(&mut self.is_any_due).then_some(Request::Range))
                .or_else(|| self.own.request(now, &mut self.events)),
        };
        self.is_busy = request.is_some();
        request
    }

    /// The lease, if it is to be taken or kept now.
    fn lease(&self, now: Instant) -> Option<Request> {
        match self.own.lease() {
            _ if !self.own.wants_lease() => None,
            None => Some(Request::Grant(self.settings.ttl)),
            Some(lease) => (now >= self.keep_at).then_some(Request::KeepAlive(lease)),
        }
    }

    /// What came of the request that is under way.
    pub(crate) fn reply(&mut self, reply: Reply, now: Instant) {
        self.is_busy = false;
        match reply {
            Reply::Granted { lease } => {
                self.own.granted(lease);
                self.keep_at = now + self.settings.ttl / KEEPS_PER_TTL;
            }
            Reply::Kept => self.keep_at = now + self.settings.ttl / KEEPS_PER_TTL,
            Reply::LeaseLost => self.own.lease_lost(),
            Reply::Snapshot(snapshot) if self.session == Session::Watching => {
                self.others.confirm(&snapshot.found, &mut self.events);
            }
            Reply::Snapshot(snapshot) => self.read(snapshot, now),
            Reply::Watching => {
                self.session = Session::Watching;
                self.events.push_back(Event::Watching);
                // A guest has no key, and so is in its place now.
                if self.own.is_guest() {
                    self.registered();
                }
            }
            Reply::Written { revision } => {
                if self.own.written(revision) {
                    self.registered();
                }
            }
            Reply::Taken { revision, found } => self.own.not_written(revision, found, &mut self.events),
            Reply::Done => self.own.done(now),
        }
    }

    /// The process has its place.
    fn registered(&mut self) {
        self.others.open(&mut self.events);
        self.events.push_back(Event::Registered);
    }

    /// All that there is, as of a revision.
    fn read(&mut self, snapshot: Snapshot, now: Instant) {
        self.session = Session::Read { revision: snapshot.revision };
        let (mut own, mut others) = (None, Vec::new());
        for found in snapshot.found {
            match self.own.has_id(&found.id) {
                true => own = Some(found),
                false => others.push(found),
            }
        }
        self.own.seen(snapshot.revision, own, &mut self.events);
        // A question of which the watch told nothing may be among them.
        if snapshot.asked.iter().any(|id| self.own.has_id(id)) {
            self.own.asked();
        }
        self.others.compare(others, now, self.settings.ttl, &mut self.events);
    }

    /// What has changed, in order.
    pub(crate) fn watched(&mut self, changes: Vec<Change>, now: Instant) {
        for change in changes {
            match change {
                Change::Put(found) if self.own.has_id(&found.id) => {
                    self.own.seen(found.revision, Some(found), &mut self.events);
                }
                Change::Put(found) => self.others.put(found, &mut self.events),
                Change::Deleted { id, revision } if self.own.has_id(&id) => {
                    self.own.seen(revision, None, &mut self.events);
                }
                Change::Deleted { id, .. } => self.others.deleted(&id, now, self.settings.ttl),
                Change::Asked { id } if self.own.has_id(&id) => self.own.asked(),
                Change::Asked { .. } => {}
            }
        }
    }

    /// Does what is due. `missing_for` says how long there has been no link to a server that there could be one to.
    pub(crate) fn tick(&mut self, now: Instant, missing_for: impl Fn(&ServerId) -> Option<Duration>) {
        let slept = now.saturating_duration_since(std::mem::replace(&mut self.looked_at, now));
        if slept > self.settings.ttl / 2 {
            // This process was suspended: what it missed it hears now, in whatever order.
            self.others.distrust(now, self.settings.ttl);
        }
        if self.session == Session::Watching {
            self.is_any_due = self.others.is_any_due(now, self.settings.ttl, missing_for);
        }
    }

    /// The server goes on without etcd, which it can't reach: it expects those that are listed.
    pub(crate) fn open(&mut self) {
        self.others.open(&mut self.events);
    }

    /// The server is something else now.
    pub(crate) fn update(&mut self, member: Member) {
        if self.others.list(&member.info) && self.others.is_open() {
            self.others.expect(&mut self.events);
        }
        self.own.update(member);
    }

    /// The server tries again after it was refused, as this; later, unless it is another incarnation now.
    pub(crate) fn again(&mut self, member: Member, at: Instant) {
        self.own.again(member, at);
    }

    /// The server has given up. What is said of it is taken back.
    pub(crate) fn give_up(&mut self) {
        self.own.leave();
    }

    /// The server leaves, and is told nothing more.
    pub(crate) fn leave(&mut self) {
        self.others.close();
        self.events.clear();
        self.own.leave();
    }

    /// Nothing of the server is left at etcd, as far as can be done for that.
    pub(crate) fn has_left(&self) -> bool {
        self.own.has_left()
    }
}
