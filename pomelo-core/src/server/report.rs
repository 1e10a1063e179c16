//! The report of a server at this moment.

use super::Server;
use crate::metrics::Report;

impl Server {
    /// What there is to say of this server now: its clients, its channels, what it handled and what it dropped.
    ///
    /// It looks at every session and every channel, so ask once in a second rather than for every request.
    #[doc(alias = "getStatisticsInfo")]
    pub fn report(&self) -> Report {
        let sessions = self.registry.all();
        let (channels, channel_members) = self.channels.count();
        let (users, channel_copies) = self.registry.tables().count();
        let known = self.peers.view.known();
        let mut peers: Vec<_> = known.members().map(|member| member.info.id.clone()).collect();
        peers.retain(|peer| !self.peers.owns(peer));
        peers.sort();
        Report {
            id: self.peers.info.id.clone(),
            incarnation: self.peers.incarnation(),
            uptime_ms: u64::try_from(self.peers.stats.uptime().as_millis()).unwrap_or(u64::MAX),
            sessions: sessions.len() as u64,
            bound_sessions: sessions.iter().filter(|session| session.uid().is_some()).count() as u64,
            users: users as u64,
            channels: channels as u64,
            channel_members: channel_members as u64,
            channel_copies: channel_copies as u64,
            outbox_bytes: sessions
                .iter()
                .map(|session| session.with_outbox(|outbox| outbox.queued_bytes()) as u64)
                .sum(),
            link_bytes: self
                .peers
                .link_sender
                .get()
                .map_or(0, |link_sender| link_sender.queued_bytes() as u64),
            pending_calls: self.peers.pending.len() as u64,
            dropped: self
                .peers
                .counters
                .iter()
                .map(|(reason, count)| (reason.name().to_owned(), count))
                .collect(),
            panics: self.peers.counters.panics(),
            routes: self.dispatch.reports(),
            peers,
            missing_links: self.missing_links(),
        }
    }
}
