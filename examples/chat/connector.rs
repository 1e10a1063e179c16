//! Lets clients into rooms.

use pomelo::{Result, Session, handler};
use serde::{Deserialize, Serialize};

use crate::App;

#[derive(Deserialize)]
pub struct Enter {
    username: String,
    rid: String,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum Entered {
    Users { users: Vec<String> },
    Refused { code: u16, error: bool },
}

pub struct EntryHandler;

#[handler]
impl EntryHandler {
    /// A client enters a chat room; if it is in another one, it leaves that first.
    pub async fn enter(app: &App, session: &Session, Enter { username, rid }: Enter) -> Result<Entered> {
        let uid = format!("{username}*{rid}");
        let (old, new) = (session.uid(), session.get::<String>("rid").is_none());
        let again = old.as_deref() == Some(&*uid);
        if let Some(old) = old.filter(|_| !again) {
            leave(app.clone(), session.clone()).await?;
            session.unbind(old).await?;
        }
        if again || session.bind_unique(&uid).await.is_err() {
            return Ok(Entered::Refused { code: 500, error: true });
        }
        session.set("rid", &rid);
        session.push("rid").await?;
        if new {
            let app = app.clone();
            session.on_closed(move |session| leave(app, session)).await?;
        }
        let users = app.rpc.chat.chat_remote.add(session, uid, app.server_id(), rid, true).await?;
        Ok(Entered::Users { users })
    }
}

/// Takes the session's user out of the session's room.
async fn leave(app: App, session: Session) -> Result<()> {
    let (Some(uid), Some(rid)) = (session.uid(), session.get::<String>("rid")) else { return Ok(()) };
    app.rpc.chat.chat_remote.kick(&session, uid, app.server_id(), rid).await
}
