//! The handlers as functions, and a story of four players, on tokio's paused clock.

use pomelo::testing::{self, Client, Servers, TestSession};
use serde_json::json;

use crate::battle::{BattleHandler, Battles};
use crate::{Rpc, application, entry, lobby};

async fn logged_in(servers: &Servers<Rpc>, name: &str) -> TestSession {
    let session = servers.session("connector-1");
    entry::EntryHandler::login(servers.app("connector-1"), &session, name.into()).await.unwrap();
    session
}

#[tokio::test(start_paused = true)]
async fn a_player_has_one_connector_and_there_one_session() {
    let servers = testing::start(application()).await.unwrap();
    let query_entry = || entry::GateHandler::query_entry(servers.app("gate-1"), "ann".into());
    assert_eq!(query_entry().await.unwrap(), query_entry().await.unwrap());
    let (older, newer) = (logged_in(&servers, "ann").await, logged_in(&servers, "ann").await);
    assert_eq!(older.end().await.unwrap(), "you logged in elsewhere");
    assert_eq!(newer.uid().unwrap(), "ann");
}

#[tokio::test(start_paused = true)]
async fn two_players_are_matched_and_only_then_they_attack() {
    let servers = testing::start(application()).await.unwrap();
    let (ann, bob) = (logged_in(&servers, "ann").await, logged_in(&servers, "bob").await);
    let (app, battle) = (servers.app("lobby-1"), servers.app("battle-2"));
    let (queue, battles) = (app.state::<lobby::Queue>().unwrap(), battle.state::<Battles>().unwrap());
    for player in [&ann, &ann, &bob] {
        assert_eq!(BattleHandler::attack(battles, &ann.at(battle).await).await.unwrap_err().code(), 404);
        lobby::LobbyHandler::play(app, queue, &player.at(app).await).await.unwrap();
    }
    assert_eq!(bob.at_next_message().get("battle"), Some("battle-2".to_owned()));
    BattleHandler::attack(battles, &ann.at(battle).await).await.unwrap();
}

/// A client that comes by the gate, logs in and waits for a battle.
async fn enter(servers: &Servers<Rpc>, name: &str) -> Client {
    let user = servers.client_by_gate("gate-1", "gate.gateHandler.queryEntry", json!({ "uid": name })).await;
    assert_eq!(user.request("lobby.lobbyHandler.play", json!({})).await["code"], 401);
    user.request("connector.entryHandler.login", json!({ "name": name })).await;
    assert_eq!(user.request("lobby.lobbyHandler.play", json!({})).await, json!({}));
    user
}

#[tokio::test(start_paused = true)]
async fn players_fight_until_one_leaves_or_the_server_stops() {
    let (log, stopped) = std::sync::mpsc::channel();
    let application = application().configure("all", "all", move |app| {
        let log = log.clone();
        app.before_shutdown(move |app| {
            std::future::ready(log.send(app.server_id().clone()).map_err(Into::into))
        });
    });
    let mut servers = testing::start(application).await.unwrap();
    let (ann, bob) = (enter(&servers, "ann").await, enter(&servers, "bob").await);
    let (eve, dan) = (enter(&servers, "eve").await, enter(&servers, "dan").await);
    assert_eq!(bob.push("onTick").await, json!({ "round": 1, "scores": {} }));
    assert_eq!(ann.request("battle.battleHandler.attack", json!({})).await, json!({}));
    assert_eq!(bob.push("onTick").await, json!({ "round": 2, "scores": { "ann": 1 } }));
    bob.close().await;
    assert_eq!(ann.push("onLeave").await, json!({ "uid": "bob" }));
    assert_eq!(ann.push("onEnd").await, json!({ "scores": { "ann": 1 } }));
    assert_eq!(ann.request("battle.battleHandler.attack", json!({})).await["code"], 404);
    servers.stop_server("battle-1").await;
    assert_eq!(dan.push("onEnd").await, json!({ "scores": {} }));
    servers.stop().await;
    assert_eq!(eve.end().await, None, "no kick: it may come back");
    let order = ["battle-1", "gate-1", "connector-1", "connector-2", "lobby-1", "battle-2"];
    assert_eq!(stopped.try_iter().collect::<Vec<_>>(), order);
}
