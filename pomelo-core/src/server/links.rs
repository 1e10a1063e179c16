//! Missing links: to which servers this one should have a link and has none, since when and why.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::Server;
use crate::metrics::MissingLink;
use crate::value::{ServerId, ServerInfo};

/// Whether there is a link, for each server that is expected or was linked: since when there is none, if so.
#[derive(Debug, Default)]
pub(crate) struct Links(HashMap<ServerId, Option<Instant>, RandomState>);

impl Links {
    /// There should be links to these; what is known of others is kept only while they are up.
    pub(crate) fn expect<'a>(
        &mut self,
        servers: impl IntoIterator<Item = &'a ServerId>,
        is_up: impl Fn(&ServerId) -> bool,
    ) {
        let now = Instant::now();
        let listed = servers.into_iter().map(|id| (id.clone(), self.0.get(id).copied().unwrap_or(Some(now))));
        let listed: HashMap<_, _, _> = listed.collect();
        let kept = self.0.drain().filter(|(id, _)| is_up(id) && !listed.contains_key(id));
        let kept: Vec<_> = kept.collect();
        self.0 = listed;
        self.0.extend(kept);
    }

    /// There is a link.
    pub(crate) fn made(&mut self, server: &ServerId) {
        self.0.insert(server.clone(), None);
    }

    /// There is none any more.
    pub(crate) fn broke(&mut self, server: &ServerId) {
        self.0.entry(server.clone()).or_default().get_or_insert_with(Instant::now);
    }

    /// The server is gone, and nobody expects it.
    pub(crate) fn forget(&mut self, server: &ServerId) {
        self.0.remove(server);
    }

    /// Since when there is no link to a server, if there is none; `None` is ever since.
    fn missing(&self, server: &ServerId) -> Option<Option<Instant>> {
        match self.0.get(server) {
            Some(None) => None,
            Some(since) => Some(*since),
            None => Some(None),
        }
    }
}

impl Server {
    /// The servers that are expected and can be reached, and to which there is no link now, sorted.
    ///
    /// Each with since when, and with what its transport says of the last attempt.
    pub(crate) fn missing_links(&self) -> Vec<MissingLink> {
        let (Some(link_sender), expected) =
            (self.peers.link_sender.get(), self.peers.view.known().all_expected())
        else {
            return vec![];
        };
        let wanted =
            |info: &&std::sync::Arc<ServerInfo>| !self.peers.owns(&info.id) && link_sender.can_reach(info);
        let mut missing: Vec<_> = {
            let links = self.membership.links();
            let since = |info: &std::sync::Arc<ServerInfo>| Some((info.id.clone(), links.missing(&info.id)?));
            expected.iter().filter(wanted).filter_map(since).collect()
        };
        missing.sort_by(|(one, _), (other, _)| one.cmp(other));
        let ever = self.peers.stats.uptime();
        let link = |(server, since): (ServerId, Option<Instant>)| MissingLink {
            for_ms: millis(since.map_or(ever, |since| since.elapsed())),
            why: link_sender.trouble(&server),
            server,
        };
        missing.into_iter().map(link).collect()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_link_is_missing_since_it_broke_or_was_expected_first() {
        let (mut links, [one, two]) = (Links::default(), ["chat-1", "chat-2"].map(ServerId::from));
        let began = Instant::now();
        links.expect([&one], |_| false);
        tokio::time::advance(Duration::from_secs(3)).await;
        links.made(&two);
        links.expect([&one, &two], |_| false);
        assert_eq!((links.missing(&one), links.missing(&two)), (Some(Some(began)), None));
        links.made(&one);
        links.broke(&one);
        let broke = Instant::now();
        tokio::time::advance(Duration::from_secs(3)).await;
        links.broke(&one);
        links.expect([&one], |_| false);
        assert_eq!((links.missing(&one), links.missing(&two)), (Some(Some(broke)), Some(None)));
    }
}
