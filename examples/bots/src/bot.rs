//! One client: asks the gate, enters its room, talks, and checks what it hears.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use pomelo_net::client::{
    AskError, BodyError, ConnectError, Connection, ConnectionError, ConnectionOptions, Event, IgnoredReason,
    SendError,
};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval_at, sleep};

use crate::args::{Args, Pace, To};
use crate::content::Content;
use crate::crowd::{Phase, Shared};
use crate::ledger::Ledger;

/// The route of what bots say.
const SEND: &str = "chat.chatHandler.send";

/// How long a server may take to accept a connection, and to answer who asks the gate or enters a room.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a bot that is stuck looks whether its connection still holds, if the server wants no heartbeats.
const STALLED_BEAT: Duration = Duration::from_secs(1);

/// Why a bot is not in its room.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BotError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The gate or the connector doesn't answer, or not as it should.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The gate names no connector.
    #[error("the gate answered {0}")]
    NoConnector(Value),
    /// The connector doesn't let it in.
    #[error("entering the room was answered {0}")]
    NotLetIn(Value),
}

/// Why a bot that was in its room can't go on.
#[derive(Debug, Error)]
#[non_exhaustive]
enum TalkError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The server sent what nobody asked for.
    #[error("the server sent {0}")]
    Unexpected(#[from] IgnoredReason),
}

/// A bot that is in its room.
pub struct Bot {
    user: u32,
    client: Connection,
    shared: Arc<Shared>,
    talking: bool,
    /// By a request's number: what was said, and when.
    unanswered: HashMap<u64, Content>,
    /// When it began to talk, or had an answer that is well since.
    well_at: u64,
    record: Record,
}

/// What a bot has done and heard.
#[derive(Debug)]
pub struct Record {
    /// Its number.
    pub user: u32,
    /// How many things it said.
    pub said: u64,
    /// Those that the server refused.
    pub refused: HashSet<u64>,
    /// What it heard.
    pub ledger: Ledger,
    /// Its connection held until the end.
    pub alive: bool,
}

/// What the chat service pushes as `onChat`.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    msg: Cow<'a, str>,
}

impl Bot {
    /// Asks the gate for a connector, and enters the room.
    ///
    /// # Errors
    /// If one of them can't be reached, or refuses.
    pub async fn enter(user: u32, shared: Arc<Shared>) -> Result<Self, BotError> {
        let (args, name) = (&shared.plan.args, name(&shared.plan.args, user));
        let options = ConnectionOptions::new()
            .client("rust-bots", env!("CARGO_PKG_VERSION"))
            .connect_timeout(PATIENCE)
            .ask_timeout(PATIENCE);
        let mut gate = options.connect(&args.proto.url(&args.gate)).await?;
        let answer: Value = gate.ask("gate.gateHandler.queryEntry", &json!({ "uid": name })).await?;
        drop(gate);
        let (Some(host), Some(port)) = (answer["host"].as_str(), answer["port"].as_u64()) else {
            return Err(BotError::NoConnector(answer));
        };
        let mut client = options.connect(&args.proto.url(&format!("{host}:{port}"))).await?;
        let login = json!({ "username": name, "rid": format!("{}s{}", args.name, user % args.rooms) });
        let answer: Value = client.ask("connector.entryHandler.enter", &login).await?;
        if !answer["users"].is_array() {
            return Err(BotError::NotLetIn(answer));
        }
        let ledger = Ledger::new(shared.plan.talkers as usize);
        let record = Record { user, said: 0, refused: HashSet::new(), ledger, alive: true };
        Ok(Self { user, client, shared, talking: false, unanswered: HashMap::new(), well_at: 0, record })
    }

    /// Does what the phase says, until all is over or the connection is.
    pub async fn live(mut self, mut phase: watch::Receiver<Phase>) -> Record {
        if self.shared.plan.stalls(place(self.record.user, self.shared.plan.args.rooms)) {
            return self.stall(phase).await;
        }
        if let Err(error) = self.listen_and_talk(&mut phase).await {
            self.shared.tally.lost.add(1);
            self.shared.tally.fail(error);
            self.record.alive = false;
        } else {
            self.shared.tally.unanswered.add(self.unanswered.len() as u64);
        }
        self.record
    }

    /// Reads nothing until all is over, or the server has had enough of it.
    async fn stall(mut self, mut phase: watch::Receiver<Phase>) -> Record {
        self.record.alive = false;
        tokio::select! {
            _ = stall(&mut self.client) => self.shared.tally.cut_off.add(1),
            _ = phase.wait_for(|phase| *phase == Phase::Over) => {}
        }
        self.record
    }

