//! What the service does when one of its servers dies, so that the others and their users go on.

use pomelo::core::server::Servers;
use pomelo::{Event, Result, Session, pick, remote};
use serde_json::json;

use crate::App;
use crate::chat::name;

pub fn recover(app: &App, event: &Event) {
    match event {
        // On a chat server: a connector is gone, and its users with it; their rooms are told.
        Event::MembersLost { channel, uids } => {
            uids.iter().for_each(|uid| tell_room(app, channel.name(), uid))
        }
        // On a connector: a chat server is up, and knows nothing of the rooms that it had before. Whoever is in one of
        // them enters it again, without noticing. Each connector does so by itself: who speaks before the last one has
        // is heard by those who are back.
        Event::AddServers(servers) if servers.iter().any(|server| &*server.server_type == "chat") => {
            app.sessions().for_each_bound(|session| enter_again(app, &session));
        }
        // There is another number of chat servers, so most rooms belong to other ones now.
        Event::ReplaceServers(servers) => {
            close_rooms(
                app,
                servers.iter().filter(|server| &*server.server_type == "chat").cloned().collect(),
            );
            app.sessions().for_each_bound(|session| enter_again(app, &session));
        }
        _ => {}
    }
}

fn tell_room(app: &App, rid: &str, uid: &str) {
    let leave = json!({ "route": "onLeave", "user": name(uid) });
    if let Err(error) = app.channels().update(rid, |room| room.push("onLeave", &leave)) {
        tracing::warn!(%uid, %error, "a room was not told");
    }
}

/// On a chat server: closes the rooms that belong to others now, where their users enter them again.
fn close_rooms(app: &App, chats: Servers) {
    for room in app.channels().names() {
        if pick(&room, &chats).is_ok_and(|chat| chat.id != *app.server_id()) {
            app.channels().destroy(&room);
        }
    }
}

fn enter_again(app: &App, session: &Session) {
    let (Some(uid), Some(rid)) = (session.uid(), session.get::<String>("rid")) else { return };
    let (sid, chat) = (app.server_id(), &app.rpc.chat);
    // What can't be reached comes up later, and is entered then.
    let _ = chat.recovery_remote.enter_again(session, &*uid, sid, &rid).notify();
    if app.sessions().get(session.id()).is_none() {
        // It closed meanwhile, and may have left before it entered.
        let _ = chat.chat_remote.kick(session, &*uid, sid, &rid).notify();
    }
}

pub struct RecoveryRemote;

#[remote]
impl RecoveryRemote {
    /// Puts a user back into a room, of which the others there know already.
    pub async fn enter_again(app: &App, uid: String, sid: String, rid: String) -> Result<()> {
        app.channels().update(&rid, |room| room.add(&*uid, sid))
    }
}
