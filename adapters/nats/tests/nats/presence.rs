//! Presence: servers join by starting, and an id belongs to the process that has it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::app::{SERVERS, Server, pair};
use crate::support::{NatsServer, until};
use pomelo::error::StartError;
use pomelo_core::cluster::{Discovery, Member, MembershipEvents};
use pomelo_core::value::{Incarnation, ServerId, ServerInfo};
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

/// Whom a server was told to expect last.
#[derive(Default)]
struct Expected(Mutex<Vec<ServerId>>);

impl MembershipEvents for Expected {
    fn expect(&self, servers: Vec<Arc<ServerInfo>>) {
        let mut ids: Vec<_> = servers.iter().map(|info| info.id.clone()).collect();
        ids.sort();
        *self.0.lock().unwrap() = ids;
    }

    fn gone(&self, _: &ServerId, _: Incarnation) {}
}

fn member(id: &str) -> Member {
    let info = serde_json::json!({ "id": id, "serverType": "chat" });
    Member {
        info: serde_json::from_value(info).unwrap(),
        incarnation: Incarnation::begin(id),
        methods: Arc::default(),
        encodings: vec![],
        leaving: false,
        newcomer: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_joins_expects_whoever_is_there_when_it_is_registered() {
    let nats = NatsServer::start().await;
    let options = Nats::new(nats.url()).answer(Duration::from_secs(2));
    let register = async |id: &str| {
        let expected = Arc::<Expected>::default();
        let registration = options.register(member(id), expected.clone()).await.unwrap();
        // Nothing is awaited in between.
        (registration, expected.0.lock().unwrap().clone())
    };
    let ids = ["chat-1", "chat-2", "chat-3", "chat-4"];
    let others = futures::future::join_all(ids.into_iter().map(register)).await;
    let (joined, expected) = register("chat-5").await;
    assert_eq!(expected, ["chat-1", "chat-2", "chat-3", "chat-4", "chat-5"]);
    joined.leave().await;
    for (registration, _) in others {
        registration.leave().await;
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
