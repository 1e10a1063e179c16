//! The task that holds a server's connection to its master, and makes it again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use pomelo_core::cluster::{Member, Watcher};
use pomelo_core::metrics::MissingLink;
use pomelo_core::value::{Error, ErrorKind, ServerInfo};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::process::own_rss_bytes;
use super::super::wire::server::{FromServer, Refusal, Status, ToServer};
use super::super::wire::{BEAT, SILENCE, WireError};
use super::line::{Line, LineError, open};
use super::{FIRST, Monitor, Tell};

/// The longest wait before the master is tried again: with a list complete in 15 s, it may fail twice.
const LONGEST: Duration = Duration::from_secs(4);

/// How often to look which links are missing: operators wait for them.
const LOOK: Duration = Duration::from_millis(250);

pub(super) struct Watch {
    pub(super) monitor: Monitor,
    pub(super) member: Member,
    pub(super) watcher: Arc<dyn Watcher>,
    /// Whom the watcher was told to expect, or will be.
    pub(super) expected: Vec<Arc<ServerInfo>>,
    /// Whether a master has said so.
    pub(super) was_told: bool,
    /// Whether there was a master when that was last said in the log.
    pub(super) was_reached: bool,
    /// Why the master refuses this server, if that was the last that was said in the log.
    pub(super) refused: Option<String>,
}

/// Why a server doesn't listen to its master any more.
enum End {
    Broken(LineError),
    Left,
}

impl Watch {
    /// Until the server leaves.
    pub(super) async fn run(&mut self, line: &mut Option<Line>, told: &mut mpsc::Receiver<Tell>) {
        loop {
            let open = match line.take() {
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

    /// Connects, and tells the watcher whom to expect.
    pub(super) async fn connect(&mut self) -> Result<Line, LineError> {
        let is_listed = |info: &&Arc<ServerInfo>| self.monitor.servers.contains(info);
        let ids = || self.expected.iter().map(|info| info.id.clone()).collect();
        let register = FromServer::Register {
            member: self.member.clone(),
            pid: std::process::id(),
            added: self.expected.iter().filter(|info| !is_listed(info)).cloned().collect(),
            told: self.was_told.then(ids),
            missing_links: self.watcher.missing_links(),
        };
        let (line, expected) = open(&self.monitor, &self.member.info, register).await?;
        if !std::mem::replace(&mut self.was_reached, true) {
            tracing::info!(server = %self.member.info.id, master = self.monitor.address, "the master is back");
        }
        self.refused = None;
        self.expect(expected);
        Ok(line)
    }

    /// Tries until the master is there; none if the server leaves first.
    async fn reconnect(&mut self, told: &mut mpsc::Receiver<Tell>) -> Option<Line> {
        let mut delays = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(LONGEST / 2)
            .without_max_times()
            .build();
        loop {
            let wait = Instant::now() + delays.next().unwrap_or(LONGEST);
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
            match timeout(FIRST, self.connect()).await.unwrap_or(Err(LineError::Slow)) {
                Ok(line) => return Some(line),
                Err(error) => self.part(&error),
            }
        }
    }

    /// There is no connection, or none any more.
    fn part(&mut self, error: &LineError) {
        self.complain(error);
        if let LineError::Refused(refusal) = error {
            // A server that is up ends if it must. Else its place may be free later, whatever it wants.
            self.is_another_try_wanted(refusal);
        }
    }

    /// Tells the server what a refusal means for it; says whether it wants to try again, as what it is then.
    pub(super) fn is_another_try_wanted(&mut self, refusal: &Refusal) -> bool {
        let again = refusal.for_server().and_then(|refused| self.watcher.refused(refused));
        let is_wanted = again.is_some();
        self.member = again.unwrap_or_else(|| self.member.clone());
        is_wanted
    }

    pub(super) fn refused_by_master(&self, refusal: &Refusal) -> Error {
        let (master, id) = (&self.monitor.address, &self.member.info.id);
        let why = format_args!("the master on {master} refused {id}: {}", refusal.reason);
        Error::of(ErrorKind::Refused, why)
    }

    /// Says once that the master can't be reached, and once for each reason that it refuses.
    pub(super) fn complain(&mut self, error: &LineError) {
        let (server, master) = (&self.member.info.id, &self.monitor.address);
        let was_reached = std::mem::replace(&mut self.was_reached, false);
        match error {
            LineError::Refused(Refusal { reason, .. }) => {
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
        self.watcher.expect(servers);
    }

    async fn listen(&mut self, mut line: Line, told: &mut mpsc::Receiver<Tell>) -> End {
        match self.converse(&mut line, told).await {
            Ok(()) => End::Left,
            Err(error) => End::Broken(error),
        }
    }

    /// Until the server has left.
    async fn converse(&mut self, line: &mut Line, told: &mut mpsc::Receiver<Tell>) -> Result<(), LineError> {
        let (mut beat, mut look) = (tokio::time::interval(BEAT), tokio::time::interval(LOOK));
        let (mut heard, mut said) = (Instant::now(), None);
        loop {
            tokio::select! {
                message = line.receive_known() => {
                    heard = Instant::now();
                    let message = message?;
                    if matches!(message, ToServer::Expect(_)) {
                        said = None;
                        look.reset_immediately();
                    }
                    self.hear(message, line).await?;
                }
                _ = look.tick() => self.say_links(line, &mut said).await?,
                tell = told.recv() => match tell {
                    Some(Tell::Update(member)) => {
                        self.member = *member;
                        line.send(&FromServer::Update(self.member.clone())).await?;
                    }
                    Some(Tell::Goodbye(said)) => {
                        // Where the connection is broken nobody hears it, and the server leaves all the same: it must not
                        // register with the next master.
                        if line.send(&FromServer::Goodbye).await.is_ok() {
                            // The master closes when it has heard it.
                            while line.receive::<ToServer>().await.is_ok() {}
                        }
                        let _ = said.send(());
                        return Ok(());
                    }
                    None => return Ok(()),
                },
                _ = beat.tick() => line.send(&FromServer::Beat).await?,
                () = sleep_until(heard + SILENCE) => return Err(WireError::Silent(SILENCE).into()),
            }
        }
    }

    /// Says which links are missing, unless that was `said`.
    async fn say_links(&self, line: &mut Line, said: &mut Option<Vec<MissingLink>>) -> Result<(), LineError> {
        let missing = self.watcher.missing_links();
        let what = |links: &[MissingLink]| -> Vec<_> {
            links.iter().map(|link| (link.server.clone(), link.why.clone())).collect()
        };
        if said.as_deref().map(what) != Some(what(&missing)) {
            line.send(&FromServer::Links(missing.clone())).await?;
            *said = Some(missing);
        }
        Ok(())
    }

    async fn hear(&mut self, message: ToServer, line: &mut Line) -> Result<(), LineError> {
        match message {
            ToServer::Expect(servers) => self.expect(servers),
            ToServer::Up { member } => self.watcher.up(member),
            ToServer::Gone { id, incarnation } => self.watcher.gone(&id, incarnation),
            ToServer::Stop => {
                tracing::info!(server = %self.member.info.id, "the master wants this server to stop");
                self.watcher.stop();
            }
            ToServer::Ask { ask } => {
                // One that has stopped has nothing to say; it is about to say goodbye.
                if let Some(report) = self.watcher.report() {
                    let status = Status { report, rss_bytes: own_rss_bytes() };
                    line.send(&FromServer::Status { ask, status }).await?;
                }
            }
            ToServer::Beat => {}
            ToServer::Refused(refusal) => return Err(LineError::Refused(refusal)),
        }
        Ok(())
    }
}
