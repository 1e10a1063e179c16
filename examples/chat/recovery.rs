//! Recovery: what keeps the other servers and their users going when one server dies, or two lose each other.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use pomelo::app::LostSessions;
use pomelo::server::ServerList;
use pomelo::session::Uid;
use pomelo::{Event, Result, Session, key, pick, remote};
use serde_json::json;

use super::chat::{name, users};
use crate::App;

pub fn recover(app: &App, event: &Event) {
    match event {
        // On a chat server: a connector is gone, and its users with it; their rooms are told.
        Event::MembersLost { channel, uids } => tell_room(app, channel.name(), uids),
        // On a connector: a chat server is up, and knows nothing of the rooms that it had before. Whoever is in one of
        // them enters it again, without noticing. Each connector does so by itself: who speaks before the last one has
        // is heard by those who are back.
        Event::AddServers(servers) if servers.iter().any(|server| &*server.server_type == "chat") => {
            enter_again(app);
        }
        // There is another number of chat servers, so most rooms belong to other ones now.
        Event::ReplaceServers(servers) => {
            close_rooms(
                app,
                servers.iter().filter(|server| &*server.server_type == "chat").cloned().collect(),
            );
            enter_again(app);
        }
        _ => {}
    }
}

/// On a connector: a chat server could not reach it, let its users go and told their rooms so. Now it can, and they come
/// back; if that fails, they are disconnected, and come back by themselves.
pub async fn come_back(app: App, lost: LostSessions) -> Result<()> {
    let remote = &app.rpc.chat.recovery_remote;
    let rooms = rooms_of(&lost.sessions).into_iter();
    try_join_all(
        rooms.map(|(rid, uids)| remote.come_back(key(&rid), uids, app.server_id(), &rid).into_future()),
    )
    .await?;
    take_out_who_left(&app, &lost.sessions);
    Ok(())
}

fn enter_again(app: &App) {
    let mut sessions = vec![];
    app.sessions().for_each_bound(|session| sessions.push(session));
    for (rid, uids) in rooms_of(&sessions) {
        // What can't be reached comes up later, and is entered then.
        let _ = app.rpc.chat.recovery_remote.enter_again(key(&rid), uids, app.server_id(), &rid).notify();
    }
    take_out_who_left(app, &sessions);
}

/// A session that closed or went elsewhere meanwhile may have left its room before it was put back there.
fn take_out_who_left(app: &App, sessions: &[Session]) {
    for session in sessions {
        let Some((rid, uid)) = place(session) else { continue };
        if app.sessions().get(session.id()).and_then(|now| place(&now)) != Some((rid.clone(), uid.clone())) {
            // As above.
            let _ = app.rpc.chat.chat_remote.kick(key(&rid), &*uid, app.server_id(), &rid).notify();
        }
    }
}

/// The users of sessions, by room.
fn rooms_of(sessions: &[Session]) -> BTreeMap<String, Vec<Uid>> {
    let mut rooms = BTreeMap::<_, Vec<_>>::new();
    for (rid, uid) in sessions.iter().filter_map(place) {
        rooms.entry(rid).or_default().push(uid);
    }
    rooms
}

/// A session's room and user.
fn place(session: &Session) -> Option<(String, Uid)> {
    session.get("rid").zip(session.uid())
}

fn tell_room(app: &App, rid: &str, uids: &[Uid]) {
    let told = app.channels().update(rid, |room| {
        // Whoever has come back by another connector has not left.
        for uid in uids {
            if room.member(uid).is_none() {
                room.push("onLeave", &json!({ "route": "onLeave", "user": name(uid) }))?;
            }
        }
        Ok(())
    });
    if let Err(error) = told {
        tracing::warn!(%rid, %error, "a room was not told who left");
    }
}

/// On a chat server: closes the rooms that belong to others now, where their users enter them again.
fn close_rooms(app: &App, chats: ServerList) {
    for room in app.channels().names() {
        if pick(&room, &chats).is_ok_and(|chat| chat.id != *app.server_id()) {
            app.channels().destroy(&room);
        }
    }
}

pub struct RecoveryRemote;

#[remote]
impl RecoveryRemote {
    /// Puts users of a connector back into a room, of which the others there know already.
    pub async fn enter_again(app: &App, uids: Vec<Uid>, sid: String, rid: String) -> Result<()> {
        app.channels().update(&rid, |room| uids.into_iter().try_for_each(|uid| room.add(uid, &*sid)))
    }

    /// Puts users of a connector back into a room that was told that they left. It is told that they come, and they are
    /// told who is there, since they may have missed something.
    pub async fn come_back(app: &App, mut uids: Vec<Uid>, sid: String, rid: String) -> Result<()> {
        app.channels().update(&rid, |room| {
            uids.retain(|uid| {
                // It may have entered again before, and must not hear of itself.
                room.leave(uid, &sid);
                room.member(uid).is_none()
            });
            for uid in &uids {
                room.push("onAdd", &json!({ "route": "onAdd", "user": name(uid) }))?;
            }
            uids.iter().try_for_each(|uid| room.add(uid, &*sid))?;
            let users = users(room);
            uids.iter().try_for_each(|uid| room.push_to(uid, "onUsers", &json!({ "users": users })))
        })
    }
}
