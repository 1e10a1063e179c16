//! A server's connection, on the master's side.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pomelo_core::cluster::Member;
use pomelo_core::metrics::MissingLink;
use pomelo_core::value::{ServerId, ServerInfo};
use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};

use crate::hub::{Hub, Move, News, Order, Told};
use crate::process::Process;
use crate::registry::{Denial, LinkId, Newcomer};
use crate::wire::server::{FromServer, Refusal, Status, ToServer};
use crate::wire::{SILENCE_TIMEOUT, Wire, WireError};

/// For this long after its start a master believes servers who tell it of others that its predecessor had added.
const RECOVERY_PERIOD: Duration = Duration::from_secs(60);

/// A server that has come in.
pub(crate) struct ServerConnection {
    pub(crate) hub: Arc<Hub>,
    pub(crate) wire: Wire<TcpStream>,
    /// What it has proved to be.
    pub(crate) id: ServerId,
    pub(crate) server_type: String,
    /// Whether it is on this host.
    pub(crate) from_here: bool,
}

/// A server's connection as others know it, until it ends in any way.
struct Seat {
    hub: Arc<Hub>,
    id: ServerId,
    link: LinkId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.forget(self.link);
        self.hub.change(|registry| registry.unlink(&self.id, self.link, Instant::now()));
    }
}

/// What a link does next.
enum Turn {
    Heard(FromServer),
    Ordered(Order),
    Tell(ToServer),
    TellMove(Move),
    TellAllMoves,
    Beat,
}

impl ServerConnection {
    /// Serves it until it leaves, is silent, or is refused.
    pub(crate) async fn serve(mut self) {
        let (link, orders) = self.hub.link();
        let seat = Seat { hub: self.hub.clone(), id: self.id.clone(), link };
        // Before it registers, so that no change falls in between.
        let news = self.hub.subscribe();
        let ended = match self.register(link).await {
            Ok(true) => self.attend(link, orders, news).await,
            Ok(false) => return,
            Err(error) => Err(error),
        };
        drop(seat);
        match ended {
            Ok(why) => tracing::info!(server = %self.id, why, "left"),
            Err(error) => tracing::warn!(server = %self.id, %error, "the connection of a server is gone"),
        }
    }

    /// Registers it; false if it was refused.
    async fn register(&mut self, link: LinkId) -> Result<bool, WireError> {
        let registered: FromServer = self.wire.receive_soon().await?;
        let FromServer::Register { member, pid, added, told, missing_links } = registered else {
            self.refuse(Refusal::of("it did not say what it is")).await?;
            return Ok(false);
        };
        if let Err(refusal) = self.take(&member, pid, link, Some(&missing_links)).await {
            self.refuse(refusal).await?;
            return Ok(false);
        }
        if self.hub.began.elapsed() < RECOVERY_PERIOD {
            self.inherit(added, told.as_deref());
        }
        tracing::debug!(server = %self.id, pid, incarnation = %member.incarnation, "registered");
        let expected = self.hub.look(|registry| registry.expected());
        self.wire.send(&ToServer::Expect(expected)).await?;
        self.tell_all_moves().await?;
        Ok(true)
    }

    /// Gives it the place of its id, unless a process that has it says that it is there.
    async fn take(
        &self,
        member: &Member,
        pid: u32,
        link: LinkId,
        missing_links: Option<&[MissingLink]>,
    ) -> Result<(), Refusal> {
        if member.info.id != self.id || *member.info.server_type != *self.server_type {
            return Err(Refusal::of(format!("it came in as {} of type `{}`", self.id, self.server_type)));
        }
        let mut silent = None;
        loop {
            let process = self.from_here.then(|| Process::find(pid, &self.id)).flatten();
            let newcomer = Newcomer { member, pid, process, link, missing_links, silent };
            match self.hub.change(|registry| registry.register(newcomer, Instant::now())) {
                Ok(()) => return Ok(()),
                Err(Denial::Refused(refusal)) => return Err(refusal),
                Err(Denial::Taken(occupant)) => {
                    if self.hub.is_there(&self.id, &occupant).await {
                        return Err(Refusal::occupied(&self.id, occupant));
                    }
                    silent = Some(occupant.incarnation);
                }
            }
        }
    }

    fn inherit(&self, added: Vec<Arc<ServerInfo>>, told: Option<&[ServerId]>) {
        let learnt = self.hub.change(|registry| registry.inherit(&self.id, added, told));
        for server in learnt {
            tracing::info!(%server, from = %self.id, "learnt of a server that was added");
        }
    }

    /// Says why it can't stay; the log has it once for each reason, however often it comes.
    async fn refuse(&mut self, refusal: Refusal) -> Result<(), WireError> {
        let reason = &refusal.reason;
        if self.hub.change(|registry| registry.is_news(&self.id, reason)) {
            tracing::warn!(server = %self.id, reason, "refused");
        }
        self.wire.send(&ToServer::Refused(refusal)).await
    }

