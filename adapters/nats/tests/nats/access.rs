//! Access: who may connect, and what servers need to be allowed.

use std::time::Duration;

use crate::support::account::Account;
use crate::support::app::{SERVERS, Server, cause, pair};
use crate::support::{NatsServer, cluster, free_port, until};
use nkeys::KeyPair;
use pomelo::error::StartError;
use pomelo_nats::{Nats, NatsError};
use tokio::time::sleep;

/// What the README says that servers need.
const PERMISSIONS: &str = r#"
authorization {
  users = [
    { user: callee, password: one, permissions: {
        publish: ["game.link.all", "game.presence.all", "game.*.server.caller.>", "game.*.server.callee.>"]
        subscribe: ["game.link.all", "game.presence.all", "game.*.server.callee.>"] } }
    { user: caller, password: two, permissions: {
        publish: ["game.link.all", "game.presence.all", "game.*.server.callee.>", "game.*.server.caller.>"]
        subscribe: ["game.link.all", "game.presence.all", "game.*.server.caller.>"] } }
  ]
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_permissions_of_the_readme_are_what_servers_need() {
    let nats = NatsServer::start_with(PERMISSIONS).await;
    let game = || Nats::new(nats.url()).cluster("game");
    let (for_caller, for_callee) = (game().user("caller", "two"), game().user("callee", "one"));
    let (caller, callee) =
        tokio::join!(Server::start(&for_caller, "caller-1"), Server::start(&for_callee, "callee-1"));
    caller.until_served("callee-1").await;
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_the_error_of_a_start_and_names_the_address_without_it() {
    let nats = NatsServer::start_with("authorization { user: me, password: right }").await;
    let wrong = Nats::new(nats.url()).user("me", "wrong");
    let error = Server::try_start(&wrong, SERVERS, "caller-1").await.err().unwrap();
    assert!(matches!(error, StartError::Bind { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(&format!("127.0.0.1:{}", nats.port)) && !text.contains("wrong"), "{text}");
    let (caller, callee) = pair(&Nats::new(format!("nats://me:right@127.0.0.1:{}", nats.port))).await;
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test]
async fn credentials_that_can_not_be_read_are_named() {
    let nats = Nats::new(format!("127.0.0.1:{}", free_port())).credentials("/nowhere/nats.creds");
    let error = Server::try_start(&nats, SERVERS, "caller-1").await.err().unwrap();
    let found = cause(&error);
    assert!(
        matches!(found, NatsError::Credentials { path, .. } if path.to_str() == Some("/nowhere/nats.creds")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_an_nkey_and_a_credentials_file_each_open_a_nats_that_takes_nobody_else() {
    let key = KeyPair::new_user();
    let user = format!("authorization {{ users = [ {{ nkey: {} }} ] }}", key.public_key());
    let account = Account::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &account.credentials).unwrap();
    let seed = key.seed().unwrap();
    let ways: [(&str, &dyn Fn(Nats) -> Nats); 3] = [
        ("authorization { token: \"let me in\" }", &|nats| nats.token("let me in")),
        (&user, &|nats| nats.nkey(&seed)),
        (&account.of_server, &|nats| nats.credentials(file.path())),
    ];
    for (configuration, way) in ways {
        let server = NatsServer::start_with(configuration).await;
        let refused = Server::try_start(&Nats::new(server.url()), SERVERS, "caller-1").await.err().unwrap();
        assert!(matches!(cause(&refused), NatsError::Refused { .. }), "{refused:?}");
        let (caller, callee) = pair(&way(Nats::new(server.url()))).await;
        caller.stop().await;
        callee.stop().await;
    }
}

/// Servers that know a NATS of this machine, which names another one and is gone then: how many connections the other one has.
async fn connections_of_another(nats: impl Fn(Nats) -> Nats, are_to_come: bool) -> u64 {
    let (one, other) = (free_port(), free_port());
    let mut first = NatsServer::start_with(&cluster(one, other)).await;
    let second = NatsServer::start_with(&cluster(other, one)).await;
    until("the two to know each other", async || first.has_peer() && second.has_peer()).await;
    let (caller, callee) = pair(&nats(Nats::new(first.url()))).await;
    first.kill();
    caller.until_refused("callee-1").await;
    match are_to_come {
        true => until("all at the other one", async || second.connections() == 4).await,
        // For longer than they would need.
        false => sleep(Duration::from_secs(5)).await,
    }
    let connections = second.connections();
    caller.stop().await;
    callee.stop().await;
    connections
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_that_one_of_this_machine_names_is_left_alone_unless_told_otherwise() {
    let (alone, told) = tokio::join!(
        connections_of_another(|nats| nats, false),
        connections_of_another(Nats::allow_insecure, true)
    );
    // Each server has one for its links and one for its presence.
    assert_eq!((alone, told), (0, 4));
}
