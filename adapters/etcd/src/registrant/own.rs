//! The own key: a process claims its id, holds it under a lease, and gives it back.
//!
//! | the key | a process that claims its id |
//! |---|---|
//! | is not there, or says goodbye | writes it, if nobody else has meanwhile |
//! | is another process's | asks that process, by a key of its own that it hears of |
//! | … which writes again | is refused: the other one is there |
//! | … which doesn't, in time | takes the key over by comparing its revision; if the other one began later by its clock, it begins later first |
//!
//! The process is asked through etcd, since that is what both of them reach: the address of the other one may be behind a firewall, and
//! is the newcomer's own where it listens on the same port. A process that holds its key and finds it gone writes it again, as the same
//! incarnation; one that finds a later process there has been replaced.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pomelo_core::cluster::{Member, Refused};
use pomelo_core::value::{Incarnation, ServerId};

use super::{Event, Found, Request};
use crate::entry::Entry;

/// How far the process is with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It wants the key.
    Claiming,
    /// It asks the process that has the key whether it is there; of whom is known by the revision that the key had then.
    Asking { over: i64, until: Option<Instant> },
    /// It was refused, and waits to hear what its server makes of that.
    Refused,
    /// It was refused, and tries again then.
    Resting { until: Instant },
    /// It has the key, or had and finds it gone.
    Held,
    /// It gives back what it has.
    Leaving,
    /// It has given back all.
    Left,
}

/// A process and its key.
pub(super) struct Own {
    member: Member,
    pid: u32,
    answer: Duration,
    /// How often the member has changed.
    version: u64,
    /// Incarnations that this very process had before: a key of theirs is its own.
    former: Vec<Incarnation>,
    lease: Option<i64>,
    stage: Stage,
    /// What the key holds, as far as is known; its revision is 0 if there is none.
    found: Option<Found>,
    /// What is being written.
    writing: Option<Found>,
    /// When that was known to be so.
    seen_at: i64,
    /// The process that had the key at that revision is over.
    is_over: Option<i64>,
    /// Somebody asks whether this process is there.
    is_asked: bool,
    /// It has asked, and not taken that back.
    has_question: bool,
    /// It is taking that back.
    is_withdrawing: bool,
    was_registered: bool,
}

impl Own {
    pub(super) fn new(member: Member, pid: u32, answer: Duration) -> Self {
        Self {
            member,
            pid,
            answer,
            version: 0,
            former: vec![],
            lease: None,
            stage: Stage::Claiming,
            found: None,
            writing: None,
            seen_at: 0,
            is_over: None,
            is_asked: false,
            has_question: false,
            is_withdrawing: false,
            was_registered: false,
        }
    }

    pub(super) fn has_id(&self, id: &ServerId) -> bool {
        !self.member.is_guest() && self.member.info.id == *id
    }

    pub(super) fn is_guest(&self) -> bool {
        self.member.is_guest()
    }

    pub(super) fn lease(&self) -> Option<i64> {
        self.lease
    }

    /// Whether there is something for which the process needs a lease.
    pub(super) fn wants_lease(&self) -> bool {
        !self.member.is_guest() && !matches!(self.stage, Stage::Leaving | Stage::Left)
    }

    pub(super) fn has_left(&self) -> bool {
        self.stage == Stage::Left
    }

    /// There is another connection: what was asked by the one before may not have been heard.
    pub(super) fn connected(&mut self) {
        self.is_withdrawing = false;
        // An etcd that was restored, or has lost what it had, counts its revisions anew.
        (self.seen_at, self.is_over) = (0, None);
        if matches!(self.stage, Stage::Asking { .. }) {
            self.stage = Stage::Claiming;
        }
    }

    pub(super) fn granted(&mut self, lease: i64) {
        self.lease = Some(lease);
    }

    /// There is no lease any more, and soon no key. Both are made again.
    pub(super) fn lease_lost(&mut self) {
        (self.lease, self.has_question, self.is_withdrawing) = (None, false, false);
        if self.stage == Stage::Leaving {
            self.stage = Stage::Left;
        }
    }

    /// Somebody asks whether this process is there. It shows that by writing its key again.
    pub(super) fn asked(&mut self) {
        self.is_asked = true;
    }

    pub(super) fn update(&mut self, member: Member) {
        if member.incarnation != self.member.incarnation {
            self.former.push(self.member.incarnation);
        }
        self.member = member;
        self.version += 1;
    }

    /// The server tries again: at once if it is another incarnation now, and else at that time.
    pub(super) fn again(&mut self, member: Member, at: Instant) {
        if self.stage != Stage::Refused {
            return;
        }
        let is_another = member.incarnation != self.member.incarnation;
        self.update(member);
        self.stage = if is_another { Stage::Claiming } else { Stage::Resting { until: at } };
    }

    pub(super) fn leave(&mut self) {
        if self.stage != Stage::Left {
            self.stage = Stage::Leaving;
        }
    }

    /// The key was not as it was thought to be when it was to be written.
    pub(super) fn not_written(&mut self, revision: i64, found: Option<Found>, events: &mut VecDeque<Event>) {
        // Whoever has asked meanwhile has got no answer by that.
        self.is_asked = true;
        self.seen(revision, found, events);
    }

