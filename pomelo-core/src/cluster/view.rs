//! The cluster as one server sees it: the servers that are expected, and those that are up.
//!
//! ```text
//!             expect                      joined                        left, a later process, off the list
//!  unknown ──────────▶ expected, down ──────────────▶ expected, up ──────────────────────▶ gone (expected, or forgotten)
//!                                                     leaving: takes nothing new
//! ```
//!
//! Readers take an [`Arc`] of what is known and keep no lock; each change makes it anew. Changes are rare,
//! and every message reads.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::value::{Incarnation, ServerId, ServerInfo, ServerList};
use crate::wire::Encoding;

/// A server that is up, as others need to know it.
///
/// ```
/// use pomelo::ext::discovery::{Incarnation, Member, ServerInfo};
///
/// let info: ServerInfo = serde_json::from_value(serde_json::json!({ "id": "chat-1", "serverType": "chat" })).unwrap();
/// let member = Member {
///     incarnation: Incarnation::begin(&info.id),
///     info: info.into(),
///     methods: Default::default(),
///     encodings: vec![],
///     leaving: false,
///     newcomer: false,
/// };
/// assert!(!member.is_guest());
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    /// What servers.json says of it. A process that only calls others is of the type `""`, a guest.
    pub info: Arc<ServerInfo>,
    /// Which of its incarnations this is.
    pub incarnation: Incarnation,
    /// The methods that it can be called for.
    pub methods: Arc<MethodTable>,
    /// The encodings that its clients take; empty for a server without clients.
    pub encodings: Vec<Encoding>,
    /// It is about to stop: it ends what it has begun, and nothing new should be sent to it.
    #[serde(default)]
    pub leaving: bool,
    /// It has begun, and its discovery has not taken it in yet: routers that don't expect it route nothing to it. False of a
    /// server of before.
    #[serde(default)]
    pub newcomer: bool,
}

impl Member {
    /// Whether it is no server of the cluster, but a process that calls its servers.
    pub fn is_guest(&self) -> bool {
        self.info.server_type.is_empty()
    }
}

/// The methods of a server's remotes, each with the number that calls carry.
///
/// Numbers are given in the order in which methods were mounted first, and stay: a call that is on its way
/// when a server [reloads](crate::app::App::reload) finds its method.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct MethodTable(HashMap<String, HashMap<String, u32, RandomState>, RandomState>);

impl MethodTable {
    pub(crate) fn add(&mut self, service: &str, method: &str, number: u32) {
        self.0.entry(service.to_owned()).or_default().insert(method.to_owned(), number);
    }

    /// Those methods whose number `wanted` picks.
    pub(crate) fn only(&self, wanted: impl Fn(u32) -> bool) -> Self {
        let mut table = self.clone();
        table.0.values_mut().for_each(|methods| methods.retain(|_, number| wanted(*number)));
        table
    }

    /// The number of a method.
    pub fn number(&self, service: &str, method: &str) -> Option<u32> {
        self.0.get(service)?.get(method).copied()
    }
}

/// The cluster as one server knows it.
#[derive(Debug, Default)]
pub(crate) struct View {
    known: RwLock<Arc<Known>>,
    /// Whether a server that was up is no more.
    lacks_any: AtomicBool,
}

/// What is known at one moment.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    /// Servers that there should be, by type: what routers hash over.
    expected: HashMap<Arc<str>, ServerList, RandomState>,
    /// Servers that are up, by type.
    live: HashMap<Arc<str>, ServerList, RandomState>,
    /// What is known of each server that is up.
    members: HashMap<ServerId, Member, RandomState>,
    /// Servers that no list had when they came; they are expected as long as they are up.
    uninvited: HashSet<ServerId, RandomState>,
    /// The latest process of each server of the cluster that was ever up.
    latest: HashMap<ServerId, Incarnation, RandomState>,
}

/// What it means that a server says it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// It was not.
    New,
    /// It is still the same process; something of it may have changed.
    Again,
    /// An earlier process of it was there, which is over.
    Reborn(Incarnation),
    /// A later process of it has been there.
    Superseded(Incarnation),
}

/// How a list of expected servers differs from the one before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) added: Vec<ServerId>,
    pub(crate) removed: Vec<ServerId>,
}

impl View {
    /// A cluster of the servers that servers.json names, none of them up.
    pub(crate) fn expecting(servers: &[Arc<ServerInfo>]) -> Self {
        let view = Self::default();
        view.expect(servers);
        view
    }

