//! What the service does when one of its servers dies, so that the others and their users go on.

use pomelo::{Event, Session};
use serde_json::json;

use crate::App;
use crate::chat::name;

/// On a chat server: a connector is gone, and its users with it; their rooms are told.
pub fn tell_rooms(app: &App, event: &Event) {
    let Event::MembersLost { channel, uids } = event else { return };
    for uid in uids {
        let told = app.channels().update(channel.name(), |room| {
            room.push("onLeave", &json!({ "route": "onLeave", "user": name(uid) }))
        });
        if let Err(error) = told {
            tracing::warn!(%uid, %error, "a room was not told");
        }
    }
}

/// On a connector: a chat server is up, and knows nothing of the rooms that it had before. Whoever is in one of them
/// enters it again, without noticing but for an onAdd of those who were there.
pub fn enter_again(app: &App, event: &Event) {
    let Event::AddServers(servers) = event else { return };
    if servers.iter().any(|server| &*server.server_type == "chat") {
        app.sessions().for_each_bound(|session| enter(app, &session));
    }
}

fn enter(app: &App, session: &Session) {
    let (Some(uid), Some(rid)) = (session.uid(), session.get::<String>("rid")) else { return };
    let (sid, chat) = (app.server_id(), &app.rpc.chat.chat_remote);
    // What can't be reached comes up later, and is entered then.
    let _ = chat.add(session, &*uid, sid, &rid, true).notify();
    if app.sessions().get(session.id()).is_none() {
        // It closed meanwhile, and may have left before it entered.
        let _ = chat.kick(session, &*uid, sid, &rid).notify();
    }
}
