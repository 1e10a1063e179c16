//! Battles: rooms that tick, a task each.

use std::collections::HashMap;
use std::time::Duration;

use pomelo::{Component, Result, Session, channel::Channel, error::OrErr, handler, remote, session::Uid};
use serde_json::json;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, interval_at};

use crate::App;

const ROUNDS: u32 = 50;
const TICK: Duration = Duration::from_millis(100);

/// Where the attacks of a battle go, and its task.
type Battle = (mpsc::Sender<Uid>, tokio::task::JoinHandle<()>);

/// The battles of a server, by room.
#[derive(Default)]
pub struct Battles(Mutex<HashMap<String, Battle>>);

impl Component<App> for Battles {
    /// Takes no more attacks, which ends the battles, and waits for their ends.
    async fn stop(&self, _: &App) -> Result<()> {
        let tasks: Vec<_> = self.0.lock().await.drain().map(|(_, (_, task))| task).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    }
}

/// A battle of the members of a channel, until all rounds are over or only one of them is left.
async fn fight(room: Channel, mut attacks: mpsc::Receiver<Uid>) {
    let (mut clock, mut scores) = (interval_at(Instant::now() + TICK, TICK), HashMap::new());
    for round in 1..=ROUNDS {
        clock.tick().await;
        while let Ok(uid) = attacks.try_recv() {
            *scores.entry(uid).or_insert(0) += 1;
        }
        let tick = json!({ "round": round, "scores": scores });
        if room.len() < 2 || attacks.is_closed() || room.push("onTick", &tick).is_err() {
            break;
        }
    }
    // Where nobody is left there is nobody to tell.
    let _ = room.push("onEnd", &json!({ "scores": scores }));
    room.destroy();
}

pub struct BattleRemote;

#[remote]
impl BattleRemote {
    /// Begins a battle of users at frontends; returns its room.
    pub async fn begin(app: &App, battles: &Battles, players: [(Uid, String); 2]) -> Result<String> {
        let mut rooms = battles.0.lock().await;
        let number = app.get("begun").unwrap_or(0) + 1;
        app.set("begun", number);
        let name = format!("room-{number}");
        let (room, (attacks, attacked)) = (app.channels().create(&name), mpsc::channel(64));
        // A player whose connector has just died isn't added, which ends the battle.
        let _ = players.map(|(uid, frontend)| room.add(uid, frontend));
        rooms.retain(|_, (_, task)| !task.is_finished());
        rooms.insert(name.clone(), (attacks, tokio::spawn(fight(room, attacked))));
        Ok(name)
    }

    /// Takes a player out, and tells the other.
    pub async fn leave(app: &App, room: String, uid: Uid, frontend: String) -> Result<()> {
        app.channels().update(&room, |room| match room.leave(&uid, &frontend) {
            true => room.push("onLeave", &json!({ "uid": uid })),
            false => Ok(()),
        })
    }
}

pub struct BattleHandler;

#[handler]
impl BattleHandler {
    /// An attack counts at the next tick.
    pub async fn attack(battles: &Battles, session: &Session) -> Result<()> {
        let (uid, room) = session.uid().zip(session.get::<String>("room")).or_err(404, "play first")?;
        let attack = battles.0.lock().await.get(&room).and_then(|(attacks, _)| attacks.try_send(uid).ok());
        attack.or_err(404, "the battle is over, or has enough attacks")
    }
}
