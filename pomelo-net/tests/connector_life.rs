//! Heartbeats, kicks and ends.

mod connector_support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connector_support::client::{SHAKE, request};
use connector_support::{Client, Server, millis, soon, until};
use pomelo_core::metrics::Dropped;
use pomelo_net::connector::Hybrid;
use pomelo_net::protocol::package::{HEARTBEAT, Package, PackageKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn the_ack_and_every_heartbeat_are_answered_at_once() {
    let server = Server::start(Hybrid::new().heartbeat(Duration::from_secs(60))).await;
    for mut client in Client::both(server.address).await {
        assert_eq!(client.shake().await["sys"]["heartbeat"], 60);
        for _ in 0..3 {
            client.beat().await;
            client.beat_comes().await;
        }
        client.raw([HEARTBEAT, HEARTBEAT].concat()).await;
        client.beat_comes().await;
        client.beat_comes().await;
    }
}

#[tokio::test]
async fn a_client_without_heartbeats_is_dropped_though_it_sends_data() {
    let server = Server::start(Hybrid::new().heartbeat(millis(200))).await;
    for websocket in [false, true] {
        let mut client = Client::of_kind(websocket, server.address).await;
        client.shake().await;
        let began = Instant::now();
        while client.try_raw(request(1, "echo", "{}")).await && client.package().await.is_some() {
            tokio::time::sleep(millis(20)).await;
        }
        assert!(began.elapsed() >= millis(399), "{:?}", began.elapsed());
        until(|| server.sessions() == 0).await;
    }
}

#[tokio::test]
async fn a_client_with_heartbeats_stays() {
    let server = Server::start(Hybrid::new().heartbeat(millis(500))).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    for _ in 0..12 {
        tokio::time::sleep(millis(150)).await;
        client.beat().await;
        client.beat_comes().await;
    }
}

#[tokio::test]
async fn time_in_which_the_server_does_not_read_is_no_silence() {
    let server = Server::start(Hybrid::new().heartbeat(millis(500))).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    // Handled one after the other: the session's queue is full for much longer than the timeout.
    for id in 1..=400 {
        client.raw(request(id, "slow", r#"{"ms":5}"#)).await;
    }
    for id in 1..=400 {
        assert_eq!(client.message().await.id, id);
    }
    client.beat().await;
    client.beat_comes().await;
}

#[tokio::test]
async fn a_server_that_stalls_blames_no_client() {
    let server = Server::start(Hybrid::new().heartbeat(millis(200))).await;
    for websocket in [false, true] {
        let mut client = Client::of_kind(websocket, server.address).await;
        client.shake().await;
        client.beat().await;
        // This thread is the server's, too: deadlines and input pile up together.
        std::thread::sleep(millis(1700));
        client.beat_comes().await;
        client.beat().await;
        client.beat_comes().await;
    }
}

#[tokio::test]
async fn without_heartbeats_traffic_counts_in_both_directions() {
    let server = Server::start(Hybrid::new().idle_timeout(millis(400))).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    for id in 1..8 {
        tokio::time::sleep(millis(120)).await;
        client.ask(id, "echo", "{}").await;
    }
    // Nothing is read while this is handled, but then something is written.
    client.ask(8, "slow", r#"{"ms":300}"#).await;
    tokio::time::sleep(millis(250)).await;
    client.ask(9, "echo", "{}").await;
    client.end().await;
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Waits on virtual time until the server has dropped its clients: that takes the limit, and hardly longer.
///
/// Time stands still while a client talks, and runs when nothing is on its way: else it would run while bytes are.
async fn dropped_after(limit: Duration, server: &Server, began: tokio::time::Instant) {
    let settled = tokio::time::Instant::now();
    until(|| server.sessions() == 0).await;
    let (longest, shortest) = (began.elapsed(), settled.elapsed());
    assert!(longest >= limit && shortest < limit + seconds(1), "{shortest:?} to {longest:?} for {limit:?}");
}

#[tokio::test]
async fn who_is_idle_is_dropped_when_the_limit_is_over() {
    let server = Server::start(Hybrid::new()).await;
    let began = tokio::time::Instant::now();
    let mut clients = Client::both(server.address).await;
    for client in &mut clients {
        client.shake().await;
    }
    tokio::time::pause();
    dropped_after(seconds(90), &server, began).await;
}

#[tokio::test]
async fn what_is_written_begins_the_limit_anew() {
    let server = Server::start(Hybrid::new().idle_timeout(seconds(40))).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    tokio::time::pause();
    tokio::time::sleep(seconds(30)).await;
    let began = tokio::time::Instant::now();
    server.broadcast("onText");
    dropped_after(seconds(40), &server, began).await;
}

#[tokio::test]
async fn who_sends_no_heartbeat_is_dropped_when_the_timeout_is_over() {
    let server = Server::start(Hybrid::new().heartbeat(seconds(20)).timeout(seconds(50))).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    tokio::time::pause();
    tokio::time::sleep(seconds(30)).await;
    tokio::time::resume();
    let began = tokio::time::Instant::now();
    client.beat().await;
    client.beat_comes().await;
    tokio::time::pause();
    tokio::time::sleep(seconds(20)).await;
    // It counts from a heartbeat, not from this.
    server.broadcast("onText");
    dropped_after(seconds(50), &server, began).await;
}

#[tokio::test]
async fn without_heartbeats_none_is_answered_and_a_second_handshake_is_ignored() {
    let server = Server::start(Hybrid::new()).await;
    for mut client in Client::both(server.address).await {
        client.shake().await;
        client.beat().await;
        client.send(PackageKind::Handshake, SHAKE.as_bytes()).await;
        client.ask(1, "echo", "{}").await;
    }
}

#[tokio::test]
async fn who_may_be_idle_stays() {
    let server = Server::start(Hybrid::new().idle_timeout(None).handshake_deadline(millis(200))).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    tokio::time::sleep(millis(600)).await;
    client.ask(1, "echo", "{}").await;
}

#[tokio::test]
async fn a_kick_arrives_before_the_close() {
    let server = Server::start(Hybrid::new()).await;
    for mut client in Client::both(server.address).await {
        client.shake().await;
        client.request(1, "kick", r#"{"reason":"attack"}"#).await;
        assert_eq!(client.kicked().await, "attack");
        assert!(client.closed_with.is_none_or(|code| code == 1000));
    }
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn a_server_that_stops_kicks_nobody_so_that_clients_come_back() {
    let mut server = Server::start(Hybrid::new()).await;
    let mut clients = Client::both(server.address).await;
    for client in &mut clients {
        client.shake().await;
    }
    server.shut_down().await;
    for client in &mut clients {
        client.end().await;
    }
    assert_eq!(clients.map(|client| client.closed_with), [None, Some(1012)]);
}

#[tokio::test]
async fn a_kick_arrives_though_the_client_goes_on_sending() {
    let server = Server::start(Hybrid::new()).await;
    for _ in 0..20 {
        let mut client = Client::tcp(server.address).await;
        client.shake().await;
        let mut bytes = request(1, "kick", r#"{"reason":"flood"}"#).to_vec();
        for id in 2..2000 {
            bytes.extend_from_slice(&request(id, "echo", "{}"));
        }
        client.raw(bytes).await;
        for id in 2000..2050 {
            client.try_raw(request(id, "echo", "{}")).await;
        }
        assert_eq!(client.kicked().await, "flood");
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_kicked_and_costs_only_itself() {
    let server = Server::start(Hybrid::new().outbox_limit(100_000)).await;
    let mut other = Client::tcp(server.address).await;
    other.shake().await;
    let mut deaf = Client::tcp(server.address).await;
    deaf.shake().await;
    deaf.request(1, "flood", r#"{"count":2000,"size":10000}"#).await;
    until(|| server.sessions() == 1).await;
    assert!(server.dropped(Dropped::Overflow) >= 1);
    other.ask(1, "echo", "{}").await;
    // It is cut off within seconds, not when it reads.
    soon(async {
        while deaf.try_raw(HEARTBEAT).await {
            tokio::time::sleep(millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn heartbeats_of_a_client_that_never_reads_do_not_pile_up() {
    let server = Server::start(Hybrid::new().heartbeat(seconds(3600)).outbox_limit(10_000)).await;
    let mut deaf = Client::tcp(server.address).await;
    deaf.shake().await;
    let beats = Bytes::from(HEARTBEAT.repeat(10_000));
    let stream = deaf.wire().stream();
    soon(async { while stream.write_all(&beats).await.is_ok() {} }).await;
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn a_ping_is_answered_and_a_close_is_returned() {
    let server = Server::start(Hybrid::new()).await;
    let mut client = Client::websocket(server.address).await;
    client.shake().await;
    // Frames of a client are masked, these by zeros.
    let stream = client.wire().stream();
    stream.write_all(b"\x89\x85\0\0\0\0hello").await.unwrap();
    let mut pong = [0; 7];
    soon(stream.read_exact(&mut pong)).await.unwrap();
    assert_eq!(&pong, b"\x8a\x05hello");
    stream.write_all(b"\x88\x80\0\0\0\0").await.unwrap();
    client.end().await;
    assert_eq!(client.closed_with, Some(1000));
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn a_broken_message_is_a_kick_that_names_it() {
    let server = Server::start(Hybrid::new()).await;
    for mut client in Client::both(server.address).await {
        client.shake().await;
        client.send(PackageKind::Data, b"\x00\x01\x05a.b").await;
        let reason = client.kicked().await;
        assert!(reason.contains("inside its route"), "{reason}");
    }
    assert_eq!(server.dropped(Dropped::BadInput), 2);
}

#[tokio::test]
async fn a_route_that_is_none_is_counted_and_the_connection_stays() {
    let server = Server::start(Hybrid::new()).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    client.send(PackageKind::Data, b"\x00\x01\x03abc{}").await;
    client.send(PackageKind::Data, b"\x01\x02\x00\x09{}").await;
    client.ask(3, "echo", "{}").await;
    assert_eq!(server.dropped(Dropped::BadRoute), 2);
}

#[tokio::test]
async fn a_client_that_leaves_without_a_word_is_noticed() {
    let server = Server::start(Hybrid::new()).await;
    for websocket in [false, true] {
        let mut client = Client::of_kind(websocket, server.address).await;
        client.shake().await;
        assert_eq!(server.sessions(), 1);
        drop(client);
        until(|| server.sessions() == 0).await;
    }
    // Also in the middle of things.
    let mut client = Client::tcp(server.address).await;
    client.greet(SHAKE).await;
    drop(client);
}

#[tokio::test]
async fn a_reset_is_noticed_while_the_server_does_not_read() {
    let server = Server::start(Hybrid::new()).await;
    let stream = soon(TcpStream::connect(server.address)).await.unwrap();
    stream.set_zero_linger().unwrap();
    let mut client = Client::over(stream);
    client.shake().await;
    let slow: Vec<u8> = (1..=100).flat_map(|id| request(id, "slow", r#"{"ms":200}"#)).collect();
    client.raw(slow).await;
    tokio::time::sleep(millis(100)).await;
    drop(client);
    let began = Instant::now();
    until(|| server.sessions() == 0).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_all_manners_leave_nothing_behind() {
    const CLIENTS: usize = 160;
    let server = Server::start(Hybrid::new().max_connections(CLIENTS).outbox_limit(50_000)).await;
    let behave = |nth: usize| tokio::spawn(behave(nth % 8, nth % 16 < 8, server.address));
    for client in (0..CLIENTS).map(behave).collect::<Vec<_>>() {
        soon(client).await.unwrap();
    }
    until(|| server.sessions() == 0).await;
    // Every place is free again: at the latest when the deaf are cut off.
    let mut all = Vec::new();
    while all.len() < CLIENTS {
        let mut client = Client::tcp(server.address).await;
        if client.try_raw(Package::encode(PackageKind::Handshake, SHAKE.as_bytes()).unwrap()).await
            && client.package().await.is_some()
        {
            all.push(client);
        } else {
            tokio::time::sleep(millis(20)).await;
        }
    }
}

async fn behave(manner: usize, websocket: bool, address: SocketAddr) {
    let mut client = Client::of_kind(websocket, address).await;
    if manner == 0 {
        return;
    }
    client.shake().await;
    match manner {
        1 => client.request(1, "slow", r#"{"ms":50}"#).await,
        2 => drop(client.ask(1, "echo", "{}").await),
        3 => {
            client.request(1, "kick", r#"{"reason":"go"}"#).await;
            assert_eq!(client.kicked().await, "go");
        }
        4 => {
            client.send(PackageKind::Data, b"").await;
            assert_eq!(client.kicked().await, "broken message: the message is empty");
        }
        5 => {
            client.request(1, "flood", r#"{"count":1000,"size":10000}"#).await;
            tokio::time::sleep(millis(50)).await;
        }
        6 => client.raw(&b"\xff\xff\xff\xff"[..]).await,
        _ => {
            for id in 1..200 {
                client.try_raw(request(id, "slow", r#"{"ms":1}"#)).await;
            }
        }
    }
}
