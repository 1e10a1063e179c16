//! Rooms, and what is said in them.

use pomelo::{OrErr, Result, Session, handler, remote};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::App;

#[derive(Deserialize)]
pub struct Say {
    content: String,
    target: String,
    route: Option<Value>,
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    /// Says something to everyone in the room (`*`) or to one of them.
    pub async fn send(app: &App, session: &Session, Say { content, target, route }: Say) -> Result<Value> {
        let uid = session.uid().or_err(500, "not in a room")?;
        let rid = session.get::<String>("rid").or_err(500, "not in a room")?;
        let room = app.channels().get(&rid).or_err(500, "no such room")?;
        let message = json!({ "msg": content, "from": name(&uid), "target": target });
        if target == "*" {
            room.push("onChat", &message)?;
        } else {
            let member = room.member(&format!("{target}*{rid}")).or_err(500, "not in the room")?;
            app.channels().push_by_uids("onChat", &message, [member])?;
        }
        Ok(route.map_or(json!({}), |route| json!({ "route": route })))
    }
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    /// Adds a user to the room and tells the others; returns who is in it.
    pub async fn add(app: &App, uid: String, sid: String, rid: String, create: bool) -> Result<Vec<String>> {
        app.channels().update(&rid, |room| {
            (create || !room.is_empty()).then_some(()).or_err(404, "no such room")?;
            if room.member(&uid).is_none() {
                room.push("onAdd", &json!({ "route": "onAdd", "user": name(&uid) }))?;
            }
            room.add(&*uid, sid)?;
            Ok(room.members().map(|uid| name(uid).to_owned()).collect())
        })
    }

    /// Takes a user out of the room and tells the others.
    pub async fn kick(app: &App, uid: String, sid: String, rid: String) -> Result<()> {
        app.channels().update(&rid, |room| match room.leave(&uid, &sid) {
            true => room.push("onLeave", &json!({ "route": "onLeave", "user": name(&uid) })),
            false => Ok(()),
        })
    }
}

/// The name in a uid, which is `name*room`.
pub fn name(uid: &str) -> &str {
    uid.split('*').next().unwrap_or(uid)
}
