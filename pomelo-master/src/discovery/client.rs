//! The client of a master: holds a server's connection to it, and makes it again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use pomelo_core::cluster::{Control, Member, MembershipEvents};
use pomelo_core::metrics::MissingLink;
use pomelo_core::value::{Error, ErrorKind, ServerInfo};
use pomelo_core::wire::envelope::AskError;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::{Connection, ConnectionError, open};
use super::{CONNECT_TIMEOUT, MasterDiscovery, Tell};
use crate::process::own_rss_bytes;
use crate::wire::server::{FromServer, Question, Refusal, Status, ToServer};
use crate::wire::{SILENCE_TIMEOUT, WireError};

/// The longest wait before the master is tried again: with a list complete in 15 s, it may fail twice.
const LONGEST_RETRY: Duration = Duration::from_secs(4);

/// How often to look which links are missing: operators wait for them.
const MISSING_LINKS_POLL: Duration = Duration::from_millis(250);

/// A server, as a client of its master.
pub(super) struct Client {
    pub(super) discovery: MasterDiscovery,
    pub(super) member: Member,
    pub(super) events: Arc<dyn MembershipEvents>,
    pub(super) control: Arc<dyn Control>,
    /// Whom the server was told to expect, or will be.
    pub(super) expected: Vec<Arc<ServerInfo>>,
    /// Whether a master has said so.
    pub(super) was_told: bool,
    /// Whether there was a master when that was last said in the log.
    pub(super) was_reached: bool,
    /// Why the master refuses this server, if that was the last that was said in the log.
    pub(super) refused: Option<String>,
}

/// An operator's question that is being answered: its number, and the answer.
type Answering = BoxFuture<'static, (u64, Result<Value, AskError>)>;

/// Why a server doesn't listen to its master any more.
enum End {
    Broken(ConnectionError),
    Left,
}

impl Client {
    /// Until the server leaves.
    pub(super) async fn run(&mut self, connection: &mut Option<Connection>, told: &mut mpsc::Receiver<Tell>) {
        loop {
            let open = match connection.take() {
                Some(open) => open,
                None => match self.reconnect(told).await {
                    Some(open) => open,
                    None => return,
                },
            };
            match self.listen(open, told).await {
                End::Broken(error) => self.part(&error),
                End::Left => return,
            }
        }
    }

    /// Connects, and tells the server whom to expect.
    pub(super) async fn connect(&mut self) -> Result<Connection, ConnectionError> {
        let is_listed = |info: &&Arc<ServerInfo>| self.discovery.servers.contains(info);
        let ids = || self.expected.iter().map(|info| info.id.clone()).collect();
        let register = FromServer::Register {
            member: self.member.clone(),
            pid: std::process::id(),
            added: self.expected.iter().filter(|info| !is_listed(info)).cloned().collect(),
            told: self.was_told.then(ids),
            missing_links: self.control.missing_links(),
        };
        let (connection, expected) = open(&self.discovery, &self.member.info, register).await?;
        if !std::mem::replace(&mut self.was_reached, true) {
            tracing::info!(server = %self.member.info.id, master = self.discovery.address, "the master is back");
        }
        self.refused = None;
        self.expect(expected);
        Ok(connection)
    }

    /// Tries until the master is there; none if the server leaves first.
    async fn reconnect(&mut self, told: &mut mpsc::Receiver<Tell>) -> Option<Connection> {
        let mut delays = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(LONGEST_RETRY / 2)
            .without_max_times()
            .build();
        loop {
            let wait = Instant::now() + delays.next().unwrap_or(LONGEST_RETRY);
            loop {
                tokio::select! {
                    tell = told.recv() => match tell {
                        Some(Tell::Update(member)) => self.member = *member,
                        // Nobody is there to hear it; the sender is dropped, which is an answer.
                        Some(Tell::Goodbye(_)) | None => return None,
                    },
                    () = sleep_until(wait) => break,
                }
            }
            match timeout(CONNECT_TIMEOUT, self.connect()).await.unwrap_or(Err(ConnectionError::Slow)) {
                Ok(connection) => return Some(connection),
                Err(error) => self.part(&error),
            }
        }
    }

    /// There is no connection, or none any more.
    fn part(&mut self, error: &ConnectionError) {
        self.complain(error);
        if let ConnectionError::Refused(refusal) = error {
            // A server that is up ends if it must. Else its place may be free later, whatever it wants.
            self.is_another_try_wanted(refusal);
        }
    }

    /// Tells the server what a refusal means for it; says whether it wants to try again, as what it is then.
    pub(super) fn is_another_try_wanted(&mut self, refusal: &Refusal) -> bool {
        let again = refusal.for_server().and_then(|refused| self.events.refused(refused));
        let is_wanted = again.is_some();
        self.member = again.unwrap_or_else(|| self.member.clone());
        is_wanted
    }

    pub(super) fn refused_by_master(&self, refusal: &Refusal) -> Error {
        let (master, id) = (&self.discovery.address, &self.member.info.id);
        let why = format_args!("the master on {master} refused {id}: {}", refusal.reason);
        Error::of(ErrorKind::Refused, why)
    }

