//! The discovery of a server that has a master.
//!
//! | file | noun |
//! |---|---|
//! | `mod` | [`MasterDiscovery`], and a server's registration |
//! | `connection` | one connection to the master: logging in, registering |
//! | `client` | [`Client`]: holds such a connection, and makes it again |
//! | `managed` | a server that has a master for its process, and another discovery |

mod client;
mod connection;
mod managed;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::cluster::{Control, Discovery, Member, MembershipEvents, Registration};
use pomelo_core::metrics::Report;
use pomelo_core::runtime::Supervisor;
use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, ErrorKind, Result, ServerInfo};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::config::{MasterConfig, Tokens};
use crate::token;
use client::Client;
use connection::{Connection, ConnectionError};
pub(crate) use managed::Managed;
use pomelo_net::link::secret::Secret;

/// A server doesn't wait for a master longer than this before it starts without one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a server that starts asks again after it was refused.
const REFUSED_RETRY: Duration = Duration::from_millis(250);
/// What a server wants to tell its master and couldn't yet. Updates are few.
const QUEUED_UPDATES: usize = 16;
/// A goodbye that has not been heard by then is not waited for.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// The [`Discovery`] of a server that has a master: it registers there and hears whom to expect, who is gone, and when to
/// stop.
///
/// Without a master it goes on: it expects the servers of servers.json, or those that it was told of last, and tries to
/// reach the master for ever, every few seconds.
#[derive(Debug, Clone)]
pub struct MasterDiscovery {
    address: String,
    tokens: Tokens,
    servers: Vec<Arc<ServerInfo>>,
}

impl MasterDiscovery {
    /// A discovery for a master on `address`, which is `host:port`; `servers` are whom to expect while there is none.
    pub fn new(address: impl Into<String>, servers: impl IntoIterator<Item = Arc<ServerInfo>>) -> Self {
        Self { address: address.into(), tokens: Tokens::none(), servers: servers.into_iter().collect() }
    }

    /// Sets what servers of a type prove to the master, and it to them; the type `*` is all others.
    #[must_use]
    pub fn token(mut self, server_type: &str, token: Secret) -> Self {
        self.tokens.insert(server_type, token);
        self
    }

    /// A discovery for the servers of an application, by master.json, adminServer.json and servers.json. Without adminServer.json
    /// a server proves that its master started it, by what it was given.
    ///
    /// # Errors
    /// Names the file and the entry that is wrong.
    pub fn from_config(config: &Config) -> Result<Self> {
        let master = MasterConfig::read(config)?;
        let servers = config.servers.clone();
        let mut tokens = Tokens::read(config)?;
        if tokens.is_open()
            && let Ok(token) = std::env::var(token::TOKEN_VARIABLE)
        {
            let wrong =
                |error| Error::of(ErrorKind::Config, format_args!("{}: {error}", token::TOKEN_VARIABLE));
            tokens.insert(Tokens::ANY, Secret::new(token).map_err(wrong)?);
        }
        Ok(Self { address: master.address(), tokens, servers })
    }

    async fn begin(
        self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
        control: Arc<dyn Control>,
    ) -> Result<(Client, Option<Connection>)> {
        let expected: Vec<_> = match self.servers.iter().any(|info| info.id == member.info.id) {
            true => self.servers.clone(),
            false => self.servers.iter().cloned().chain([member.info.clone()]).collect(),
        };
        let mut client = Client {
            discovery: self,
            member,
            events,
            control,
            expected,
            was_told: false,
            was_reached: true,
            refused: None,
        };
        loop {
            match timeout(CONNECT_TIMEOUT, client.connect()).await.unwrap_or(Err(ConnectionError::Slow)) {
                Ok(connection) => return Ok((client, Some(connection))),
                Err(ConnectionError::Refused(refusal)) => {
                    client.complain(&ConnectionError::Refused(refusal.clone()));
                    if !client.is_another_try_wanted(&refusal) {
                        return Err(client.refused_by_master(&refusal));
                    }
                    sleep(REFUSED_RETRY).await;
                }
                Err(error) => {
                    client.complain(&error);
                    client.events.expect(client.expected.clone());
                    return Ok((client, None));
                }
            }
        }
    }
}

impl Discovery for MasterDiscovery {
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        self.register_controlled(member, events, Arc::new(Uncontrolled))
    }

    fn register_controlled(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
        control: Arc<dyn Control>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        Box::pin(async {
            let (id, failing) = (member.info.id.clone(), events.clone());
            let (client, connection) = self.clone().begin(member, events, control).await?;
            let (tell, told) = mpsc::channel(QUEUED_UPDATES);
            // Outside of the task, which finds it again when it had to begin again.
            let held = Arc::new(Mutex::new((client, connection, told)));
            let tasks = Supervisor::new(Handle::current(), id, move |error| failing.failed(error.clone()));
            tasks.spawn("master", move || {
                let held = held.clone();
                async move {
                    let (client, connection, told) = &mut *held.lock().await;
                    client.run(connection, told).await;
                }
            });
            Ok(Arc::new(Place { tell, _tasks: tasks }) as Arc<dyn Registration>)
        })
    }
}

/// A server that no operator can stop, nor look at.
struct Uncontrolled;

impl Control for Uncontrolled {
    fn stop(&self) {
        tracing::warn!("the master wants this server to stop, which takes no orders");
    }

    fn report(&self) -> Option<Report> {
        None
    }
}

/// What a server wants to tell.
enum Tell {
    Update(Box<Member>),
    Goodbye(oneshot::Sender<()>),
}

/// A server's place at its master. When it is dropped, the connection is closed.
struct Place {
    tell: mpsc::Sender<Tell>,
    _tasks: Supervisor,
}

impl Registration for Place {
    fn update(&self, member: Member) {
        if self.tell.try_send(Tell::Update(Box::new(member))).is_err() {
            tracing::warn!("the master is not told of a change: too many wait, or the server has left");
        }
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let (said, heard) = oneshot::channel();
            // Both fail when it has left before.
            let _ = timeout(GOODBYE_TIMEOUT, async {
                let _ = self.tell.send(Tell::Goodbye(said)).await;
                let _ = heard.await;
            })
            .await;
        })
    }
}
