//! An application all of whose extensions are somebody else's.

use std::sync::Arc;

use outside::{Bus, Hex, Lines, Roster};
use pomelo::request::Encoding;
use pomelo::{Result, handler, key, remote};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { remotes: [RoomRemote] },
}

struct EntryHandler;

#[derive(serde::Deserialize)]
struct Enter {
    room: String,
}

#[handler]
impl EntryHandler {
    pub async fn enter(app: &App, message: Enter) -> Result<Vec<String>> {
        app.rpc.chat.room_remote.enter(key(&message.room), &message.room).await
    }
}

struct RoomRemote;

#[remote]
impl RoomRemote {
    pub async fn enter(app: &App, room: String) -> Result<Vec<String>> {
        Ok(vec![room, app.server_id().to_string()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_served_by_a_connector_a_codec_a_transport_and_a_discovery_of_somebody_else() {
    let (bus, roster, lines) = (Bus::default(), Roster::default(), Lines::default());
    let start = |id: &'static str| {
        let lines = lines.clone();
        App::builder()
            .servers(
                r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#,
            )
            .cluster_transport(Arc::new(bus.clone()))
            .cluster_discovery(Arc::new(roster.clone()))
            .codec(Encoding::Protobuf, Hex)
            .configure("all", "connector", move |app| app.connector(lines.clone()))
            .start_server(id, None)
    };
    let (chat, connector) = tokio::join!(start("chat-1"), start("connector-1"));
    let (chat, connector) = (chat.unwrap(), connector.unwrap());

    let mut client = lines.connect().unwrap();
    let response = client.request("connector.entryHandler.enter", Hex::encode(r#"{"room":"den"}"#)).await;
    assert_eq!(Hex::decode(&response.unwrap()).unwrap(), r#"["den","chat-1"]"#);

    connector.stop().await;
    chat.stop().await;
}
