//! The other servers: who is expected, and as which process each is known.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pomelo_core::cluster::Member;
use pomelo_core::value::{ServerId, ServerInfo};

use super::absence::Absence;
use super::{Event, Found};
use crate::entry::Entry;

/// A server that was seen at etcd.
struct Known {
    entry: Entry,
    /// Its key is gone.
    absence: Option<Absence>,
    /// It is given up if its key is still gone.
    is_due: bool,
}

/// All servers but this one.
pub(super) struct Others {
    /// Servers that are expected whether they are there or not, this one among them.
    listed: BTreeMap<ServerId, Arc<ServerInfo>>,
    known: BTreeMap<ServerId, Known>,
    /// The server is told of them.
    is_open: bool,
    /// All keys were read before.
    was_read: bool,
    /// Until then the absence of a key means nothing: etcd was away.
    trusted_at: Instant,
}

impl Others {
    pub(super) fn new(own: &Member, listed: impl IntoIterator<Item = Arc<ServerInfo>>, now: Instant) -> Self {
        let own = (!own.is_guest()).then(|| own.info.clone());
        let listed = listed.into_iter().chain(own).map(|info| (info.id.clone(), info)).collect();
        Self { listed, known: BTreeMap::new(), is_open: false, was_read: false, trusted_at: now }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// From now on the server is told; of what is known already at once.
    pub(super) fn open(&mut self, events: &mut VecDeque<Event>) {
        if std::mem::replace(&mut self.is_open, true) {
            return;
        }
        self.expect(events);
        events.extend(self.known.values().map(|known| Event::Up(known.entry.member.clone())));
    }

    /// From now on the server is told nothing.
    pub(super) fn close(&mut self) {
        self.is_open = false;
    }

    /// Sets what this server is; says whether that is news.
    pub(super) fn list(&mut self, own: &Arc<ServerInfo>) -> bool {
        let before = self.listed.get(&own.id);
        if own.server_type.is_empty() || before == Some(own) {
            return false;
        }
        self.listed.insert(own.id.clone(), own.clone());
        true
    }

    /// Says who is expected.
    pub(super) fn expect(&self, events: &mut VecDeque<Event>) {
        let mut all = self.listed.clone();
        all.extend(self.known.values().map(|known| {
            let info = &known.entry.member.info;
            (info.id.clone(), info.clone())
        }));
        events.push_back(Event::Expect(all.into_values().collect()));
    }

    /// A key was written.
    pub(super) fn put(&mut self, found: Found, events: &mut VecDeque<Event>) {
        let Some(entry) = found.entry else {
            tracing::debug!(id = %found.id, "etcd has a value for a server that is none");
            return;
        };
        // What is told must be of the server whose key it is.
        if entry.member.info.id != found.id || entry.member.is_guest() {
            return;
        }
        match entry.left {
            true => self.goodbye(&entry, events),
            false => self.is_there(entry, events),
        }
    }

    fn is_there(&mut self, entry: Entry, events: &mut VecDeque<Event>) {
        let member = entry.member.clone();
        let (id, version) = (member.info.id.clone(), entry.version);
        let before = self
            .known
            .insert(id.clone(), Known { entry, absence: None, is_due: false })
            .map(|known| known.entry);
        if !self.is_open {
            return;
        }
        let same = before.as_ref().filter(|before| before.member.incarnation == member.incarnation);
        if same.is_some_and(|before| before.version == version) {
            return;
        }
        if let Some(over) = before.as_ref().filter(|_| same.is_none()) {
            events.push_back(Event::Gone(id, over.member.incarnation));
        }
        if before.is_none_or(|before| before.member.info != member.info) {
            self.expect(events);
        }
        events.push_back(Event::Up(member));
    }

    fn goodbye(&mut self, entry: &Entry, events: &mut VecDeque<Event>) {
        let (id, incarnation) = (&entry.member.info.id, entry.member.incarnation);
        if self.known.get(id).is_some_and(|known| known.entry.member.incarnation <= incarnation) {
            self.forget(&id.clone(), events);
        }
    }

    fn forget(&mut self, id: &ServerId, events: &mut VecDeque<Event>) {
        let Some(known) = self.known.remove(id) else { return };
        if self.is_open {
            events.push_back(Event::Gone(id.clone(), known.entry.member.incarnation));
            self.expect(events);
        }
    }

    /// A key is gone.
    pub(super) fn deleted(&mut self, id: &ServerId, now: Instant, ttl: Duration) {
        if let Some(known) = self.known.get_mut(id) {
            known.absence.get_or_insert(Absence::watched(now, ttl, self.trusted_at));
        }
    }

    /// All keys that there are; the first time, or after nobody has looked for a while.
    pub(super) fn compare(
        &mut self,
        found: Vec<Found>,
        now: Instant,
        ttl: Duration,
        events: &mut VecDeque<Event>,
    ) {
        if std::mem::replace(&mut self.was_read, true) {
            self.trusted_at = now + ttl;
        }
        for known in self.known.values_mut() {
            // Whoever was due before has a TTL from now on, too.
            (known.absence, known.is_due) = (Some(Absence::unseen(now, ttl)), false);
        }
        found.into_iter().for_each(|found| self.put(found, events));
    }

    /// What is gone has a TTL from now on to come back.
    pub(super) fn distrust(&mut self, now: Instant, ttl: Duration) {
        self.trusted_at = now + ttl;
        for known in self.known.values_mut().filter(|known| known.absence.is_some()) {
            (known.absence, known.is_due) = (Some(Absence::unseen(now, ttl)), false);
        }
    }

    /// Whether somebody has been gone for long enough to be given up.
    pub(super) fn is_any_due(
        &mut self,
        now: Instant,
        ttl: Duration,
        missing_for: impl Fn(&ServerId) -> Option<Duration>,
    ) -> bool {
        let mut is_any_due = false;
        for (id, known) in &mut self.known {
            known.is_due = known.absence.is_some_and(|absence| absence.is_due(now, ttl, missing_for(id)));
            is_any_due |= known.is_due;
        }
        is_any_due
    }

    /// Gives up those that are due, and whose keys are not among those that there are. The watch tells of all others.
    pub(super) fn confirm(&mut self, found: &[Found], events: &mut VecDeque<Event>) {
        let is_found = |id: &ServerId| found.iter().any(|found| found.id == *id);
        let due = self.known.iter().filter(|(id, known)| known.is_due && !is_found(id));
        for id in due.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            tracing::warn!(server = %id, "its key at etcd has expired, and it is not expected any more");
            self.forget(&id, events);
        }
    }
}
