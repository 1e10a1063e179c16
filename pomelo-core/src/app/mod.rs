//! The application: what a server is made of, and how several of them start in one process.
//!
//! | file | noun |
//! |---|---|
//! | `builder`, `launch` | [`Builder`]: what the application says of all its servers, and what starts them |
//! | `configure`, `lifecycle` | [`Configure`]: what it says of one, and what runs when that starts and stops |
//! | `component` | [`Component`]: parts of the application that start and stop with a server |
//! | `cluster` | [`Cluster`]: the types of servers, as `servers!` writes them |
//! | `platform` | [`Platform`]: what the process provides where the application chooses nothing |
//! | `checks`, `reserved`, `variables` | what must hold, or is warned of, before anything starts |
//! | `assembly` | a server and its parts, made of what was said |
//! | `starting`, `announce` | servers come up, all of a process together |
//! | `up`, `running`, `watchdog` | servers that are up, and their ends |
//! | `crons` | what runs by the calendar (feature `crons`) |
//! | `timers` | [`Timer`]: what runs by the clock |
//! | `reload` | other handlers and remotes on a running server |
//! | `start_error` | [`StartError`]: why servers don't start |

mod announce;
mod assembly;
mod builder;
mod checks;
mod cluster;
mod component;
mod configure;
#[cfg(feature = "crons")]
mod crons;
mod launch;
mod lifecycle;
mod platform;
mod reload;
mod reserved;
mod running;
mod start_error;
mod starting;
mod timers;
mod up;
mod variables;
mod watchdog;

pub use self::builder::Builder;
pub use self::cluster::{Cluster, Mount, ServerType};
pub use self::component::Component;
pub use self::configure::Configure;
#[cfg(feature = "crons")]
pub use self::crons::CronReport;
pub use self::platform::{Network, OperatorAccess, Platform, Provided, Reach, Task, Wants};
pub use self::running::Running;
pub use self::start_error::StartError;
pub use self::timers::{Tick, Timer};

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::inject::{Container, State};
use crate::method::parameter::AppParameter;
use crate::server::Server;

/// The application on one server: what handlers and remotes are lent. Cheap to clone.
///
/// `rpc` has the typed proxies; everything else is [`Server`]'s, to which it derefs, and by that
/// [`ServerContext`](crate::context::ServerContext)'s. `servers!` writes a type `App` for the application's
/// own cluster, which is what methods name.
///
/// ```
/// use pomelo::{Result, Session, handler, remote};
///
/// pomelo::servers! {
///     connector: { handlers: [EntryHandler] },
///     chat: { remotes: [RoomRemote] },
/// }
///
/// struct EntryHandler;
///
/// #[handler]
/// impl EntryHandler {
///     /// The lines of the room that the client is in.
///     pub async fn history(app: &App, session: &Session) -> Result<Vec<String>> {
///         app.rpc.chat.room_remote.history(session).await
///     }
/// }
///
/// struct RoomRemote;
///
/// #[remote]
/// impl RoomRemote {
///     pub async fn history(app: &App) -> Result<Vec<String>> {
///         Ok(vec![format!("welcome at {}", app.server_id())])
///     }
/// }
/// # fn main() {}
/// ```
///
/// pomelo has one application in a process, reached from everywhere by `pomelo.app`. Here several servers
/// share a process, and each has its own: so methods take it as a parameter.
#[doc(alias = "pomelo.app")]
pub struct App<R> {
    /// The remotes of all types of servers: `app.rpc.chat.chat_remote.add(…)`.
    ///
    /// ```
    /// # use pomelo::{Result, key, remote};
    /// # pomelo::servers! { connector: {}, chat: { remotes: [RoomRemote] } }
    /// # struct RoomRemote;
    /// # #[remote]
    /// # impl RoomRemote {
    /// #     pub async fn count(room: String) -> Result<usize> { Ok(room.len()) }
    /// # }
    /// /// By the type of the servers, the remote, and its method.
    /// async fn count(app: &App, room: &str) -> Result<usize> {
    ///     app.rpc.chat.room_remote.count(key(room), room).await
    /// }
    /// # fn main() {}
    /// ```
    pub rpc: Arc<R>,
    /// The server, without the type of the application.
    server: Arc<Server>,
}

impl<R: Cluster> App<R> {
    /// Starts to put an application together.
    ///
    /// ```
    /// pomelo::servers! { gate: {}, chat: {} }
    ///
    /// # fn main() {
    /// let builder = App::builder().env("production");
    /// # }
    /// ```
    pub fn builder() -> Builder<R> {
        Builder::new()
    }

    /// The app of a server; its proxies are made anew, and cost a pointer each.
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { rpc: Arc::new(R::bind(&server.dispatch.routers)), server }
    }
}

impl<R: 'static> Container for App<R> {
    fn state(&self) -> &State {
        &self.server.context.state
    }
}

impl<R> AppParameter for App<R> {}

impl<R> Clone for App<R> {
    fn clone(&self) -> Self {
        Self { rpc: self.rpc.clone(), server: self.server.clone() }
    }
}

impl<R> Deref for App<R> {
    type Target = Arc<Server>;

    fn deref(&self) -> &Arc<Server> {
        &self.server
    }
}

impl<R> fmt::Debug for App<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({})", self.server.peers.info.id)
    }
}