    async fn listen_and_talk(&mut self, phase: &mut watch::Receiver<Phase>) -> Result<(), TalkError> {
        let mut clock = None;
        loop {
            tokio::select! {
                event = self.client.next() => self.take(event?)?,
                () = tick(&mut clock) => self.say()?,
                changed = phase.changed() => {
                    let now = if changed.is_ok() { *phase.borrow_and_update() } else { Phase::Over };
                    match now {
                        Phase::Entering => {}
                        Phase::Talking => clock = self.begin()?,
                        Phase::Listening => (self.talking, clock) = (false, None),
                        Phase::Over => return Ok(()),
                    }
                }
            }
        }
    }

    /// Begins to talk, if it is one who does; by the clock, or by filling its window.
    fn begin(&mut self) -> Result<Option<Interval>, TalkError> {
        let plan = &self.shared.plan;
        let (place, pace) = (place(self.user, plan.args.rooms), plan.pace);
        self.talking = place < plan.talkers;
        self.well_at = self.shared.tally.now();
        if !self.talking {
            return Ok(None);
        }
        match pace {
            Pace::Every(period) => {
                // Spread over the period, so that they don't all talk in the same moment.
                let first = period.mul_f64(f64::from(self.user) / f64::from(plan.args.users));
                Ok(Some(interval_at(Instant::now() + first, period)))
            }
            Pace::Window(window) => {
                (0..window).try_for_each(|_| self.say())?;
                Ok(None)
            }
        }
    }

    fn say(&mut self) -> Result<(), TalkError> {
        let Shared { plan, tally, .. } = &*self.shared;
        let content = Content { user: self.user, serial: self.record.said, said_at: tally.now() };
        let target = match plan.args.to {
            To::Room => "*".into(),
            To::Self_ => name(&plan.args, self.user),
        };
        let text = content.text(plan.args.size as usize);
        let message = json!({ "content": text, "target": target });
        let id = self.client.request(SEND, &message)?;
        self.unanswered.insert(id, content);
        self.record.said += 1;
        tally.said.add(1);
        tally.said_to.add(u64::from(plan.listeners()));
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), TalkError> {
        match event {
            Event::Response { id, body, .. } => self.answered(id, &body),
            Event::Push { route, body } if route.as_str() == "onChat" => self.hear(&body),
            Event::Push { .. } => {
                self.shared.tally.others.add(1);
                Ok(())
            }
            Event::Ignored(reason) => Err(reason.into()),
            // The handshake was done before the bot was made.
            _ => Ok(()),
        }
    }

    fn answered(&mut self, id: u64, body: &[u8]) -> Result<(), TalkError> {
        #[derive(Deserialize)]
        struct Answer {
            code: Option<u64>,
        }
        let Some(content) = self.unanswered.remove(&id) else {
            return Err(IgnoredReason::UnknownRequest(id).into());
        };
        let tally = &self.shared.tally;
        match self.client.decode(SEND, body)? {
            Answer { code: None | Some(200) } => {
                tally.answered.add(1);
                tally.answer_took(content.said_at, self.well_at);
                self.well_at = tally.now();
            }
            Answer { code: Some(code) } => {
                self.record.refused.insert(content.serial);
                tally.refuse(content.said_at, self.shared.plan.listeners());
                tally.fail(format_args!("a message was answered with code {code}"));
            }
        }
        Ok(())
    }

    fn hear(&mut self, body: &[u8]) -> Result<(), TalkError> {
        let Said { msg } = self.client.decode_borrowed("onChat", body)?;
        let Shared { plan, tally, .. } = &*self.shared;
        let Some(Content { user, serial, said_at }) = Content::parse(&msg) else {
            tally.others.add(1);
            return Ok(());
        };
        let ours = match plan.args.to {
            To::Room => user % plan.args.rooms == self.user % plan.args.rooms,
            To::Self_ => user == self.user,
        };
        if !ours {
            tally.fail("a message came to one whom it was not for");
            return Ok(());
        }
        if self.record.ledger.hear(place(user, plan.args.rooms) as usize, serial) {
            tally.delivered(said_at);
        }
        let answer_it = user == self.user && self.talking && matches!(plan.pace, Pace::Window(_));
        if answer_it { self.say() } else { Ok(()) }
    }
}

/// A bot's place in its room; the first ones talk.
pub fn place(user: u32, rooms: u32) -> u32 {
    user / rooms
}

fn name(args: &Args, user: u32) -> String {
    format!("{}{user}", args.name)
}

/// Reads nothing more, but goes on sending heartbeats, as a program does that is stuck; until the connection is over.
async fn stall(client: &mut Connection) {
    let beat = client.agreement().heartbeat().unwrap_or(STALLED_BEAT);
    loop {
        sleep(beat).await;
        client.beat();
        if client.flush().await.is_err() {
            return;
        }
    }
}

async fn tick(clock: &mut Option<Interval>) {
    match clock {
        Some(clock) => {
            clock.tick().await;
        }
        None => std::future::pending().await,
    }
}
