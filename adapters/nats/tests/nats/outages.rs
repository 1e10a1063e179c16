//! Outages of a real NATS: killed, suspended, about to stop.

use std::time::{Duration, Instant};

use crate::support::app::{Server, pair};
use crate::support::load::Load;
use crate::support::{NatsServer, cluster, free_port, until};
use pomelo_nats::Nats;
use tokio::time::sleep;

/// What must hold after an outage: it has cost nobody anything but calls, which failed as refused.
struct Before {
    incarnations: (String, String),
    connections: u64,
    load: Load,
}

impl Before {
    fn of(caller: &Server, callee: &Server, nats: &NatsServer) -> Self {
        Self {
            incarnations: (caller.incarnation(), callee.incarnation()),
            connections: nats.connections(),
            load: Load::start(caller),
        }
    }

    async fn still_holds(self, caller: &Server, callee: &Server, nats: &NatsServer) {
        let back_at = Instant::now();
        caller.until_served("callee-1").await;
        println!("served {:?} after NATS was back", back_at.elapsed());
        let ends = self.load.stop().await;
        println!("{ends:?}");
        assert!(ends.keys().all(|end| end == "answered" || end == "Refused"), "{ends:?}");
        assert_eq!((caller.incarnation(), callee.incarnation()), self.incarnations, "a server began anew");
        for server in [caller, callee] {
            assert_eq!(server.events.all(), Vec::<String>::new(), "a room may have moved");
        }
        until("as many connections as before", async || nats.connections() == self.connections).await;
    }
}

/// Kills NATS for so long, so many times.
async fn killed(times: usize, away: Duration) {
    let mut nats = NatsServer::start().await;
    let (caller, callee) = pair(&Nats::new(nats.url())).await;
    for _ in 0..times {
        let before = Before::of(&caller, &callee, &nats);
        nats.kill();
        caller.until_refused("callee-1").await;
        sleep(away).await;
        caller.until_refused("callee-1").await;
        nats.run().await;
        before.still_holds(&caller, &callee, &nats).await;
    }
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_that_is_killed_and_started_again_moves_no_room_and_calls_fail_at_once_meanwhile() {
    // For longer than a server may be silent.
    killed(3, Duration::from_secs(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_that_is_away_for_30_s_costs_no_more_than_calls() {
    killed(1, Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_that_is_suspended_for_8_s_makes_nobody_look_dead() {
    let nats = NatsServer::start().await;
    let (caller, callee) = pair(&Nats::new(nats.url())).await;
    let before = Before::of(&caller, &callee, &nats);
    nats.signal("STOP");
    sleep(Duration::from_secs(8)).await;
    caller.until_refused("callee-1").await;
    nats.signal("CONT");
    before.still_holds(&caller, &callee, &nats).await;
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_leave_a_nats_that_is_about_to_stop_for_another_one() {
    let (one, other) = (free_port(), free_port());
    let mut first = NatsServer::start_with(&cluster(one, other)).await;
    let mut second = NatsServer::prepare(&cluster(other, one));
    // All begin at the first one: nobody else is there.
    let nats = Nats::new(format!("{},{}", first.url(), second.url()));
    let (caller, callee) = pair(&nats).await;
    second.run().await;
    let before = Before::of(&caller, &callee, &first);
    let connections = before.connections;
    first.signal("USR2");
    until("everybody at the second one", async || second.connections() == connections).await;
    before.still_holds(&caller, &callee, &second).await;
    first.kill();
    for number in 0..20 {
        assert_eq!(caller.echo("callee-1", &number.to_string()).await.unwrap(), number.to_string());
    }
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_accepted_and_arrives_or_is_counted_whatever_becomes_of_nats() {
    let mut nats = NatsServer::start().await;
    let (caller, callee) = pair(&Nats::new(nats.url())).await;
    let mut accepted = 0_u64;
    for round in 0..3 {
        for number in 0..3_000 {
            let count = caller.app().rpc.callee.echo_remote.count(pomelo::to("callee-1"));
            if count.notify().is_ok() {
                accepted += 1;
            }
            if number == 1_500 {
                nats.kill();
            }
            if number % 100 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        caller.until_refused("callee-1").await;
        nats.run().await;
        caller.until_served("callee-1").await;
        assert!(accepted > round * 1_500, "it takes messages between the outages");
    }
    let arrived = || callee.got.0.load(std::sync::atomic::Ordering::Acquire);
    until("what was accepted has arrived or is counted", async || accepted <= arrived() + caller.counted())
        .await;
    assert!(arrived() <= accepted, "nothing arrives twice: {} of {accepted}", arrived());
    println!("{accepted} accepted, {} arrived, {} counted", arrived(), caller.counted());
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_while_nats_is_away_wait_for_it_and_serve_then() {
    let mut nats = NatsServer::prepare("");
    let options = Nats::new(nats.url());
    let starting =
        async { tokio::join!(Server::start(&options, "caller-1"), Server::start(&options, "callee-1")) };
    let (servers, ()) = tokio::join!(starting, async {
        sleep(Duration::from_secs(1)).await;
        nats.run().await;
    });
    let (caller, callee) = servers;
    caller.until_served("callee-1").await;
    caller.stop().await;
    callee.stop().await;
}
