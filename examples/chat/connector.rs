//! Lets clients into rooms.

use std::collections::BTreeMap;

use pomelo::{Error, Result, Session, handler};
use serde_json::json;

use crate::App;

/// `{"users": […]}`
type Users = BTreeMap<&'static str, Vec<String>>;

pub struct EntryHandler;

#[handler(fields)]
impl EntryHandler {
    /// A client enters a chat room; if it is in another one, it leaves that first.
    pub async fn enter(app: &App, session: &Session, username: String, rid: String) -> Result<Users> {
        let (uid, new) = (format!("{username}*{rid}"), session.get::<String>("rid").is_none());
        if let Some(old) = session.uid().filter(|old| **old != *uid) {
            leave(app.clone(), session.clone()).await?;
            session.unbind(old).await?;
        }
        if session.uid().is_some() || session.bind_unique(&uid).await.is_err() {
            return Err(Error::new(500, "the name is taken").with_body(json!({ "code": 500, "error": true })));
        }
        session.set("rid", &rid);
        session.push("rid").await?;
        if new {
            let app = app.clone();
            session.on_closed(move |session| leave(app, session)).await?;
        }
        let users = app.rpc.chat.chat_remote.add(session, uid, app.server_id(), rid, true).await?;
        Ok(Users::from([("users", users)]))
    }
}

/// Takes the session's user out of the session's room.
async fn leave(app: App, session: Session) -> Result<()> {
    let (Some(uid), Some(rid)) = (session.uid(), session.get::<String>("rid")) else { return Ok(()) };
    app.rpc.chat.chat_remote.kick(&session, uid, app.server_id(), rid).await
}
