//! Connectors. They call chat servers, and tell clients the routes of chat servers, by the contract alone.

use pomelo::app::Builder;
use pomelo::error::OrErr;
use pomelo::{Hybrid, Result, Session, handler, key, pick};
use rooms_contract::{App, Enter, EntryHandler, Rpc};

/// Adds what connectors need to an application.
pub fn add_to(builder: Builder<Rpc>) -> Builder<Rpc> {
    builder
        .configure("all", "connector", |app| app.connector(Hybrid::new().use_dict()))
        .route("chat", |by, servers| pick(by.key_or("room")?, servers))
        .mount("connector", |app, mount| mount.handler(Entry { app: app.clone() }))
}

/// Lets clients into rooms.
#[derive(Debug)]
pub struct Entry {
    app: App,
}

#[handler]
impl EntryHandler for Entry {
    async fn enter(&self, session: &Session, Enter { name, room }: Enter) -> Result<Vec<String>> {
        session.bind_unique(&name).await?;
        session.set("room", &room);
        session.push("room").await?;
        let app = self.app.clone();
        session.on_closed(move |session| leave(app, session)).await?;
        self.app.rpc.chat.chat_remote.add(session, name, self.app.server_id(), room).await
    }
}

async fn leave(app: App, session: Session) -> Result<()> {
    let room: String = session.get("room").or_err(500, "in no room")?;
    let name = session.uid().or_err(500, "nobody")?;
    app.rpc.chat.chat_remote.leave(key(&room), name, app.server_id(), &room).await
}
