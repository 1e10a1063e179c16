//! Rooms, and what is said in them.

use std::collections::HashSet;

use pomelo::channel::ChannelGuard;
use pomelo::error::OrErr;
use pomelo::{Result, Session, handler, remote};
use serde_json::{Value, json};

use crate::App;

pub struct ChatHandler;

#[handler(fields)]
impl ChatHandler {
    /// Says something to everyone in the room (`*`) or to one of them.
    pub async fn send(
        app: &App,
        session: &Session,
        content: String,
        target: String,
        route: Option<Value>,
    ) -> Result<Value> {
        let (uid, rid) = session.uid().zip(session.get::<String>("rid")).or_err(500, "not in a room")?;
        let room = app.channels().get(&rid).or_err(500, "no such room")?;
        let message = json!({ "msg": content, "from": name(&uid), "target": target });
        match &*target {
            "*" => room.push("onChat", &message)?,
            name => room.push_to(&format!("{name}*{rid}"), "onChat", &message)?,
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
            // Whoever comes back by another connector, before the first one is known to be gone, is there already.
            if room.member(&uid).is_none() {
                room.push("onAdd", &json!({ "route": "onAdd", "user": name(&uid) }))?;
            }
            room.add(&*uid, sid)?;
            Ok(users(room))
        })
    }

    /// Takes a user out of the room and tells the others.
    pub async fn kick(app: &App, uid: String, sid: String, rid: String) -> Result<()> {
        app.channels().update(&rid, |room| match room.leave(&uid, &sid) && room.member(&uid).is_none() {
            true => room.push("onLeave", &json!({ "route": "onLeave", "user": name(&uid) })),
            false => Ok(()),
        })
    }
}

/// Who is in a room, each once: whoever has just come back by another connector may still be there by the first one, too.
pub fn users(room: &ChannelGuard<'_>) -> Vec<String> {
    let mut seen = HashSet::new();
    room.members().filter(|uid| seen.insert(*uid)).map(|uid| name(uid).to_owned()).collect()
}

/// The name in a uid, which is `name*room`.
pub fn name(uid: &str) -> &str {
    uid.split('*').next().unwrap_or(uid)
}
