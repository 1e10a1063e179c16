//! A server, without the type of its app.
//!
//! It owns the parts, and knows no part's inside: sessions, channels, clients and dispatch stand below it,
//! each on what it needs, and point back at it by traits and weak references alone.
//!
//! | file | noun |
//! |---|---|
//! | `receiver` | what its links bring |
//! | `membership`, `links`, `discovered` | who is in the cluster, and what it does when others come and go |
//! | `settling`, `lost` | what two servers make good that had lost each other |
//! | `place` | its own id, which another process may have, or take |
//! | `admin` | what operators ask it |
//! | `leaving`, `progress` | its stop, and what that waits for |
//! | `relief`, `report` | outboxes of clients that don't read; what there is to say of it now |

mod admin;
mod discovered;
pub(crate) mod leaving;
mod links;
mod lost;
mod membership;
mod place;
mod progress;
pub(crate) mod receiver;
pub(crate) mod relief;
mod report;
mod settling;
pub(crate) mod sweep;

pub(crate) use self::admin::Modules;
pub use self::admin::{AdminModule, Identity, Operated};
pub(crate) use self::discovered::Discovered;
pub(crate) use self::lost::LostHook;
pub use self::lost::LostSessions;
pub(crate) use self::membership::Membership;
pub(crate) use self::progress::{Progress, Step};
pub(crate) use self::receiver::{LinkReceiver, take_in_directly};

use std::ops::Deref;
use std::panic::Location;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::{pack, unpack};
use crate::channel::{Channels, Table as ChannelTable};
use crate::context::ServerContext;
use crate::dispatch::Dispatch;
use crate::event::Events;
use crate::frontend::{Detours, Frontend, Registry, SessionService};
use crate::peers::Peers;
use crate::runtime::NextTurn;
use crate::session::{BackendSessionService, Sessions};
use crate::value::{Error, ErrorKind, Result, ServerId};

/// One server of the application.
///
/// [`App`](crate::app::App) derefs to it, and it to [`ServerContext`]. Code
/// that doesn't know the application's type, such as a library of filters, takes an `&Arc<Server>`.
///
/// ```
/// # use std::sync::Arc;
/// use pomelo::server::Server;
///
/// /// Ends a battle: its channel, and what its players are told.
/// fn end(app: &Arc<Server>, battle: &str, winner: &str) -> pomelo::Result<()> {
///     let Some(channel) = app.channels().get(battle) else { return Ok(()) };
///     channel.push("onEnd", &winner)?;
///     channel.destroy();
///     Ok(())
/// }
/// ```
pub struct Server {
    /// Its way to others, and to itself.
    pub(crate) peers: Arc<Peers>,
    /// What routers and filters know of it.
    pub(crate) context: Arc<ServerContext>,
    /// Runs what arrives.
    pub(crate) dispatch: Arc<Dispatch>,
    /// Its place in the cluster.
    pub(crate) membership: Membership,
    /// Tells the application's listeners.
    pub(crate) events: Arc<Events>,
    /// The way to sessions, wherever their clients are.
    pub(crate) sessions: Arc<Sessions>,
    /// Its clients; empty on a backend.
    pub(crate) registry: Arc<Registry>,
    /// Puts users of lost sessions back, for the application.
    pub(crate) sessions_lost: Option<LostHook>,
    /// The channels that it has made.
    pub(crate) channels: Arc<ChannelTable>,
    /// What it answers operators.
    pub(crate) modules: Modules,
    /// At a frontend with a broadcast filter.
    pub(crate) detours: Option<Arc<Detours>>,
    /// Held while its methods are replaced.
    pub(crate) reloading: Mutex<()>,
    /// How far its stop has come.
    pub(crate) progress: Progress,
}

impl Server {
    /// This server's channels.
    #[doc(alias = "channelService")]
    #[doc(alias = "getChannelService")]
    pub fn channels(&self) -> Channels {
        Channels::new(self.channels.clone())
    }

    /// The sessions of this frontend.
    ///
    /// On a backend it has none, and is no error.
    #[doc(alias = "sessionService")]
    pub fn sessions(self: &Arc<Self>) -> SessionService {
        SessionService::new(self.registry.clone())
    }

    /// Sessions of any frontend.
    #[doc(alias = "backendSessionService")]
    #[doc(alias = "localSessionService")]
    pub fn backend_sessions(self: &Arc<Self>) -> BackendSessionService {
        BackendSessionService::new(self.sessions.clone())
    }

