//! Reach: whether those who must have a link to a server have one.
//!
//! Every server must have a link to every other one that is there, where one of the two has a port. A server to which nobody
//! has a link is *unreachable*, and nobody else is blamed for that. One that lacks a link to some that others reach is *partly
//! linked*, and so are these. One that never was up lacks its links by itself: those that were are none the worse for it. Those that
//! have no port dial it only when it is expected, so it is up without them, and stays so if they do.

use std::time::Instant;

use pomelo_core::metrics::MissingLink;

use super::{Entry, LinkId, Registry};
use crate::status::{ServerState, ServerStatus};

impl Registry {
    /// What a server is doing; one that is there is up if those who must have a link to it do.
    pub(crate) fn state(&self, entry: &Entry) -> ServerState {
        match entry.state() {
            ServerState::Up => self.reach(entry),
            other => other,
        }
    }

    /// Whether a server is up, and has said so of its links since it was told of all others.
    pub(crate) fn serves(&self, entry: &Entry) -> bool {
        let has_said = entry.incarnation.as_ref().is_some_and(|own| own.has_said_links);
        has_said && self.state(entry) == ServerState::Up
    }

    /// The links that a server isn't up for, sorted.
    pub(crate) fn missing_links(&self, entry: &Entry, now: Instant) -> Vec<MissingLink> {
        let missing = match self.state(entry) {
            ServerState::Unreachable => self.missing(entry),
            ServerState::PartlyLinked => self.blamed(entry),
            _ => vec![],
        };
        missing.iter().map(|other| self.gaps.link(&entry.info.id, &other.info.id, now)).collect()
    }

    /// All servers, sorted by id, each with the connection to ask it by.
    pub(crate) fn statuses(&self, now: Instant) -> Vec<(ServerStatus, Option<LinkId>)> {
        let of_entry = |entry: &Entry| {
            let missing_links = self.missing_links(entry, now);
            let status = ServerStatus { state: self.state(entry), missing_links, ..entry.status(now) };
            (status, entry.link())
        };
        self.entries().map(of_entry).collect()
    }

    pub(super) fn is_reached(&self, entry: &Entry) -> bool {
        self.state(entry) == ServerState::Up
    }

    fn reach(&self, entry: &Entry) -> ServerState {
        if self.is_unreachable(entry) {
            ServerState::Unreachable
        } else if self.blamed(entry).is_empty() {
            ServerState::Up
        } else {
            ServerState::PartlyLinked
        }
    }

    fn is_unreachable(&self, entry: &Entry) -> bool {
        let missing = self.missing(entry).len();
        // Nearly always there are none, so that the others need not be counted.
        missing > 0 && missing == self.entries().filter(|other| counts(entry, other)).count()
    }

    /// The servers that it lacks a link to and that others reach.
    fn blamed(&self, entry: &Entry) -> Vec<&Entry> {
        let mut missing = self.missing(entry);
        missing.retain(|other| !self.is_unreachable(other));
        missing
    }

    /// The servers that it lacks a link to.
    fn missing(&self, entry: &Entry) -> Vec<&Entry> {
        let others = self.gaps.of(&entry.info.id).filter_map(|id| self.get(id));
        others.filter(|other| counts(entry, other)).collect()
    }
}

/// Whether a server is none the better for a missing link to that other one.
fn counts(entry: &Entry, other: &Entry) -> bool {
    let is_wanted = match entry.standing.is_member() {
        true => other.standing.is_member(),
        // One without a port has to dial, and does so once it is told whom to expect.
        false => other.info.port.is_some(),
    };
    other.is_there() && entry.can_be_linked_with(other) && is_wanted
}
