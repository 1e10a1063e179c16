//! Who is in the cluster: the servers that are expected, and those that are up.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::message::Encoding;
use crate::server::{ServerId, ServerInfo, Servers};
use crate::session::Incarnation;

/// A server that is up, as others need to know it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    /// What servers.json says of it.
    pub info: Arc<ServerInfo>,
    /// Which of its lives this is.
    pub incarnation: Incarnation,
    /// The methods that it can be called for.
    pub methods: Arc<MethodTable>,
    /// The encodings that its clients take; empty for a server without clients.
    pub encodings: Vec<Encoding>,
}

/// The methods of a server's remotes, each with the number that calls carry.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct MethodTable(HashMap<String, HashMap<String, u32, RandomState>, RandomState>);

impl MethodTable {
    pub(crate) fn add(&mut self, service: &str, method: &str, number: u32) {
        self.0.entry(service.to_owned()).or_default().insert(method.to_owned(), number);
    }

    /// The number of a method.
    pub fn number(&self, service: &str, method: &str) -> Option<u32> {
        self.0.get(service)?.get(method).copied()
    }
}

/// The cluster as this process knows it. Servers of one process share it.
#[derive(Debug, Default)]
pub struct View(RwLock<Arc<Known>>);

/// What is known at one moment.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    expected: HashMap<Arc<str>, Servers, RandomState>,
    live: HashMap<Arc<str>, Servers, RandomState>,
    members: HashMap<ServerId, Member, RandomState>,
}

impl View {
    /// A cluster of the servers that servers.json names, none of them up.
    pub fn expecting(servers: &[Arc<ServerInfo>]) -> Self {
        let mut known = Known::default();
        for info in servers {
            let list = known.expected.entry(info.server_type.clone()).or_default();
            *list = list.iter().cloned().chain([info.clone()]).collect();
        }
        Self(RwLock::new(Arc::new(known)))
    }

    pub(crate) fn known(&self) -> Arc<Known> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Adds a server that is up, or a new incarnation of one.
    pub(crate) fn join(&self, member: Member) {
        self.change(|known| {
            let info = member.info.clone();
            let list = known.expected.entry(info.server_type.clone()).or_default();
            if list.by_id(&info.id).is_none() {
                *list = list.iter().cloned().chain([info.clone()]).collect();
            }
            known.members.insert(info.id.clone(), member);
            known.relist(&info.server_type);
        });
    }

    /// Removes that incarnation of a server, and says whether it was there: a late goodbye of an old incarnation
    /// never removes a new one.
    pub(crate) fn leave(&self, id: &ServerId, incarnation: Incarnation) -> bool {
        let mut left = false;
        self.change(|known| {
            if known.members.get(id).is_some_and(|member| member.incarnation == incarnation)
                && let Some(member) = known.members.remove(id)
            {
                left = true;
                known.relist(&member.info.server_type);
            }
        });
        left
    }

    /// A server turns out to have clients that take this encoding: its connector was started by hand.
    pub(crate) fn add_encoding(&self, id: &ServerId, encoding: Encoding) {
        if self.known().member(id).is_none_or(|member| member.encodings.contains(&encoding)) {
            return;
        }
        self.change(|known| {
            if let Some(member) = known.members.get_mut(id) {
                member.encodings.push(encoding);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        change(Arc::make_mut(&mut known));
    }
}

impl Known {
    fn relist(&mut self, server_type: &Arc<str>) {
        let of_type = self.members.values().filter(|member| member.info.server_type == *server_type);
        self.live.insert(server_type.clone(), of_type.map(|member| member.info.clone()).collect());
    }

    /// The servers of a type that are up.
    pub(crate) fn live(&self, server_type: &str) -> Servers {
        self.live.get(server_type).cloned().unwrap_or_default()
    }

    /// The servers of a type, up or not.
    pub(crate) fn expected(&self, server_type: &str) -> Servers {
        self.expected.get(server_type).cloned().unwrap_or_default()
    }

    /// The server of that id, if it is up.
    pub(crate) fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// The servers that are up, in no particular order.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Whether a server of that id is expected, up or not.
    pub(crate) fn expects(&self, id: &str) -> Option<&Arc<ServerInfo>> {
        self.expected.values().find_map(|servers| servers.by_id(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str) -> Member {
        let mut info: ServerInfo = serde_json::from_value(serde_json::json!({ "id": id })).unwrap();
        info.server_type = "chat".into();
        Member {
            info: Arc::new(info),
            incarnation: Incarnation::begin(id),
            methods: Arc::default(),
            encodings: vec![],
        }
    }

    #[test]
    fn a_late_goodbye_does_not_remove_a_new_incarnation() {
        let (view, old, new) = (View::default(), member("chat-1"), member("chat-1"));
        view.join(old.clone());
        view.join(new.clone());
        assert!(!view.leave(&old.info.id, old.incarnation));
        assert_eq!(view.known().live("chat").len(), 1);
        assert!(view.leave(&new.info.id, new.incarnation));
        assert_eq!((view.known().live("chat").len(), view.known().expected("chat").len()), (0, 1));
    }

    #[test]
    fn lists_do_not_depend_on_the_order_of_joining() {
        let view = View::default();
        for id in ["chat-10", "chat-2", "chat-1"] {
            view.join(member(id));
        }
        let ids: Vec<_> = view.known().live("chat").iter().map(|s| s.id.clone()).collect();
        assert_eq!(ids, ["chat-1", "chat-2", "chat-10"]);
    }
}
