//! The engine: a registrant with an etcd client under it, for as long as a server is registered.
//!
//! | file | noun |
//! |---|---|
//! | `connect` | making a client of one member of etcd, or of the next one |
//! | `session` | one connection: requests, the watch |
//! | `trouble` | why a connection is of no use any more |

mod connect;
#[cfg(test)]
#[path = "../../tests/etcd/support/server.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod etcd_server;
mod session;
mod trouble;

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_client::{Client, WatchResponse, WatchStream};
use futures::future::BoxFuture;
use pomelo_core::cluster::{Control, Member, MembershipEvents, Refused};
use pomelo_core::runtime::throttle::Throttle;
use pomelo_core::value::{Error, ErrorKind, ServerId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use self::connect::Dialer;
use self::session::{Keeper, Performed, Session};
use self::trouble::Trouble;
use crate::error::EtcdError;
use crate::keys::Keys;
use crate::options::Etcd;
use crate::registrant::{Event, Registrant};

/// How often the registrant looks at the clock.
const TICK: Duration = Duration::from_millis(100);

/// How soon a server asks again after it was refused.
const REFUSED_RETRY: Duration = Duration::from_millis(250);

/// How long what a server says last may take.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(2);

/// What a server tells its engine.
pub(crate) enum Tell {
    /// It is something else now.
    Update(Box<Member>),
    /// It leaves; the sender is dropped when that is done.
    Goodbye(oneshot::Sender<()>),
}

/// What came of a server's registration.
#[derive(Debug, Clone)]
pub(crate) enum Registered {
    /// That is not known yet.
    Waiting,
    /// It has its place.
    Yes,
    /// etcd is away: it goes on without, and has its place later.
    Away,
    /// It has none.
    No(Error),
}

/// What a server is told, and asked.
pub(crate) struct Server {
    pub(crate) id: ServerId,
    pub(crate) events: Arc<dyn MembershipEvents>,
    pub(crate) control: Option<Arc<dyn Control>>,
}

/// A server at etcd.
pub(crate) struct Engine {
    server: Server,
    registrant: Registrant,
    keys: Arc<Keys>,
    dialer: Dialer,
    told: mpsc::Receiver<Tell>,
    registered: watch::Sender<Registered>,
    /// Whether etcd was there when that was last said in the log.
    was_there: bool,
    complaints: Throttle<&'static str>,
    /// Who waits for the end of a goodbye.
    leaving: Option<oneshot::Sender<()>>,
}

/// Why a session is over.
enum End {
    Trouble(Trouble),
    Left,
}

impl Engine {
    /// An engine for a server, which is to be [run](Self::run).
    ///
    /// # Errors
    /// If what is configured can't be meant, or a file can't be read.
    pub(crate) async fn new(
        etcd: &Etcd,
        member: Member,
        server: Server,
        told: mpsc::Receiver<Tell>,
        registered: watch::Sender<Registered>,
    ) -> Result<Self, EtcdError> {
        let (endpoints, keys) = etcd.check()?;
        let dialer = Dialer::new(etcd, endpoints).await?;
        let now = Instant::now();
        let registrant =
            Registrant::new(member, std::process::id(), etcd.expected.iter().cloned(), etcd.settings, now);
        Ok(Self {
            server,
            registrant,
            keys: Arc::new(keys),
            dialer,
            told,
            registered,
            was_there: true,
            complaints: Throttle::default(),
            leaving: None,
        })
    }

    /// Until the server has left, or is not taken.
    ///
    /// # Cancel safety
    /// What etcd was asked may be done if it is dropped; it can be run again.
    pub(crate) async fn run(&mut self) {
        // It may have been dropped with a connection.
        self.registrant.broke();
        loop {
            let end = match self.connect().await {
                Ok(client) => self.converse(client).await,
                Err(end) => end,
            };
            self.registrant.broke();
            match end {
                End::Left => return,
                // There is nothing left to say, and nobody to whom it could be said.
                End::Trouble(_) if self.leaving.is_some() => return,
                End::Trouble(trouble) if trouble.is_harmless() => {
                    tracing::debug!(server = %self.server.id, "{trouble}: all is read again");
                }
                End::Trouble(trouble) => {
                    if self.part(trouble).await {
                        return;
                    }
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<Client, End> {
        let connecting = self.dialer.connect();
        tokio::pin!(connecting);
        loop {
            tokio::select! {
                client = &mut connecting => return client.map_err(End::Trouble),
                tell = self.told.recv() => match tell {
                    Some(Tell::Update(member)) => self.registrant.update(*member),
                    // The key expires.
                    Some(Tell::Goodbye(_)) | None => return Err(End::Left),
                },
            }
            Self::hand_on(&mut self.registrant, &self.server, &self.registered);
        }
    }

    /// There is no etcd, or none any more; says whether that is the end. Waits a while before the next attempt.
    async fn part(&mut self, trouble: Trouble) -> bool {
        let endpoint = self.dialer.endpoint();
        let is_waited_for = matches!(*self.registered.borrow(), Registered::Waiting);
        self.complain(&trouble, &endpoint);
        if is_waited_for
            && trouble.is_refusal()
            && let Trouble::Etcd(source) = trouble
        {
            let error = EtcdError::Refused { endpoint, source }.into_error();
            self.registered.send_replace(Registered::No(error));
            return true;
        }
        let pause = self.dialer.failed();
        if is_waited_for && self.dialer.has_tried_all() {
            self.registrant.open();
            Self::hand_on(&mut self.registrant, &self.server, &self.registered);
            self.registered.send_replace(Registered::Away);
        }
        let pausing = sleep(pause);
        tokio::pin!(pausing);
        loop {
            tokio::select! {
                () = &mut pausing => return false,
                tell = self.told.recv() => match tell {
                    Some(Tell::Update(member)) => self.registrant.update(*member),
                    Some(Tell::Goodbye(_)) | None => return true,
                },
            }
            Self::hand_on(&mut self.registrant, &self.server, &self.registered);
        }
    }

    /// Says once that etcd is away, and whatever it says of this server, at a rate.
    fn complain(&mut self, trouble: &Trouble, endpoint: &str) {
        let server = &self.server.id;
        if trouble.is_refusal() {
            if let Some(left_out) = self.complaints.admit(&"refused") {
                tracing::error!(%server, endpoint, %trouble, left_out, "etcd refuses this server");
            }
        } else if std::mem::replace(&mut self.was_there, false) {
            tracing::warn!(%server, endpoint, %trouble, "no etcd; going on without it");
        } else {
            tracing::debug!(%server, endpoint, %trouble, "still no etcd");
        }
    }

    /// As long as a connection is of use.
    async fn converse(&mut self, client: Client) -> End {
        let session = Session::new(client, self.keys.clone());
        let (mut keeper, mut stream): (Option<Keeper>, Option<WatchStream>) = (None, None);
        let mut performing: Option<BoxFuture<'static, Result<Performed, Trouble>>> = None;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.registrant.connected(Instant::now());
        loop {
            let now = Instant::now();
            if performing.is_none()
                && let Some(request) = self.registrant.request(now)
            {
                performing = Some(Box::pin(session.clone().perform(request, keeper.take())));
            }
            self.note_events();
            if self.registrant.has_left() {
                return End::Left;
            }
            tokio::select! {
                // First of all the clock: a process that was suspended must know before it hears what it missed.
                biased;
                _ = ticks.tick() => self.tick(),
                message = next(&mut stream) => {
                    let told = message.and_then(|response| session::changes(&self.keys, &response));
                    match told {
                        Ok(changes) => self.registrant.watched(changes, Instant::now()),
                        Err(trouble) => return End::Trouble(trouble),
                    }
                }
                performed = outcome(&mut performing) => {
                    performing = None;
                    match performed {
                        Ok(performed) => {
                            (keeper, stream) = (performed.keeper, performed.watch.or(stream));
                            self.registrant.reply(performed.reply, Instant::now());
                        }
                        Err(trouble) => return End::Trouble(trouble),
                    }
                }
                tell = self.told.recv(), if self.leaving.is_none() => match tell {
                    Some(Tell::Update(member)) => self.registrant.update(*member),
                    Some(Tell::Goodbye(said)) => {
                        self.registrant.leave();
                        self.leaving = Some(said);
                    }
                    None => return End::Left,
                },
            }
        }
    }

    fn tick(&mut self) {
        let control = &self.server.control;
        let links = std::cell::OnceCell::new();
        let missing_for = |id: &ServerId| {
            let links = links
                .get_or_init(|| control.as_ref().map(|control| control.missing_links()).unwrap_or_default());
            let missing = links.iter().find(|link| link.server == *id);
            missing.map(|link| Duration::from_millis(link.for_ms))
        };
        self.registrant.tick(Instant::now(), missing_for);
    }

    /// Tells the server what has happened.
    fn note_events(&mut self) {
        if Self::hand_on(&mut self.registrant, &self.server, &self.registered) {
            self.dialer.succeeded();
            if !std::mem::replace(&mut self.was_there, true) {
                tracing::info!(server = %self.server.id, "etcd is back");
            }
        }
    }

    /// As [`note_events`](Self::note_events); says whether etcd is watched again.
    fn hand_on(registrant: &mut Registrant, server: &Server, registered: &watch::Sender<Registered>) -> bool {
        let mut is_watched = false;
        while let Some(event) = registrant.event() {
            match event {
                Event::Expect(servers) => server.events.expect(servers),
                Event::Up(member) => server.events.up(member),
                Event::Gone(id, incarnation) => server.events.gone(&id, incarnation),
                Event::Registered => drop(registered.send_replace(Registered::Yes)),
                Event::Refused(why) => Self::refused(registrant, server, registered, why),
                Event::Watching => is_watched = true,
            }
        }
        is_watched
    }

    /// The id is another process's.
    fn refused(
        registrant: &mut Registrant,
        server: &Server,
        registered: &watch::Sender<Registered>,
        why: Refused,
    ) {
        let text = match &why {
            Refused::Occupied { host, pid, .. } => {
                format!("{} runs already, on {host} as process {pid}", server.id)
            }
            _ => format!("another process of {} has begun later, says etcd", server.id),
        };
        if let Some(member) = server.events.refused(why) {
            registrant.again(member, Instant::now() + REFUSED_RETRY);
            return;
        }
        registrant.give_up();
        let error = Error::of(ErrorKind::Refused, text);
        match registered.send_replace(Registered::No(error.clone())) {
            Registered::Yes | Registered::Away => server.events.failed(error),
            Registered::Waiting | Registered::No(_) => {}
        }
    }
}

/// What the watch says next, if there is one.
async fn next(stream: &mut Option<WatchStream>) -> Result<WatchResponse, Trouble> {
    let Some(stream) = stream else { return pending().await };
    stream.message().await?.ok_or_else(|| Trouble::Unwatched("it says no more".to_owned()))
}

/// What comes of the request that is under way, if there is one.
async fn outcome(
    performing: &mut Option<BoxFuture<'static, Result<Performed, Trouble>>>,
) -> Result<Performed, Trouble> {
    match performing {
        Some(performing) => performing.await,
        None => pending().await,
    }
}

/// Says goodbye, and waits until that is done, though not for long.
///
/// # Cancel safety
/// The goodbye is said all the same.
pub(crate) async fn say_goodbye(tell: &mpsc::Sender<Tell>) {
    let (said, heard) = oneshot::channel();
    // All of it fails when the server has left before.
    let _ = timeout(LAST_WORDS_TIMEOUT, async {
        let _ = tell.send(Tell::Goodbye(said)).await;
        let _ = heard.await;
    })
    .await;
}
