//! Membership: servers join by starting, an id belongs to the process that has it, and a key that expires is no death.

use crate::support::app::{Server, client, keys, leave_behind, pair, patient};
use crate::support::server::EtcdServer;
use crate::support::{TTL, until};
use pomelo::error::StartError;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_no_file_has_joins_by_starting_and_is_forgotten_when_it_stops() {
    let server = EtcdServer::start().await;
    let etcd = patient(&server);
    let (caller, callee) = pair(&etcd).await;
    let joins = Server::start(&etcd, "callee-7").await;
    caller.until_served("callee-7").await;
    until("all callees known", async || caller.callees() == ["callee-1", "callee-7"]).await;
    joins.stop().await;
    let told = "expected [\"callee-1\", \"caller-1\"]".to_owned();
    until("it is forgotten", async || caller.events.all().contains(&told)).await;
    assert!(keys(&server).await.iter().all(|(key, _)| !key.ends_with("callee-7")), "nothing of it is left");
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_process_of_an_id_is_refused_with_host_and_pid_and_the_first_goes_on() {
    let server = EtcdServer::start().await;
    let etcd = patient(&server);
    // Nobody is linked with it who could say that it is there.
    let first = Server::start(&etcd, "callee-1").await;
    let incarnation = first.incarnation();
    let refused = Server::try_start(&etcd, "callee-1").await.err().unwrap();
    assert!(matches!(refused, StartError::Refused { .. }), "{refused:?}");
    let place = format!("callee-1 runs already, on 127.0.0.1 as process {}", std::process::id());
    assert!(refused.to_string().contains(&place), "{refused}");
    let caller = Server::start(&etcd, "caller-1").await;
    caller.until_served("callee-1").await;
    assert_eq!(first.incarnation(), incarnation);
    first.stop().await;
    let again = Server::start(&etcd, "callee-1").await;
    caller.until_served("callee-1").await;
    caller.stop().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_killed_is_replaced_within_its_ttl_and_its_id_stays_expected() {
    let server = EtcdServer::start().await;
    let etcd = patient(&server);
    leave_behind(&server, "callee-1", 7, 3_600).await;
    let caller = Server::start(&etcd, "caller-1").await;
    let error = caller.echo("callee-1", "?").await.unwrap_err();
    assert_eq!(error.kind(), pomelo::error::ErrorKind::Refused, "it is down, and not unknown: {error}");
    let callee = Server::start(&etcd, "callee-1").await;
    caller.until_served("callee-1").await;
    let is_unexpected = |event: &String| event.starts_with("expected") && !event.contains("callee-1");
    assert!(!caller.events.all().iter().any(is_unexpected), "{:?}", caller.events.all());
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_predecessor_began_later_by_its_clock_takes_a_later_incarnation() {
    let server = EtcdServer::start().await;
    let etcd = patient(&server);
    let far_ahead = u64::MAX >> 1;
    leave_behind(&server, "callee-1", far_ahead, 3_600).await;
    let callee = Server::start(&etcd, "callee-1").await;
    let incarnation = u64::from_str_radix(&callee.incarnation(), 16).unwrap();
    assert!(incarnation > far_ahead, "{incarnation}");
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_died_is_expected_until_its_lease_has_expired_and_no_longer() {
    let server = EtcdServer::start().await;
    let etcd = patient(&server);
    leave_behind(&server, "callee-1", 7, TTL.as_secs() as i64).await;
    let caller = Server::start(&etcd, "caller-1").await;
    assert!(keys(&server).await.iter().any(|(key, _)| key.ends_with("callee-1")));
    let told = "expected [\"caller-1\"]".to_owned();
    until("it is not expected any more", async || caller.events.all().contains(&told)).await;
    assert!(
        keys(&server).await.iter().all(|(key, _)| !key.ends_with("callee-1")),
        "its key has expired first"
    );
    caller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_of_two_prefixes_share_an_etcd_and_don_t_see_each_other() {
    let server = EtcdServer::start().await;
    let (one, other) = (patient(&server).prefix("/one"), patient(&server).prefix("/one.other"));
    let ((caller, callee), (second_caller, second_callee)) = tokio::join!(pair(&one), pair(&other));
    callee.stop().await;
    until("the callee of one cluster gone", async || caller.echo("callee-1", "?").await.is_err()).await;
    assert_eq!(second_caller.echo("callee-1", "another").await.unwrap(), "another");
    assert_eq!(second_caller.events.all(), Vec::<String>::new());
    caller.stop().await;
    second_caller.stop().await;
    second_callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_below_the_prefix_is_left_alone() {
    let server = EtcdServer::start().await;
    let mut client = client(&server).await;
    for (key, value) in [
        ("/pomelo/servers/callee-1", "no entry"),
        ("/pomelo/servers/", "{}"),
        ("/pomelo/else", "1"),
        ("/pomelo/questions/1", "nobody"),
    ] {
        client.put(key, value, None).await.unwrap();
    }
    let (caller, callee) = pair(&patient(&server)).await;
    client.put("/pomelo/servers/\u{fc}", vec![0xff, 0xfe], None).await.unwrap();
    assert_eq!(caller.echo("callee-1", "all the same").await.unwrap(), "all the same");
    caller.stop().await;
    callee.stop().await;
    let mut left: Vec<_> = keys(&server).await.into_iter().map(|(key, _)| key).collect();
    left.sort();
    assert_eq!(left, ["/pomelo/else", "/pomelo/questions/1", "/pomelo/servers/", "/pomelo/servers/\u{fc}"]);
}