    async fn attend(
        &mut self,
        link: LinkId,
        mut orders: mpsc::Receiver<Order>,
        mut news: News,
    ) -> Result<&'static str, WireError> {
        let mut asked: HashMap<u64, oneshot::Sender<Status>> = HashMap::new();
        let mut put: HashMap<u64, oneshot::Sender<Told>> = HashMap::new();
        let mut asks = 0;
        loop {
            let (silent_at, beat_at) = (self.wire.silent_at(), self.wire.beat_at());
            let turn = tokio::select! {
                message = self.wire.receive_known() => Turn::Heard(message?),
                Some(order) = orders.recv() => Turn::Ordered(order),
                Ok(()) = news.expected.changed() => {
                    Turn::Tell(ToServer::Expect(news.expected.borrow_and_update().to_vec()))
                }
                moved = news.moves.recv() => match moved {
                    Ok(moved) => Turn::TellMove(moved),
                    Err(RecvError::Lagged(_)) => Turn::TellAllMoves,
                    Err(RecvError::Closed) => return Ok("the master ends"),
                },
                () = tokio::time::sleep_until(beat_at) => Turn::Beat,
                () = tokio::time::sleep_until(silent_at) => return Err(WireError::Silent(SILENCE_TIMEOUT)),
            };
            match turn {
                Turn::Heard(message) => {
                    match message {
                        FromServer::Beat => {}
                        FromServer::Status { ask, status } => {
                            if let Some(answer) = asked.remove(&ask) {
                                // Who asked may have given up.
                                let _ = answer.send(status);
                            }
                        }
                        FromServer::Told { ask, told } => {
                            if let Some(answer) = put.remove(&ask) {
                                // As above.
                                let _ = answer.send(told);
                            }
                        }
                        FromServer::Links(missing) => {
                            let now = Instant::now();
                            self.hub.change(|registry| registry.say_links(&self.id, link, &missing, now));
                        }
                        FromServer::Goodbye => {
                            self.hub.change(|registry| registry.goodbye(&self.id, link));
                            return Ok("goodbye");
                        }
                        FromServer::Update(member) | FromServer::Register { member, .. } => {
                            let pid = self.hub.look(|registry| registry.get(&self.id)?.registered_pid());
                            if let Err(refusal) =
                                self.take(&member, pid.unwrap_or_default(), link, None).await
                            {
                                self.refuse(refusal).await?;
                                return Ok("refused");
                            }
                        }
                    }
                }
                Turn::Ordered(Order::Stop) => self.wire.send(&ToServer::Stop).await?,
                Turn::Ordered(Order::Ask(answer)) => {
                    asked.retain(|_, answer| !answer.is_closed());
                    asks += 1;
                    asked.insert(asks, answer);
                    self.wire.send(&ToServer::Ask { ask: asks }).await?;
                }
                Turn::Ordered(Order::Put(question, answer)) => {
                    put.retain(|_, answer| !answer.is_closed());
                    asks += 1;
                    put.insert(asks, answer);
                    self.wire.send(&ToServer::Put { ask: asks, question }).await?;
                }
                Turn::Ordered(Order::Close(later)) => {
                    let reason = format!("another connection took the place of {}", self.id);
                    self.refuse(Refusal { begin_after: later, ..Refusal::of(reason) }).await?;
                    return Ok("superseded");
                }
                Turn::Tell(message) => self.wire.send(&message).await?,
                Turn::TellMove(moved) => self.tell_move(moved).await?,
                Turn::TellAllMoves => self.tell_all_moves().await?,
                Turn::Beat => self.wire.send(&ToServer::Beat).await?,
            }
        }
    }

    async fn tell_move(&mut self, moved: Move) -> Result<(), WireError> {
        match moved {
            Move::Gone(id, incarnation) => self.wire.send(&ToServer::Gone { id, incarnation }).await,
            Move::Up(member) if self.has_port() || member.info.id == self.id => Ok(()),
            Move::Up(member) => self.wire.send(&ToServer::Up { member: Member::clone(&member) }).await,
        }
    }

    async fn tell_all_moves(&mut self) -> Result<(), WireError> {
        let (gone, portless) = self.hub.look(|registry| (registry.gone(), registry.portless()));
        for (id, incarnation) in gone {
            self.tell_move(Move::Gone(id, incarnation)).await?;
        }
        for member in portless {
            self.tell_move(Move::Up(Arc::new(member))).await?;
        }
        Ok(())
    }

    fn has_port(&self) -> bool {
        self.hub.look(|registry| registry.get(&self.id).is_some_and(|entry| entry.info.port.is_some()))
    }
}
