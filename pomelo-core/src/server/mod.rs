//! A server, without the type of its app.

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

pub(crate) use self::discovered::Discovered;
pub(crate) use self::lost::LostHook;
pub use self::lost::LostSessions;
pub(crate) use self::membership::Membership;
pub(crate) use self::progress::{Progress, Step};
pub(crate) use self::receiver::{LinkReceiver, take_in_directly};

use std::ops::Deref;
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
use crate::session::{BackendSessionService, Sessions};
use crate::value::{Error, ErrorKind, Result, ServerId};

/// One server of the application.
pub struct Server {
    pub(crate) peers: Arc<Peers>,
    pub(crate) context: Arc<ServerContext>,
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) membership: Membership,
    pub(crate) events: Arc<Events>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) registry: Arc<Registry>,
    /// Puts users of lost sessions back, for the application.
    pub(crate) sessions_lost: Option<LostHook>,
    pub(crate) channels: Arc<ChannelTable>,
    /// At a frontend with a broadcast filter.
    pub(crate) detours: Option<Arc<Detours>>,
    pub(crate) reloading: Mutex<()>,
    pub(crate) progress: Progress,
}

impl Server {
    /// This server's channels.
    pub fn channels(&self) -> Channels {
        Channels::new(self.channels.clone())
    }

    /// The sessions of this frontend.
    pub fn sessions(self: &Arc<Self>) -> SessionService {
        SessionService::new(self.registry.clone())
    }

    /// Sessions of any frontend.
    pub fn backend_sessions(self: &Arc<Self>) -> BackendSessionService {
        BackendSessionService::new(self.sessions.clone())
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
