//! Handshakes: who is let in, and what a client is told.

mod connector_support;

use connector_support::client::SHAKE;
use connector_support::{Client, Server, millis};
use pomelo_core::metrics::Dropped;
use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, Result};
use pomelo_net::connector::{Greeting, Hybrid};
use pomelo_net::protocol::package::PackageKind;
use serde_json::{Value, json};

#[tokio::test]
async fn a_hook_sees_the_client_and_answers_it() {
    async fn hook(greeting: Greeting) -> Result<Value> {
        tokio::time::sleep(millis(20)).await;
        assert!(greeting.peer.ip().is_loopback());
        match greeting.user["token"].as_str() {
            Some("t") => Ok(json!({ "type": greeting.sys.client_type, "version": greeting.sys.version })),
            _ => Err(Error::new(403, "no token")),
        }
    }
    let server = Server::start(Hybrid::new().handshake(hook)).await;
    for mut client in Client::both(server.address).await {
        let answer = client.shake().await;
        assert_eq!(answer["user"], json!({ "type": "test", "version": "1.0" }));
    }
    for mut client in Client::both(server.address).await {
        assert_eq!(client.greet(r#"{"sys":{}}"#).await, json!({ "code": 500 }));
        client.end().await;
        assert!(client.closed_with.is_none_or(|code| code == 1000));
    }
}

#[tokio::test]
async fn a_hook_sees_how_a_websocket_was_asked_for() {
    async fn hook(greeting: Greeting) -> Result<Value> {
        let token = greeting.query.get("token");
        Ok(json!([greeting.path, token, greeting.headers.get("cookie"), greeting.headers.get("Origin")]))
    }
    let server = Server::start(Hybrid::new().handshake(hook)).await;
    let fields = [("Cookie", "a=b"), ("Origin", "https://game.example.com")];
    let mut client = Client::asking(server.address, "/play?token=a%20b", &fields).await.unwrap();
    let answer = client.shake().await;
    assert_eq!(answer["user"], json!(["/play", "a b", "a=b", "https://game.example.com"]));
    let mut client = Client::tcp(server.address).await;
    assert_eq!(client.shake().await["user"], json!(["", null, null, null]));
}

#[tokio::test]
async fn pages_of_other_sites_are_refused_where_origins_are_named() {
    let server = Server::start(Hybrid::new().allowed_origins(["https://game.example.com"])).await;
    let from = |origin| async move { Client::asking(server.address, "/", &[("Origin", origin)]).await.err() };
    assert_eq!(from("https://game.example.com").await, None);
    assert_eq!(from("https://evil.example").await, Some(403));
    for mut client in Client::both(server.address).await {
        client.shake().await;
    }
}

#[tokio::test]
async fn large_cookies_and_many_fields_are_let_in_up_to_a_limit_of_ones_own() {
    let server = Server::start(Hybrid::new()).await;
    let cookie = "c".repeat(9_000);
    let mut client = Client::asking(server.address, "/", &[("Cookie", &cookie)]).await.unwrap();
    client.shake().await;
    let many: Vec<_> = (0..100).map(|n| (format!("X-{n}"), n.to_string())).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Client::asking(server.address, "/", &many).await.unwrap().shake().await;
    let narrow = Server::start(Hybrid::new().max_upgrade(4_000).max_upgrade_fields(20)).await;
    assert_eq!(Client::asking(narrow.address, "/", &[("Cookie", &cookie)]).await.err(), Some(431));
    assert_eq!(Client::asking(narrow.address, "/", &many).await.err(), Some(431));
    Client::websocket(narrow.address).await.shake().await;
}

#[tokio::test]
async fn half_an_emoji_and_what_else_javascript_reads_is_read() {
    let hook = |greeting: Greeting| async move { Ok(greeting.user) };
    let server = Server::start(Hybrid::new().handshake(hook)).await;
    for mut client in Client::both(server.address).await {
        let answer = client.greet(r#"{"sys":{"type":"\ud83d"},"user":{"\ude00":"x\ud83d","n":1e400}}"#).await;
        assert_eq!(answer["user"], json!({ "\u{fffd}": "x\u{fffd}", "n": null }));
    }
}

#[tokio::test]
async fn a_hook_that_returns_nothing_adds_nothing() {
    let server = Server::start(Hybrid::new().handshake(|_| async { Ok(Value::Null) })).await;
    for mut client in Client::both(server.address).await {
        assert_eq!(client.shake().await, json!({ "code": 200, "sys": {} }));
    }
}

#[tokio::test]
async fn emoji_are_escaped_for_pomelos_browser_client_and_for_no_other() {
    let hook = |_| async { Ok(json!("😀")) };
    let server = Server::start(Hybrid::new().handshake(hook)).await;
    for (websocket, kind, escaped) in
        [(true, "js-websocket", true), (true, "other", false), (false, "js-websocket", false)]
    {
        let mut client = Client::of_kind(websocket, server.address).await;
        assert_eq!(client.greet(&json!({ "sys": { "type": kind } }).to_string()).await["user"], "😀");
        client.send(PackageKind::HandshakeAck, b"").await;
        client.request(1, "push", r#"{"route":"onText","body":"好😀"}"#).await;
        let expected = if escaped { r#""好\ud83d\ude00""# } else { r#""好😀""# };
        assert_eq!(client.message().await.body, expected, "{kind}");
        client.message().await;
        client.request(2, "echo", r#""好😀""#).await;
        assert_eq!(client.message().await.body, expected, "{kind}");
        client.request(3, "kick", r#"{"reason":"😀"}"#).await;
        assert_eq!(client.kicked().await, "😀");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_an_empty_object_and_counted_once() {
    let server = Server::start(Hybrid::new()).await;
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
    let odd = r#"{"ms":1,"text":"\ud83d","n":[1e400]}"#;
    assert_eq!(client.ask(1, "slow", odd).await, odd);
    assert_eq!(server.dropped(Dropped::Unreadable), 0);
    for (id, body) in (2..).zip(["{\"ms\":1,}", "{", ""]) {
        assert!(client.ask(id, "slow", body).await.starts_with(b"{\"code\":500"));
    }
    assert_eq!(server.dropped(Dropped::Unreadable), 3);
}

#[tokio::test]
async fn a_hook_has_until_the_handshake_deadline() {
    let hook = |_| async { Ok(std::future::pending().await) };
    let server = Server::start(Hybrid::new().handshake_deadline(millis(100)).handshake(hook)).await;
    let mut client = Client::tcp(server.address).await;
    assert_eq!(client.greet(SHAKE).await, json!({ "code": 500 }));
    client.end().await;
}

#[tokio::test]
async fn a_hook_that_panics_costs_one_client() {
    let hook = |greeting: Greeting| async move {
        assert!(!greeting.user.is_null(), "no user");
        Ok(Value::Null)
    };
    let server = Server::start(Hybrid::new().max_connections(1).handshake(hook)).await;
    let mut client = Client::tcp(server.address).await;
    assert_eq!(client.greet(r#"{"sys":{}}"#).await, json!({ "code": 500 }));
    client.end().await;
    drop(client);
    let mut client = Client::tcp(server.address).await;
    client.shake().await;
}

#[tokio::test]
async fn a_client_that_is_not_served_is_told_501() {
    let check = |kind: &str, version: &str| (kind, version) == ("test", "1.0");
    let server = Server::start(Hybrid::new().check_client(check)).await;
    for mut client in Client::both(server.address).await {
        client.shake().await;
    }
    for handshake in [r#"{"sys":{"type":"test","version":"0.9"}}"#, r#"{"sys":{}}"#] {
        let mut client = Client::websocket(server.address).await;
        assert_eq!(client.greet(handshake).await, json!({ "code": 501 }));
        client.end().await;
    }
}

#[tokio::test]
async fn a_broken_handshake_is_told_500() {
    let server = Server::start(Hybrid::new()).await;
    for handshake in ["", "null", "[]", "{}", "{", "hello"] {
        for mut client in Client::both(server.address).await {
            assert_eq!(client.greet(handshake).await, json!({ "code": 500 }), "{handshake}");
            client.end().await;
        }
    }
}

#[tokio::test]
async fn dictionary_and_protos_are_told_until_the_client_has_them() {
    let config = Config {
        dictionary: Some(json!(["onChat"])),
        server_protos: Some(json!({ "onChat": { "required string msg": 1 } })),
        ..Config::default()
    };
    let server = Server::start_with(config, [Hybrid::new().use_dict().use_protobuf()]).await;
    let mut client = Client::tcp(server.address).await;
    let sys = client.shake().await["sys"].take();
    let keys: Vec<_> = sys.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["dict", "routeToCode", "codeToRoute", "dictVersion", "useDict", "protos", "useProto"]);
    assert_eq!(sys["dict"]["connector.entryHandler.echo"], 1);
    assert_eq!(sys["protos"]["server"]["onChat"]["msg"]["type"], "string");

    let known =
        json!({ "sys": { "dictVersion": sys["dictVersion"], "protoVersion": sys["protos"]["version"] } });
    let mut client = Client::tcp(server.address).await;
    let answer = client.greet(&known.to_string()).await;
    assert_eq!(answer, json!({ "code": 200, "sys": { "useDict": true, "useProto": true } }));
}

#[tokio::test]
async fn a_wrong_configuration_is_an_error_that_names_server_and_file() {
    let start = |config: Config, hybrid: Hybrid| async move {
        let error = Server::try_start(config, [hybrid]).await.err().unwrap();
        // Without the directory of the file.
        error.message().rsplit('/').next().unwrap().to_owned()
    };
    let dictionary = Config { dictionary: Some(json!({ "a": 1 })), ..Config::default() };
    assert_eq!(
        start(dictionary, Hybrid::new().use_dict()).await,
        "dictionary.json: top level: found an object, expected a list of routes or {}"
    );
    let protos =
        Config { client_protos: Some(json!({ "r": { "required bool v": 1 } })), ..Config::default() };
    assert_eq!(
        start(protos, Hybrid::new().use_protobuf()).await,
        "clientProtos.json: message r: field v has the unknown type bool"
    );
    let zero = Hybrid::new().heartbeat(std::time::Duration::ZERO);
    assert_eq!(
        start(Config::default(), zero).await,
        "connector-1: Hybrid: `heartbeat` is 0, allowed is 1ms to 365 days"
    );
}
