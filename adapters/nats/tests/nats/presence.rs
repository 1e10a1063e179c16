//! Presence: servers join by starting, and an id belongs to the process that has it.

use std::sync::Arc;
use std::time::Duration;

use crate::support::app::{SERVERS, Server, pair};
use crate::support::{NatsServer, until};
use pomelo::error::StartError;
use pomelo::server::ServerInfo;
use pomelo_nats::Nats;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_no_file_has_joins_by_starting_and_is_forgotten_when_it_stops() {
    let nats = NatsServer::start().await;
    let options = Nats::new(nats.url());
    let (caller, callee) = pair(&options).await;
    let alone = r#"{ "callee": [{ "id": "callee-7" }] }"#;
    let joins = Server::try_start(&options, alone, "callee-7").await.unwrap();
    caller.until_served("callee-7").await;
    until("all callees routed to", async || expected(&caller, "callee") == ["callee-1", "callee-7"]).await;
    joins.stop().await;
    until("the one that has stopped forgotten", async || expected(&caller, "callee") == ["callee-1"]).await;
    let told = "expected [\"callee-1\", \"caller-1\"]".to_owned();
    until("the application told", async || caller.events.all().contains(&told)).await;
    caller.stop().await;
    callee.stop().await;
}

/// The servers of that type that a server routes to.
fn expected(server: &Server, server_type: &str) -> Vec<String> {
    server.app().servers(server_type).iter().map(|info| info.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_joins_knows_who_is_there_when_its_start_is_over() {
    let nats = NatsServer::start().await;
    let options = Nats::new(nats.url()).answer(Duration::from_secs(2));
    let ids = ["callee-1", "callee-2", "callee-3", "callee-4"];
    let start = async |id: &str| {
        let alone = format!(r#"{{ "callee": [{{ "id": "{id}" }}] }}"#);
        Server::try_start(&options, &alone, id).await.unwrap()
    };
    let callees = futures::future::join_all(ids.into_iter().map(start)).await;
    let alone = r#"{ "caller": [{ "id": "caller-1" }], "callee": [] }"#;
    let joins = Server::try_start(&options, alone, "caller-1").await.unwrap();
    assert_eq!(expected(&joins, "callee"), ids);
    for id in ids {
        assert_eq!(joins.echo(id, "at once").await.unwrap(), "at once");
    }
    joins.stop().await;
    for callee in callees {
        callee.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_process_of_an_id_that_answers_is_refused_and_the_first_goes_on() {
    let nats = NatsServer::start().await;
    let options = Nats::new(nats.url()).answer(Duration::from_secs(2));
    let (caller, callee) = pair(&options).await;
    let before = callee.incarnation();
    let refused = Server::try_start(&options, SERVERS, "callee-1").await.err().unwrap();
    assert!(matches!(refused, StartError::Refused { .. }), "{refused:?}");
    assert!(refused.to_string().contains("callee-1 runs already"), "{refused}");
    assert_eq!(caller.echo("callee-1", "still there").await.unwrap(), "still there");
    assert_eq!((callee.incarnation(), caller.events.all()), (before, vec![]));
    callee.stop().await;
    let again = Server::start(&options, "callee-1").await;
    caller.until_served("callee-1").await;
    caller.stop().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_of_two_names_share_a_nats_and_don_t_see_each_other() {
    let nats = NatsServer::start().await;
    let (one, other) = (Nats::new(nats.url()).cluster("one"), Nats::new(nats.url()).cluster("other.one"));
    let ((caller, callee), (second_caller, second_callee)) = tokio::join!(pair(&one), pair(&other));
    callee.stop().await;
    until("the callee of one cluster gone", async || caller.echo("callee-1", "?").await.is_err()).await;
    assert_eq!(second_caller.echo("callee-1", "another").await.unwrap(), "another");
    caller.stop().await;
    second_caller.stop().await;
    second_callee.stop().await;
}

#[tokio::test]
async fn an_entry_of_the_options_is_expected_though_it_is_not_heard() {
    let nats = NatsServer::start().await;
    let info: ServerInfo = serde_json::from_str(r#"{ "id": "callee-9", "serverType": "callee" }"#).unwrap();
    let options = Nats::new(nats.url()).expecting([Arc::new(info)]);
    let alone = r#"{ "caller": [{ "id": "caller-1" }] }"#;
    let caller = Server::try_start(&options, alone, "caller-1").await.unwrap();
    let error = caller.echo("callee-9", "?").await.unwrap_err();
    assert_eq!(error.kind(), pomelo::error::ErrorKind::Refused, "it is down, and not unknown: {error}");
    caller.stop().await;
}
