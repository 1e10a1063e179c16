//! Chat servers: what the contract says of them, done.

use pomelo::app::Builder;
use pomelo::error::OrErr;
use pomelo::{Result, Session, handler, remote};
use rooms_contract::{App, ChatHandler, ChatRemote, Rpc};
use serde_json::json;

/// Adds what chat servers need to an application.
pub fn add_to(builder: Builder<Rpc>) -> Builder<Rpc> {
    builder.mount("chat", |app, mount| {
        mount.handler(Rooms { app: app.clone() });
        mount.remote(Rooms { app: app.clone() });
    })
}

/// The rooms of a chat server.
#[derive(Debug)]
pub struct Rooms {
    app: App,
}

#[handler]
impl ChatHandler for Rooms {
    async fn send(&self, session: &Session, text: String) -> Result<()> {
        let name: String = session.get("room").or_err(500, "in no room")?;
        let room = self.app.channels().get(&name).or_err(500, "no such room")?;
        room.push("onChat", &json!({ "from": session.uid(), "text": text }))
    }
}

#[remote]
impl ChatRemote for Rooms {
    async fn add(&self, name: String, sid: String, room: String) -> Result<Vec<String>> {
        self.app.channels().update(&room, |room| {
            room.push("onAdd", &json!({ "name": name }))?;
            room.add(&*name, sid)?;
            Ok(room.members().map(str::to_owned).collect())
        })
    }

    async fn leave(&self, name: String, sid: String, room: String) -> Result<()> {
        self.app.channels().update(&room, |room| {
            room.leave(&name, &sid);
            Ok(())
        })
    }
}