    /// Waits for this server's turn at a key: what has equal keys runs one after the other, in the order in which `serial` was
    /// called, not in that in which the futures are polled. So a room whose methods begin with a turn is an actor: its state
    /// may be read, awaited upon and written within a turn, whoever else is in the room.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::Mutex;
    ///
    /// use pomelo::{Result, remote};
    ///
    /// pomelo::servers! { bank: { remotes: [BankRemote] } }
    ///
    /// #[derive(Default)]
    /// struct Accounts(Mutex<HashMap<String, i64>>);
    ///
    /// struct BankRemote;
    ///
    /// #[remote]
    /// impl BankRemote {
    ///     /// Two payments from one account never see the same balance.
    ///     pub async fn pay(app: &App, accounts: &Accounts, uid: String, sum: i64) -> Result<i64> {
    ///         let _turn = app.serial(&uid).await?;
    ///         let before = accounts.0.lock().unwrap().get(&uid).copied().unwrap_or_default();
    ///         // A database would be asked here.
    ///         tokio::task::yield_now().await;
    ///         accounts.0.lock().unwrap().insert(uid, before + sum);
    ///         Ok(before + sum)
    ///     }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<()> {
    /// # let running = App::builder().servers(r#"{ "bank": [{ "id": "bank-1" }] }"#)
    /// #     .configure("all", "bank", |app| app.insert(Accounts::default())).start().await?;
    /// # let app = running.app("bank-1").unwrap();
    /// let remote = &app.rpc.bank.bank_remote;
    /// let (first, second) = tokio::join!(
    ///     remote.pay(pomelo::to("bank-1"), "ann", 5).into_future(),
    ///     remote.pay(pomelo::to("bank-1"), "ann", 7).into_future(),
    /// );
    /// assert_eq!((first?, second?), (5, 12));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A key is this server's alone, and costs nothing while nobody has or awaits its turn. Keep one turn at a time, or take
    /// several in one order. One that is asked for within a turn of the same key is an error at once ([`NextTurn`]).
    #[doc(alias = "pomelo-sequence-queue")]
    #[doc(alias = "sequeue")]
    #[track_caller]
    pub fn serial(&self, key: impl AsRef<str>) -> NextTurn {
        self.peers.serial.join(key.as_ref(), Location::caller())
    }

    /// The client side of this server, for a connector that is started by hand.
    pub fn frontend(self: &Arc<Self>) -> Arc<Frontend> {
        let server = self.clone();
        Frontend::new(self.registry.clone(), self.context.clone(), move |encoding| {
            if server.member().is_some_and(|member| !member.encodings.contains(&encoding)) {
                server.change_member(|member| member.encodings.push(encoding));
            }
        })
    }

    /// Calls a remote's method by name, without a proxy; `namespace` is `user`.
    ///
    /// # Cancel safety
    /// As [`Call`](crate::rpc::Call): dropping it abandons the call, and the method may run.
    ///
    /// # Errors
    /// As a call by a proxy; and `NoSuchMethod` for another namespace.
    ///
    /// Where the method is known at compile time, a proxy of `app.rpc` is better: it checks names and types.
    ///
    /// ```
    /// use pomelo::{Result, remote};
    ///
    /// pomelo::servers! { chat: { remotes: [RoomRemote] } }
    ///
    /// struct RoomRemote;
    ///
    /// #[remote]
    /// impl RoomRemote {
    ///     pub async fn rename(room: String, name: String) -> Result<String> {
    ///         Ok(format!("{room} is {name}"))
    ///     }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<()> {
    /// # let running = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }] }"#).start().await?;
    /// # let app = running.app("chat-1").unwrap();
    /// let said: String = app.rpc_invoke("chat-1", "user", "roomRemote", "rename", &("r1", "tavern")).await?;
    /// assert_eq!(said, "r1 is tavern");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "rpcInvoke")]
    pub async fn rpc_invoke<T: DeserializeOwned>(
        self: &Arc<Self>,
        server: impl Into<ServerId>,
        namespace: &str,
        service: &str,
        method: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Result<T> {
        let server = server.into();
        if namespace != "user" {
            let why = format!(
                "no such namespace: {namespace}; the framework's own calls have methods of their own"
            );
            return Err(Error::of(ErrorKind::NoSuchMethod, why));
        }
        let number = self.peers.method(&server, service, method)?;
        let args = pack(args)?;
        unpack(&self.peers.call(&server, number, 0, args, self.peers.limits.rpc_timeout).await?)
    }

    /// Sends what must not be lost and found a full link.
    pub(crate) fn send_again(self: &Arc<Self>) {
        self.peers.owed.pay(|server, message| self.peers.send(server, message));
        self.greet_again();
        self.channels.tell_untold();
        crate::frontend::fetch_again(&self.registry);
    }
}

impl Deref for Server {
    type Target = ServerContext;

    fn deref(&self) -> &ServerContext {
        &self.context
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("server", &self.peers.info.id).finish_non_exhaustive()
    }
}
