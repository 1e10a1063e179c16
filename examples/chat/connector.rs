//! Lets clients into rooms.

use std::collections::BTreeMap;

use pomelo::{Error, Result, Session, handler};
use serde_json::json;

use crate::App;

/// In characters, as on the page: a name goes to all in the room.
const LONGEST_NAME: usize = 64;

/// `{"users": […]}`
type Users = BTreeMap<&'static str, Vec<String>>;

pub struct EntryHandler;

#[handler(fields)]
impl EntryHandler {
    /// A client enters a chat room; if it is in another one, it leaves that first.
    pub async fn enter(app: &App, session: &Session, username: String, rid: String) -> Result<Users> {
        if !is_name(&username) || !is_name(&rid) {
            return Err(Error::new(400, "names and rooms have 1 to 64 characters, none of them `*`"));
        }
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

/// Whether this can be part of a uid, which is `name*room`.
fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().nth(LONGEST_NAME).is_none() && !text.contains('*')
}

/// Takes the session's user out of the session's room.
async fn leave(app: App, session: Session) -> Result<()> {
    let (Some(uid), Some(rid)) = (session.uid(), session.get::<String>("rid")) else { return Ok(()) };
    app.rpc.chat.chat_remote.kick(&session, uid, app.server_id(), rid).await
}
