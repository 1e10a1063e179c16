//! The discovery: a list that all servers of a process are on.

use std::sync::{Arc, Mutex, MutexGuard};

use pomelo::ext::discovery::{
    BoxFuture, Discovery, Error, Incarnation, Member, MembershipEvents, Refused, Registration, Result,
    ServerId, ServerInfo,
};

/// A list of the servers of one process, which servers are added to as they come. Clones are the same list.
#[derive(Clone, Default)]
pub struct Roster(Arc<Mutex<List>>);

#[derive(Default)]
struct List {
    expected: Vec<Arc<ServerInfo>>,
    entries: Vec<Entry>,
}

/// A server that is there.
#[derive(Clone)]
struct Entry {
    member: Member,
    events: Arc<dyn MembershipEvents>,
}

impl List {
    fn entry(&mut self, id: &ServerId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.member.info.id == *id)
    }

    /// Tells of a server to all others.
    fn tell(&self, member: &Member) {
        for other in self.entries.iter().filter(|other| other.member.info.id != member.info.id) {
            other.events.up(member.clone());
        }
    }
}

impl Roster {
    /// A list that begins with these.
    pub fn new(expected: Vec<Arc<ServerInfo>>) -> Self {
        Self(Arc::new(Mutex::new(List { expected, entries: Vec::new() })))
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().expect("nobody panics while it looks")
    }
}

impl Discovery for Roster {
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        let (id, incarnation) = (member.info.id.clone(), member.incarnation);
        let mut list = self.list();
        if let Some(there) = list.entry(&id) {
            let incarnation = there.member.incarnation;
            // What it would be instead doesn't matter: the one that is there answers, being in this process.
            events.refused(Refused::Occupied {
                host: member.info.host.clone(),
                pid: std::process::id(),
                incarnation,
            });
            return Box::pin(async { Err(Error::new(500, "another one has the id")) });
        }
        let is_new = !list.expected.iter().any(|info| info.id == id);
        if is_new {
            list.expected.push(member.info.clone());
        }
        events.expect(list.expected.clone());
        for other in &list.entries {
            if is_new {
                other.events.expect(list.expected.clone());
            }
            events.up(other.member.clone());
        }
        list.tell(&member);
        list.entries.push(Entry { member, events });
        drop(list);
        let place: Arc<dyn Registration> = Arc::new(Place { roster: self.clone(), id, incarnation });
        Box::pin(async { Ok(place) })
    }
}

struct Place {
    roster: Roster,
    id: ServerId,
    incarnation: Incarnation,
}

impl Registration for Place {
    fn update(&self, member: Member) {
        let mut list = self.roster.list();
        if let Some(entry) = list.entry(&self.id) {
            entry.member = member.clone();
            list.tell(&member);
        }
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        let mut list = self.roster.list();
        list.entries.retain(|entry| entry.member.info.id != self.id);
        for other in &list.entries {
            other.events.gone(&self.id, self.incarnation);
        }
        Box::pin(async {})
    }
}
