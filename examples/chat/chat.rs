//! Rooms, and what is said in them.

use std::sync::{Mutex, PoisonError};

use pomelo::{OrErr, Result, Session, handler, remote};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::App;

#[derive(Deserialize)]
pub struct Say {
    content: String,
    target: String,
    route: Option<Value>,
}

/// What everyone in the room gets, or the one it is for.
#[derive(Serialize)]
struct Said<'a> {
    msg: &'a str,
    from: &'a str,
    target: &'a str,
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    /// Says something to everyone in the room (`*`) or to one of them.
    pub async fn send(app: &App, session: &Session, Say { content, target, route }: Say) -> Result<Value> {
        let uid = session.uid().or_err(500, "not in a room")?;
        let rid = session.get::<String>("rid").or_err(500, "not in a room")?;
        let room = app.channels().get(&rid).or_err(500, "no such room")?;
        let message = Said { msg: &content, from: name(&uid), target: &target };
        if target == "*" {
            room.push("onChat", &message)?;
        } else {
            let member = room.member(&format!("{target}*{rid}")).or_err(500, "not in the room")?;
            app.channels().push_by_uids("onChat", &message, [member])?;
        }
        Ok(route.map_or(json!({}), |route| json!({ "route": route })))
    }
}

/// Held while members change, so that nobody enters a room that is being destroyed because it is empty.
static DOOR: Mutex<()> = Mutex::new(());

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    /// Adds a user to the room and tells the others; returns who is in it.
    pub async fn add(app: &App, uid: String, sid: String, rid: String, create: bool) -> Result<Vec<String>> {
        let _door = DOOR.lock().unwrap_or_else(PoisonError::into_inner);
        let rooms = app.channels();
        let room = if create { rooms.create(&rid) } else { rooms.get(&rid).or_err(404, "no such room")? };
        room.update(|room| {
            room.push("onAdd", &json!({ "route": "onAdd", "user": name(&uid) }))?;
            room.add(&*uid, sid)?;
            Ok(room.members().map(|uid| name(uid).to_owned()).collect())
        })
    }

    /// Takes a user out of the room and tells the others.
    pub async fn kick(app: &App, uid: String, sid: String, rid: String) -> Result<()> {
        let _door = DOOR.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(room) = app.channels().get(&rid) else { return Ok(()) };
        if room.leave(&uid, &sid) {
            room.push("onLeave", &json!({ "route": "onLeave", "user": name(&uid) }))?;
        }
        if room.is_empty() {
            room.destroy();
        }
        Ok(())
    }
}

/// The name in a uid, which is `name*room`.
fn name(uid: &str) -> &str {
    uid.split('*').next().unwrap_or(uid)
}
