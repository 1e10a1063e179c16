//! Gaps: links between servers that are missing, as the servers at their ends say (no I/O, no clock).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use pomelo_core::metrics::MissingLink;
use pomelo_core::value::ServerId;

/// A link that a server says it hasn't.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gap {
    since: Instant,
    why: Option<String>,
}

/// The links that are missing. One is known by what either end says of it.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    said: BTreeMap<ServerId, BTreeMap<ServerId, Gap>>,
    /// Who has said something of a server.
    by: BTreeMap<ServerId, BTreeSet<ServerId>>,
}

impl Gaps {
    /// A server says which links it hasn't: all of them.
    pub(super) fn say(&mut self, by: &ServerId, missing: &[MissingLink], now: Instant) {
        self.forget(by);
        let gap = |link: &MissingLink| Gap {
            since: now.checked_sub(Duration::from_millis(link.for_ms)).unwrap_or(now),
            why: link.why.clone(),
        };
        for link in missing {
            self.by.entry(link.server.clone()).or_default().insert(by.clone());
            self.said.entry(by.clone()).or_default().insert(link.server.clone(), gap(link));
        }
    }

    /// Forgets what a server has said.
    pub(super) fn forget(&mut self, by: &ServerId) {
        for about in self.said.remove(by).unwrap_or_default().into_keys() {
            if let Some(said_by) = self.by.get_mut(&about) {
                said_by.remove(by);
                if said_by.is_empty() {
                    self.by.remove(&about);
                }
            }
        }
    }

    /// The servers that one lacks a link to, as it says or they do, sorted.
    pub(super) fn of<'a>(&'a self, server: &'a ServerId) -> impl Iterator<Item = &'a ServerId> {
        let own = self.said.get(server).into_iter().flat_map(BTreeMap::keys);
        let others = self.by.get(server).into_iter().flatten();
        let both: BTreeSet<_> = own.chain(others).collect();
        both.into_iter()
    }

    /// What there is to say of a missing link, to somebody who looks at it from `server`.
    pub(super) fn link(&self, server: &ServerId, other: &ServerId, now: Instant) -> MissingLink {
        let said = |by, about| self.said.get(by).and_then(|said: &BTreeMap<ServerId, Gap>| said.get(about));
        let (own, theirs) = (said(server, other), said(other, server));
        let since = own.into_iter().chain(theirs).map(|gap| gap.since).min().unwrap_or(now);
        let own_word = own.and_then(|gap| gap.why.clone());
        let their_word = || Some(format!("{}, says {other}", theirs?.why.as_ref()?));
        let for_ms = u64::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX);
        MissingLink::new(other.clone(), for_ms, own_word.or_else(their_word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(server: &str, for_ms: u64, why: Option<&str>) -> MissingLink {
        MissingLink::new(server.into(), for_ms, why.map(str::to_owned))
    }

    #[test]
    fn a_gap_is_known_at_both_ends_until_both_say_nothing_of_it() {
        let (mut gaps, now) = (Gaps::default(), Instant::now());
        let [one, two, three] = ["chat-1", "chat-2", "chat-3"].map(ServerId::from);
        gaps.say(&one, &[missing("chat-2", 5_000, Some("connection refused"))], now);
        gaps.say(&two, &[missing("chat-1", 7_000, None), missing("chat-3", 0, None)], now);
        let of = |gaps: &Gaps, server| gaps.of(server).cloned().collect::<Vec<_>>();
        assert_eq!(of(&gaps, &one), ["chat-2"]);
        assert_eq!(of(&gaps, &two), ["chat-1", "chat-3"]);
        assert_eq!(of(&gaps, &three), ["chat-2"]);
        let seen = |gaps: &Gaps| [gaps.link(&one, &two, now), gaps.link(&two, &one, now)];
        let theirs = Some("connection refused, says chat-1");
        let wanted = [missing("chat-2", 7_000, Some("connection refused")), missing("chat-1", 7_000, theirs)];
        assert_eq!(seen(&gaps), wanted);
        gaps.say(&two, &[], now);
        assert_eq!((of(&gaps, &two), of(&gaps, &three).len()), (vec!["chat-1".into()], 0));
        gaps.say(&one, &[], now);
        assert!(gaps.said.is_empty() && gaps.by.is_empty());
    }
}