    /// What the key holds, as of a revision.
    pub(super) fn seen(&mut self, revision: i64, found: Option<Found>, events: &mut VecDeque<Event>) {
        if revision < self.seen_at {
            return;
        }
        (self.seen_at, self.found) = (revision, found);
        let Stage::Asking { over, .. } = self.stage else { return };
        match self.owner() {
            // It has written since it was asked.
            Some(owner) if self.revision() > over && !self.is_own(&owner) => {
                let (host, incarnation) = (owner.member.info.host.clone(), owner.member.incarnation);
                self.refuse(Refused::Occupied { host, pid: owner.pid, incarnation }, events);
            }
            Some(_) => {}
            None => self.stage = Stage::Claiming,
        }
    }

    /// The key was written; says whether that is so for the first time.
    pub(super) fn written(&mut self, revision: i64) -> bool {
        // The watch may have told of a later one already.
        if let Some(found) = self.writing.take().filter(|_| revision > self.seen_at) {
            (self.seen_at, self.found) = (revision, Some(Found { revision, ..found }));
        }
        match self.stage {
            Stage::Leaving | Stage::Left => false,
            _ => {
                self.stage = Stage::Held;
                !std::mem::replace(&mut self.was_registered, true)
            }
        }
    }

    /// What was under way and has no other reply is done.
    pub(super) fn done(&mut self, now: Instant) {
        match &mut self.stage {
            _ if std::mem::take(&mut self.is_withdrawing) => self.has_question = false,
            Stage::Leaving => (self.stage, self.lease) = (Stage::Left, None),
            Stage::Asking { until, .. } => *until = until.or(Some(now + self.answer)),
            _ => {}
        }
    }

    /// What the process wants of etcd next.
    pub(super) fn request(&mut self, now: Instant, events: &mut VecDeque<Event>) -> Option<Request> {
        if self.is_guest() {
            self.stage = if self.stage == Stage::Leaving { Stage::Left } else { self.stage };
            return None;
        }
        if self.stage == Stage::Leaving {
            return self.farewell();
        }
        let lease = self.lease?;
        if self.has_question && !matches!(self.stage, Stage::Asking { .. }) {
            self.is_withdrawing = true;
            return Some(Request::Withdraw { lease });
        }
        match self.stage {
            Stage::Resting { until } if now >= until => self.stage = Stage::Claiming,
            Stage::Asking { over, until: Some(until) } if now >= until => {
                (self.is_over, self.stage) = (Some(over), Stage::Claiming);
                return self.request(now, events);
            }
            _ => {}
        }
        match self.stage {
            Stage::Claiming | Stage::Held => self.claim(lease, events),
            _ => None,
        }
    }

    /// Writes the key where that is free, or its own and not as it should be.
    fn claim(&mut self, lease: i64, events: &mut VecDeque<Event>) -> Option<Request> {
        match self.owner() {
            None => Some(self.write(lease)),
            Some(owner) if self.is_own(&owner) => {
                self.stage = Stage::Held;
                let is_as_it_should = owner.version == self.version
                    && owner.member.incarnation == self.member.incarnation
                    && self.found.as_ref().is_some_and(|found| found.lease == lease);
                let is_due = self.is_asked || !is_as_it_should || !self.was_registered;
                is_due.then(|| self.write(lease))
            }
            Some(owner) => self.contest(&owner, lease, events),
        }
    }

    /// The key is another process's.
    fn contest(&mut self, owner: &Entry, lease: i64, events: &mut VecDeque<Event>) -> Option<Request> {
        let is_later = owner.member.incarnation > self.member.incarnation;
        let is_over = self.is_over == Some(self.revision());
        if is_later && (is_over || self.stage == Stage::Held) {
            // One that only starts begins later still; one that runs has been replaced.
            self.refuse(Refused::Superseded(owner.member.incarnation), events);
            return None;
        }
        if is_over {
            return Some(self.write(lease));
        }
        self.stage = Stage::Asking { over: self.revision(), until: None };
        self.has_question = true;
        Some(Request::Ask { id: self.member.info.id.clone(), lease })
    }

    fn write(&mut self, lease: i64) -> Request {
        self.is_asked = false;
        let (id, entry) = (self.member.info.id.clone(), self.entry());
        self.writing = Some(Found { id, revision: 0, lease, entry: Some(entry.clone()) });
        Request::Write { entry: Box::new(entry), lease, over: self.revision() }
    }

    /// Says goodbye in the key, if that is its own, and ends the lease.
    fn farewell(&mut self) -> Option<Request> {
        let Some(lease) = self.lease else {
            self.stage = Stage::Left;
            return None;
        };
        match self.owner().filter(|owner| self.is_own(owner)) {
            Some(_) => Some(self.write(lease)),
            None => Some(Request::Revoke(lease)),
        }
    }

    fn refuse(&mut self, why: Refused, events: &mut VecDeque<Event>) {
        self.stage = Stage::Refused;
        events.push_back(Event::Refused(why));
    }

    /// What the key is to hold.
    fn entry(&self) -> Entry {
        Entry {
            // Whoever is here is taken in.
            member: Member { newcomer: false, ..self.member.clone() },
            pid: self.pid,
            version: self.version,
            left: matches!(self.stage, Stage::Leaving | Stage::Left),
        }
    }

    /// Who has the key; none if it is free.
    fn owner(&self) -> Option<Entry> {
        self.found.as_ref().and_then(|found| found.entry.clone()).filter(|entry| !entry.left)
    }

    fn is_own(&self, entry: &Entry) -> bool {
        let incarnation = entry.member.incarnation;
        incarnation == self.member.incarnation || self.former.contains(&incarnation)
    }

    fn revision(&self) -> i64 {
        self.found.as_ref().map_or(0, |found| found.revision)
    }
}
