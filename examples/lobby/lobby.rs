//! Matches players in pairs.

use pomelo::{Result, Session, handler, pick, to};
use tokio::sync::Mutex;

use crate::App;

/// Who waits for an opponent: one at most.
pub type Queue = Mutex<Option<Session>>;

pub struct LobbyHandler;

#[handler]
impl LobbyHandler {
    /// Leaves what the player is in, and waits for the next battle, which begins with the first push `onTick`.
    pub async fn play(app: &App, queue: &Queue, session: &Session) -> Result<()> {
        leave(app.clone(), session.clone()).await?;
        let app2 = app.clone();
        session.on_closed(move |session| leave(app2, session)).await?;
        let mut waiting = queue.lock().await;
        let Some(opponent) = waiting.take() else {
            *waiting = Some(session.clone());
            return Ok(());
        };
        drop(waiting);
        begin(app, [&opponent, session]).await
    }
}

/// Begins a battle, and notes in the sessions where it is.
async fn begin(app: &App, players: [&Session; 2]) -> Result<()> {
    let uid = |player: &Session| player.uid().expect("only players get past the filter");
    let members = players.map(|player| (uid(player), player.frontend_id().to_string()));
    let server = &pick(&members[0].0, app.servers("battle"))?.id;
    let room = app.rpc.battle.battle_remote.begin(to(server), members).await?;
    for player in players {
        player.set("battle", server);
        player.set("room", &room);
        player.push_all().await?;
    }
    Ok(())
}

/// Takes a player out of the queue and its battle, also when its connection has ended.
async fn leave(app: App, session: Session) -> Result<()> {
    if let Some(queue) = app.state::<Queue>() {
        queue.lock().await.take_if(|waiting| waiting.id() == session.id());
    }
    if let Some((uid, room)) = session.uid().zip(session.get::<String>("room")) {
        // A battle server that is gone has no battle left.
        let _ = app.rpc.battle.battle_remote.leave(&session, room, uid, session.frontend_id()).await;
    }
    Ok(())
}
