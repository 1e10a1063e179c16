//! The discovery: a list that all servers of a process are on.

use std::sync::{Arc, Mutex, MutexGuard};

use pomelo::ext::discovery::{
    BoxFuture, Discovery, Member, MembershipEvents, Registration, Result, ServerInfo,
};

/// A list of servers. Clones are the same list.
#[derive(Clone, Default)]
pub struct Roster(Arc<Mutex<Vec<Entry>>>);

/// A server that is on the list.
struct Entry {
    member: Member,
    events: Arc<dyn MembershipEvents>,
}

impl Roster {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().expect("nobody panics while it looks")
    }

    /// Tells all of all.
    fn tell(entries: &[Entry]) {
        let servers: Vec<Arc<ServerInfo>> = entries.iter().map(|entry| entry.member.info.clone()).collect();
        for entry in entries {
            entry.events.expect(servers.clone());
        }
    }
}

impl Discovery for Roster {
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        let place: Arc<dyn Registration> = Arc::new(Place { roster: self.clone(), member: member.clone() });
        let mut entries = self.entries();
        entries.push(Entry { member, events });
        Self::tell(&entries);
        Box::pin(async { Ok(place) })
    }
}

/// A server's place on the list.
struct Place {
    roster: Roster,
    member: Member,
}

impl Registration for Place {
    /// Links tell others what a server is.
    fn update(&self, _: Member) {}

    fn leave(&self) -> BoxFuture<'_, ()> {
        let Member { info, incarnation, .. } = &self.member;
        let mut entries = self.roster.entries();
        entries.retain(|entry| entry.member.info.id != info.id);
        for entry in &*entries {
            entry.events.gone(&info.id, *incarnation);
        }
        Roster::tell(&entries);
        Box::pin(async {})
    }
}
