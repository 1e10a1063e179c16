//! Outages of a real etcd: killed, suspended, compacted; members that lose their leader.

use std::time::Duration;

use crate::support::app::{Server, client, etcd, keys, pair};
use crate::support::server::EtcdServer;
use crate::support::{TTL, until};
use etcd_client::Client;
use tokio::time::sleep;

/// Two servers, and what they were before an outage.
struct Before {
    caller: Server,
    callee: Server,
    incarnations: [String; 2],
}

impl Before {
    fn of((caller, callee): (Server, Server)) -> Self {
        let incarnations = [caller.incarnation(), callee.incarnation()];
        Self { caller, callee, incarnations }
    }

    /// Nobody has noticed anything: calls are served, and no room has moved.
    async fn assert_unmoved(&self) {
        assert_eq!(self.caller.echo("callee-1", "still there").await.unwrap(), "still there");
        let incarnations = [self.caller.incarnation(), self.callee.incarnation()];
        assert_eq!(incarnations, self.incarnations, "a server began anew");
        for server in [&self.caller, &self.callee] {
            assert_eq!(server.events.all(), Vec::<String>::new(), "a room may have moved");
        }
    }

    /// For a while that is long enough for what is wrong to be believed.
    async fn assert_unmoved_for(&self, time: Duration) {
        for _ in 0..time.as_millis() / 250 {
            self.assert_unmoved().await;
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// A server that starts after it is known, and one that stops; and then all is as before.
    async fn assert_somebody_can_come_and_go(&self, etcd: &pomelo_etcd::Etcd) {
        let comes = Server::start(etcd, "callee-2").await;
        self.caller.until_served("callee-2").await;
        let is_told = |text: &str| self.caller.events.all().contains(&text.to_owned());
        until("it is expected", async || is_told("expected [\"callee-1\", \"callee-2\", \"caller-1\"]"))
            .await;
        comes.stop().await;
        until("it is forgotten", async || is_told("expected [\"callee-1\", \"caller-1\"]")).await;
        assert_eq!(self.caller.callees(), ["callee-1"]);
    }

    async fn stop(self) {
        self.caller.stop().await;
        self.callee.stop().await;
    }
}

const BOTH: [&str; 2] = ["/pomelo/servers/callee-1", "/pomelo/servers/caller-1"];

/// How many connections there are when those of the test itself are closed. etcd has one to itself.
async fn settled_connections(server: &EtcdServer) -> usize {
    loop {
        let before = server.connections();
        sleep(Duration::from_millis(500)).await;
        if server.connections() == before {
            return before;
        }
    }
}

async fn until_registered(server: &EtcdServer) {
    let is_there = async || keys(server).await.into_iter().map(|(key, _)| key).eq(BOTH.map(str::to_owned));
    until("both registered", is_there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_is_killed_and_started_again_moves_nothing_and_leaves_no_connection_behind() {
    let mut server = EtcdServer::start().await;
    let etcd = etcd(&server);
    let before = Before::of(pair(&etcd).await);
    until_registered(&server).await;
    let connections = settled_connections(&server).await;
    for _ in 0..3 {
        server.kill();
        // Longer than a TTL.
        before.assert_unmoved_for(Duration::from_secs(6)).await;
        server.run().await;
        until("both connected", async || server.connections() == connections).await;
        before.assert_unmoved_for(TTL + Duration::from_secs(2)).await;
    }
    until_registered(&server).await;
    before.assert_somebody_can_come_and_go(&etcd).await;
    until("as many connections as before", async || server.connections() == connections).await;
    before.stop().await;
    assert_eq!(keys(&server).await, [], "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_is_suspended_for_8_s_with_a_ttl_of_5_s_moves_nothing() {
    let server = EtcdServer::start().await;
    let etcd = etcd(&server);
    let before = Before::of(pair(&etcd).await);
    let leases: Vec<_> = keys(&server).await;
    server.signal("STOP");
    before.assert_unmoved_for(Duration::from_secs(8)).await;
    server.signal("CONT");
    before.assert_unmoved_for(TTL + Duration::from_secs(2)).await;
    until_registered(&server).await;
    println!("leases before {leases:?}, after {:?}", keys(&server).await);
    before.assert_somebody_can_come_and_go(&etcd).await;
    before.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_30_s_moves_nothing() {
    let mut server = EtcdServer::start().await;
    let etcd = etcd(&server);
    let before = Before::of(pair(&etcd).await);
    server.kill();
    before.assert_unmoved_for(Duration::from_secs(30)).await;
    server.run().await;
    before.assert_unmoved_for(TTL + Duration::from_secs(2)).await;
    until_registered(&server).await;
    before.assert_somebody_can_come_and_go(&etcd).await;
    before.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_are_lost_are_taken_again_and_nothing_moves() {
    let server = EtcdServer::start().await;
    let etcd = etcd(&server);
    let before = Before::of(pair(&etcd).await);
    let lost = keys(&server).await;
    let mut client = client(&server).await;
    for (_, lease) in &lost {
        client.lease_revoke(*lease).await.unwrap();
    }
    before.assert_unmoved_for(TTL + Duration::from_secs(2)).await;
    until_registered(&server).await;
    assert!(keys(&server).await.iter().all(|key| !lost.contains(key)), "with leases of their own");
    before.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compacted_is_missed_by_nobody() {
    let mut server = EtcdServer::start().await;
    let etcd = etcd(&server);
    let before = Before::of(pair(&etcd).await);
    for _ in 0..3 {
        compact(&server).await;
        before.assert_unmoved().await;
        server.kill();
        server.run().await;
        compact(&server).await;
        before.assert_unmoved_for(Duration::from_secs(2)).await;
    }
    until_registered(&server).await;
    before.assert_somebody_can_come_and_go(&etcd).await;
    before.stop().await;
}

/// Makes some revisions, and compacts all that there are.
async fn compact(server: &EtcdServer) {
    let mut client = client(server).await;
    let mut last = 0;
    for n in 0..20 {
        let put = client.put("/somebody/else", n.to_string(), None).await.unwrap();
        last = put.header().unwrap().revision();
    }
    client.compact(last, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_members_the_leader_is_killed_and_suspended_and_nothing_moves() {
    let mut members = EtcdServer::cluster(3).await;
    let urls: Vec<_> = members.iter().map(EtcdServer::url).collect();
    let etcd = pomelo_etcd::Etcd::new(urls).ttl(TTL);
    let before = Before::of(pair(&etcd).await);
    let killed = leader(&members).await;
    members[killed].kill();
    before.assert_unmoved_for(TTL + Duration::from_secs(3)).await;
    before.assert_somebody_can_come_and_go(&etcd).await;
    before.caller.events.clear();
    before.callee.events.clear();
    members[killed].run().await;
    let suspended = leader(&members).await;
    assert_ne!(suspended, killed, "another one leads");
    members[suspended].signal("STOP");
    before.assert_unmoved_for(Duration::from_secs(8)).await;
    members[suspended].signal("CONT");
    before.assert_unmoved_for(TTL + Duration::from_secs(2)).await;
    before.assert_somebody_can_come_and_go(&etcd).await;
    let connections = || members.iter().map(EtcdServer::connections).sum::<usize>();
    println!("{} connections", connections());
    before.stop().await;
}

/// Which member leads.
async fn leader(members: &[EtcdServer]) -> usize {
    loop {
        for (index, member) in members.iter().enumerate() {
            let Ok(mut client) = Client::connect([member.url()], None).await else { continue };
            let status = tokio::time::timeout(Duration::from_secs(1), client.status()).await;
            let Ok(Ok(status)) = status else { continue };
            if status.header().is_some_and(|header| header.member_id() == status.leader()) {
                return index;
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_while_etcd_is_away_start_and_know_each_other_when_it_is_there() {
    let mut server = EtcdServer::prepare();
    let etcd = etcd(&server);
    let (caller, callee) = tokio::join!(Server::start(&etcd, "caller-1"), Server::start(&etcd, "callee-1"));
    assert_eq!(caller.callees(), Vec::<String>::new(), "nobody has told it of any");
    server.run().await;
    caller.until_served("callee-1").await;
    until_registered(&server).await;
    caller.stop().await;
    callee.stop().await;
}