    pub(crate) fn known(&self) -> Arc<Known> {
        self.known.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Whether a server was up and is no more. It costs next to nothing while all are there: every envelope asks.
    pub(crate) fn lacks(&self, id: &str) -> bool {
        let known = || self.known.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.lacks_any.load(Ordering::Acquire) && known().has_left(id)
    }

    /// Replaces the list of servers that are expected. One that is up stays among them until it is gone, so that a
    /// master that begins anew, and has not heard of all yet, moves nobody's room.
    pub(crate) fn expect(&self, servers: &[Arc<ServerInfo>]) -> Changes {
        self.change(|known| {
            let is_listed = |id: &ServerId| servers.iter().any(|listed| listed.id == *id);
            let stays = |member: &&Member| {
                let id = &member.info.id;
                !member.is_guest() && !is_listed(id) && (!member.newcomer || known.expects(id).is_some())
            };
            let uninvited: Vec<_> =
                known.members.values().filter(stays).map(|member| member.info.clone()).collect();
            known.uninvited = uninvited.iter().map(|info| info.id.clone()).collect();
            let mut lists: HashMap<Arc<str>, Vec<Arc<ServerInfo>>> = HashMap::new();
            for info in servers.iter().chain(&uninvited) {
                lists.entry(info.server_type.clone()).or_default().push(info.clone());
            }
            let before: Vec<_> = known.expected.values().flat_map(|list| list.iter().cloned()).collect();
            // A type whose last server was removed stays, with an empty list.
            known.expected.values_mut().for_each(|list| *list = ServerList::default());
            known.expected.extend(lists.into_iter().map(|(of, list)| (of, list.into_iter().collect())));
            let (expected, members) = (&known.expected, &known.members);
            let is_expected = |id: &ServerId| expected.values().any(|servers| servers.by_id(id).is_some());
            known.latest.retain(|id, _| members.contains_key(id) || is_expected(id));
            let is_in = |list: &[Arc<ServerInfo>], id: &ServerId| list.iter().any(|info| info.id == *id);
            let servers = &*[servers, &uninvited].concat();
            let missing_in = |list: &[Arc<ServerInfo>], all: &[Arc<ServerInfo>]| {
                all.iter().filter(|info| !is_in(list, &info.id)).map(|info| info.id.clone()).collect()
            };
            let newcomers = known.members.values().filter(|member| member.newcomer);
            let types: HashSet<_> = newcomers.map(|member| member.info.server_type.clone()).collect();
            types.iter().for_each(|server_type| known.relist(server_type));
            Changes { added: missing_in(&before, servers), removed: missing_in(servers, &before) }
        })
    }

    /// A server says that it is up.
    pub(crate) fn join(&self, member: Member) -> Joined {
        self.change(|known| {
            let (info, incarnation) = (member.info.clone(), member.incarnation);
            if let Some(later) = known.latest.get(&info.id).filter(|latest| incarnation < **latest) {
                return Joined::Superseded(*later);
            }
            let before = known.members.get(&info.id).map(|member| member.incarnation);
            let joined = match before {
                None => Joined::New,
                Some(before) if before == incarnation => Joined::Again,
                // A link of an older process that was slower than that of the new one.
                Some(before) if before > incarnation => return Joined::Superseded(before),
                Some(before) => Joined::Reborn(before),
            };
            let (guest, newcomer) = (member.is_guest(), member.newcomer);
            known.members.insert(info.id.clone(), member);
            if !guest {
                known.latest.insert(info.id.clone(), incarnation);
                if !newcomer && known.expects(&info.id).is_none() {
                    known.uninvited.insert(info.id.clone());
                    let list = known.expected.entry(info.server_type.clone()).or_default();
                    *list = list.iter().cloned().chain([info.clone()]).collect();
                }
                known.relist(&info.server_type);
            }
            joined
        })
    }

    /// That process of a server is gone; says which server that was if it was there: a late goodbye of an old incarnation never
    /// removes a new one.
    pub(crate) fn leave(&self, id: &ServerId, incarnation: Incarnation) -> Option<Member> {
        self.change(|known| {
            known.members.get(id).filter(|member| member.incarnation == incarnation)?;
            let member = known.members.remove(id)?;
            if known.uninvited.contains(id) {
                known.latest.remove(id);
            }
            if known.uninvited.remove(id)
                && let Some(list) = known.expected.get_mut(&member.info.server_type)
            {
                *list = list.iter().filter(|info| info.id != *id).cloned().collect();
            }
            known.relist(&member.info.server_type);
            Some(member)
        })
    }

    /// Changes what is known of this server itself, and returns it.
    pub(crate) fn change_own(&self, id: &ServerId, change: impl FnOnce(&mut Member)) -> Option<Member> {
        self.change(|known| {
            let member = known.members.get_mut(id)?;
            change(member);
            let member = member.clone();
            known.relist(&member.info.server_type);
            Some(member)
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let changed = change(Arc::make_mut(&mut known));
        let lacks_any = known.latest.keys().any(|id| known.has_left(id));
        self.lacks_any.store(lacks_any, Ordering::Release);
        changed
    }
}

impl Known {
    fn relist(&mut self, server_type: &Arc<str>) {
        let is_taken_in = |member: &Member| !member.newcomer || self.expects(&member.info.id).is_some();
        let of_type = |member: &&Member| {
            member.info.server_type == *server_type && !member.leaving && is_taken_in(member)
        };
        let live = self.members.values().filter(of_type).map(|member| member.info.clone()).collect();
        self.live.insert(server_type.clone(), live);
    }

    /// The servers of a type that are up and stay.
    pub(crate) fn live(&self, server_type: &str) -> ServerList {
        self.live.get(server_type).cloned().unwrap_or_default()
    }

    /// The servers of a type, up or not.
    pub(crate) fn expected(&self, server_type: &str) -> ServerList {
        self.expected.get(server_type).cloned().unwrap_or_default()
    }

    /// The server of that id, if it is up.
    pub(crate) fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// The server of that id, if it is up and takes new work.
    pub(crate) fn working(&self, id: &str) -> Option<&Member> {
        self.members.get(id).filter(|member| !member.leaving)
    }

    /// Whether a server was up and is no more.
    pub(crate) fn has_left(&self, id: &str) -> bool {
        !self.members.contains_key(id) && self.latest.contains_key(id)
    }

    /// The servers that are up, in no particular order.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Whether a server of that id is expected, up or not.
    pub(crate) fn expects(&self, id: &str) -> Option<&Arc<ServerInfo>> {
        self.expected.values().find_map(|servers| servers.by_id(id))
    }

    /// All servers that are expected.
    pub(crate) fn all_expected(&self) -> Vec<Arc<ServerInfo>> {
        self.expected.values().flat_map(|list| list.iter().cloned()).collect()
    }

    /// Whether every server that is expected is up.
    pub(crate) fn is_complete(&self) -> bool {
        self.all_up(|_| true)
    }

    /// Whether every server that is expected and that counts is up.
    pub(crate) fn all_up(&self, counts: impl Fn(&ServerInfo) -> bool) -> bool {
        let expected = self.expected.values().flat_map(|list| list.iter());
        expected.filter(|info| counts(info)).all(|info| self.members.contains_key(&info.id))
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
            leaving: false,
            newcomer: false,
        }
    }

    #[test]
    fn a_newcomer_is_routed_to_when_a_list_has_it_or_it_was_taken_in() {
        let (one, two) = (member("chat-1"), member("chat-2"));
        let view = View::expecting(std::slice::from_ref(&one.info));
        let newcomer = Member { newcomer: true, ..two.clone() };
        let routed = || {
            let known = view.known();
            (known.expected("chat").len(), known.live("chat").len())
        };
        view.join(one.clone());
        assert_eq!((view.join(newcomer.clone()), routed()), (Joined::New, (1, 1)));
        view.expect(std::slice::from_ref(&one.info));
        assert_eq!(routed(), (1, 1), "a list that lacks it changes nothing");
        assert!(view.known().working("chat-2").is_some(), "it can be called by its id");
        view.expect(&[one.info.clone(), two.info.clone()]);
        assert_eq!(routed(), (2, 2));
        view.expect(std::slice::from_ref(&one.info));
        assert_eq!(routed(), (2, 2), "nobody's room moves while it is up");

        view.leave(&two.info.id, two.incarnation);
        view.join(newcomer);
        assert_eq!(routed(), (1, 1));
        assert_eq!((view.join(two), routed()), (Joined::Again, (2, 2)));
    }

    #[test]
    fn a_late_goodbye_does_not_remove_a_new_incarnation() {
        let (view, old, new) = (View::default(), member("chat-1"), member("chat-1"));
        view.join(old.clone());
        view.join(new.clone());
        assert!(view.leave(&old.info.id, old.incarnation).is_none());
        assert_eq!(view.known().live("chat").len(), 1);
        assert!(view.leave(&new.info.id, new.incarnation).is_some());
        assert_eq!((view.known().live("chat").len(), view.known().expected("chat").len()), (0, 0));
    }

    #[test]
    fn a_server_of_the_list_is_expected_while_it_is_down_and_any_other_while_it_is_up() {
        let (listed, other) = (member("chat-1"), member("chat-2"));
        let view = View::expecting(std::slice::from_ref(&listed.info));
        for member in [&listed, &other] {
            view.join(member.clone());
        }
        assert_eq!(view.known().expected("chat").len(), 2);
        for member in [&listed, &other] {
            view.leave(&member.info.id, member.incarnation);
        }
        assert!(view.known().expects("chat-1").is_some() && view.known().expects("chat-2").is_none());
    }

    #[test]
    fn a_server_that_is_up_stays_expected_when_a_list_lacks_it() {
        let (one, two) = (member("chat-1"), member("chat-2"));
        let view = View::expecting(&[one.info.clone(), two.info.clone()]);
        view.join(two.clone());
        assert_eq!(view.expect(std::slice::from_ref(&one.info)), Changes::default());
        assert_eq!(view.known().expected("chat").len(), 2);
        view.leave(&two.info.id, two.incarnation);
        assert_eq!(view.known().expected("chat").len(), 1);
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

    #[test]
    fn a_process_that_was_gone_comes_back_and_an_earlier_one_does_not() {
        let old = member("chat-1");
        let view = View::expecting(std::slice::from_ref(&old.info));
        assert_eq!(view.join(old.clone()), Joined::New);
        assert_eq!(view.join(old.clone()), Joined::Again);
        view.leave(&old.info.id, old.incarnation);
        assert!(view.known().has_left("chat-1"));
        assert_eq!(view.join(old.clone()), Joined::New);
        assert!(!view.known().has_left("chat-1"));
        let incarnation = Incarnation::begin_after("chat-1", old.incarnation);
        let new = Member { incarnation, ..old.clone() };
        assert_eq!(view.join(new.clone()), Joined::Reborn(old.incarnation));
        assert_eq!(view.join(old.clone()), Joined::Superseded(incarnation));
        view.leave(&new.info.id, incarnation);
        assert_eq!(view.join(old), Joined::Superseded(incarnation));
        assert_eq!(view.join(new), Joined::New);
    }

    #[test]
    fn nothing_is_kept_of_guests_and_of_servers_that_are_not_expected() {
        let (listed, other, mut guest) = (member("chat-1"), member("chat-2"), member("web-1"));
        let view = View::expecting(std::slice::from_ref(&listed.info));
        let mut info = ServerInfo::clone(&guest.info);
        info.server_type = "".into();
        guest.info = Arc::new(info);
        for member in [&listed, &other, &guest] {
            view.join(member.clone());
            view.leave(&member.info.id, member.incarnation);
        }
        assert_eq!(view.known().latest.keys().collect::<Vec<_>>(), ["chat-1"]);
        assert!(view.lacks("chat-1") && !view.lacks("chat-2") && !view.lacks("web-1"));
        view.expect(&[]);
        assert!(view.known().latest.is_empty() && !view.lacks("chat-1"));
    }

    #[test]
    fn a_server_that_leaves_is_up_and_takes_no_new_work() {
        let (view, one) = (View::default(), member("chat-1"));
        view.join(one.clone());
        view.join(Member { leaving: true, ..one });
        let known = view.known();
        assert_eq!((known.live("chat").len(), known.expected("chat").len()), (0, 1));
        assert!(known.member("chat-1").is_some() && known.working("chat-1").is_none());
    }

    #[test]
    fn a_new_list_says_what_changed_and_keeps_emptied_types() {
        let view = View::expecting(&[member("chat-1").info, member("chat-2").info]);
        let changes = view.expect(&[member("chat-2").info, member("chat-3").info]);
        assert_eq!(
            (&changes.added[..], &changes.removed[..]),
            (&["chat-3".into()][..], &["chat-1".into()][..])
        );
        assert!(!view.known().is_complete());
        assert_eq!(view.expect(&[]).removed.len(), 2);
        assert!(view.known().is_complete() && view.known().expected.contains_key("chat"));
    }
}