    /// Says once that the master can't be reached, and once for each reason that it refuses.
    pub(super) fn complain(&mut self, error: &ConnectionError) {
        let (server, master) = (&self.member.info.id, &self.discovery.address);
        let was_reached = std::mem::replace(&mut self.was_reached, false);
        match error {
            ConnectionError::Refused(Refusal { reason, .. }) => {
                if self.refused.replace(reason.clone()).is_none_or(|before| before != *reason) {
                    tracing::error!(%server, master, reason, "the master refuses this server");
                }
            }
            error if was_reached => tracing::warn!(%server, master, %error, "no master; going on without it"),
            error => tracing::debug!(%server, master, %error, "still no master"),
        }
    }

    fn expect(&mut self, servers: Vec<Arc<ServerInfo>>) {
        self.expected.clone_from(&servers);
        self.was_told = true;
        self.events.expect(servers);
    }

    async fn listen(&mut self, mut connection: Connection, told: &mut mpsc::Receiver<Tell>) -> End {
        match self.converse(&mut connection, told).await {
            Ok(()) => End::Left,
            Err(error) => End::Broken(error),
        }
    }

    /// Until the server has left.
    async fn converse(
        &mut self,
        connection: &mut Connection,
        told: &mut mpsc::Receiver<Tell>,
    ) -> Result<(), ConnectionError> {
        let (mut look, mut said) = (tokio::time::interval(MISSING_LINKS_POLL), None);
        // What operators ask, while it is answered.
        let mut asked: FuturesUnordered<Answering> = FuturesUnordered::new();
        loop {
            let (silent_at, beat_at) = (connection.silent_at(), connection.beat_at());
            tokio::select! {
                message = connection.receive_known() => {
                    let message = message?;
                    if matches!(message, ToServer::Expect(_)) {
                        said = None;
                        look.reset_immediately();
                    }
                    match message {
                        ToServer::Put { ask, question } => asked.push(self.answer(ask, question)),
                        message => self.hear(message, connection).await?,
                    }
                }
                Some((ask, told)) = asked.next() => connection.send(&FromServer::Told { ask, told }).await?,
                _ = look.tick() => self.say_links(connection, &mut said).await?,
                tell = told.recv() => match tell {
                    Some(Tell::Update(member)) => {
                        self.member = *member;
                        connection.send(&FromServer::Update(self.member.clone())).await?;
                    }
                    Some(Tell::Goodbye(said)) => {
                        // Where the connection is broken nobody hears it, and the server leaves all the same: it must not
                        // register with the next master.
                        if connection.send(&FromServer::Goodbye).await.is_ok() {
                            // The master closes when it has heard it.
                            while connection.receive::<ToServer>().await.is_ok() {}
                        }
                        let _ = said.send(());
                        return Ok(());
                    }
                    None => return Ok(()),
                },
                () = sleep_until(beat_at) => connection.send(&FromServer::Beat).await?,
                () = sleep_until(silent_at) => return Err(WireError::Silent(SILENCE_TIMEOUT).into()),
            }
        }
    }

    /// Says which links are missing, unless that was `said`.
    async fn say_links(
        &self,
        connection: &mut Connection,
        said: &mut Option<Vec<MissingLink>>,
    ) -> Result<(), ConnectionError> {
        let missing = self.control.missing_links();
        let what = |links: &[MissingLink]| -> Vec<_> {
            links.iter().map(|link| (link.server.clone(), link.why.clone())).collect()
        };
        if said.as_deref().map(what) != Some(what(&missing)) {
            connection.send(&FromServer::Links(missing.clone())).await?;
            *said = Some(missing);
        }
        Ok(())
    }

    /// What an admin module answers to the question of that number.
    fn answer(&self, ask: u64, question: Question) -> Answering {
        let control = self.control.clone();
        Box::pin(async move {
            let told = async {
                let answer = control.answer(question.into_ask()?).await?;
                Ok(serde_json::from_slice(&answer).map_err(Error::from)?)
            };
            (ask, told.await)
        })
    }

    async fn hear(&mut self, message: ToServer, connection: &mut Connection) -> Result<(), ConnectionError> {
        match message {
            ToServer::Expect(servers) => self.expect(servers),
            ToServer::Up { member } => self.events.up(member),
            ToServer::Gone { id, incarnation } => self.events.gone(&id, incarnation),
            ToServer::Stop => {
                tracing::info!(server = %self.member.info.id, "the master wants this server to stop");
                self.control.stop();
            }
            ToServer::Ask { ask } => {
                // One that has stopped has nothing to say; it is about to say goodbye.
                if let Some(report) = self.control.report() {
                    let status = Status { report, rss_bytes: own_rss_bytes() };
                    connection.send(&FromServer::Status { ask, status }).await?;
                }
            }
            // Only a conversation answers it.
            ToServer::Put { .. } | ToServer::Beat => {}
            ToServer::Refused(refusal) => return Err(ConnectionError::Refused(refusal)),
        }
        Ok(())
    }
}
