//! The first argument of a call: where it goes.
//!
//! | first argument | goes to | pomelo's |
//! |---|---|---|
//! | `&session` | the server that the type's router picks | `session` as `routeParam` |
//! | [`key`]`("tavern")` | the same, by a key and with no session | any other `routeParam` |
//! | [`to`]`("chat-2")` | that server | `toServer(id, …)` |
//! | [`ALL`] | all of the type that are up | `toServer('*', …)`, which drops the answers |

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::call::Outgoing;
use crate::session::Session;
use crate::value::{Result, ServerId};

/// Where a call goes, which decides the type of its answer.
///
/// ```
/// use pomelo::rpc::{Each, One, Target};
/// use pomelo::{ALL, key, to};
///
/// fn one_answer<T: Target<Mode = One>>(_: T) {}
/// fn many_answers<T: Target<Mode = Each>>(_: T) {}
///
/// one_answer(key("tavern"));
/// one_answer(to("chat-server-2"));
/// many_answers(ALL);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say where to send this call",
    label = "first argument: `&Session` (the router decides), `key(\"…\")`, `to(\"server-id\")` or `ALL`"
)]
pub trait Target {
    /// [`One`] or [`Each`].
    type Mode: Mode;

    /// What the call takes of it.
    #[doc(hidden)]
    fn destination(&self) -> Destination;
}

/// What a [`Target`] says.
#[doc(hidden)]
#[derive(Clone)]
pub enum Destination {
    Session(Session),
    Key(Arc<str>),
    Server(ServerId),
    All,
}

impl Target for Session {
    type Mode = One;

    fn destination(&self) -> Destination {
        Destination::Session(self.detached())
    }
}

/// A routing key: the router decides, without a session.
///
/// Made by [`key`].
#[derive(Debug, Clone)]
pub struct Key(Arc<str>);

/// Sends a call where the router sends this key.
///
/// Two calls with one key start in order at the server that the key belongs to.
///
/// ```
/// # use pomelo::{Result, key, remote};
/// # pomelo::servers! { chat: { remotes: [RoomRemote] } }
/// # struct RoomRemote;
/// # #[remote]
/// # impl RoomRemote {
/// #     pub async fn count(room: String) -> Result<usize> { Ok(room.len()) }
/// # }
/// /// How many are in a room, at whichever server has it.
/// async fn count(app: &App, room: &str) -> Result<usize> {
///     app.rpc.chat.room_remote.count(key(room), room).await
/// }
/// # fn main() {}
/// ```
pub fn key(key: impl AsRef<str>) -> Key {
    Key(key.as_ref().into())
}

impl Target for Key {
    type Mode = One;

    fn destination(&self) -> Destination {
        Destination::Key(self.0.clone())
    }
}

/// A server's id.
///
/// Made by [`to`].
#[derive(Debug, Clone)]
pub struct To(ServerId);

/// Sends a call to that server.
///
/// No router is asked. One that is down or leaves is an error, and the call goes nowhere else.
///
/// ```
/// # use pomelo::{Result, Session, remote, to};
/// # pomelo::servers! { connector: { remotes: [DoorRemote] } }
/// # struct DoorRemote;
/// # #[remote]
/// # impl DoorRemote {
/// #     pub async fn online() -> Result<usize> { Ok(0) }
/// # }
/// /// Asks the frontend that a client is connected to.
/// async fn neighbours(app: &App, session: &Session) -> Result<usize> {
///     app.rpc.connector.door_remote.online(to(session.frontend_id())).await
/// }
/// # fn main() {}
/// ```
#[doc(alias = "toServer")]
pub fn to(server: impl Into<ServerId>) -> To {
    To(server.into())
}

impl Target for To {
    type Mode = One;

    fn destination(&self) -> Destination {
        Destination::Server(self.0.clone())
    }
}

/// All servers of the type that are up.
#[derive(Debug, Clone, Copy)]
pub struct All;

/// Sends a call to all servers of its type that are up when it is sent, and awaits all answers. One that is expected and
/// down is not in the answer; one that leaves before it has answered is, with an error.
///
/// ```
/// # use pomelo::{ALL, Result, remote};
/// # pomelo::servers! { battle: { remotes: [LoadRemote] } }
/// # struct LoadRemote;
/// # #[remote]
/// # impl LoadRemote {
/// #     pub async fn battles() -> Result<u32> { Ok(3) }
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// # let running = App::builder().servers(r#"{ "battle": [{ "id": "battle-1" }, { "id": "battle-2" }] }"#).start().await?;
/// # let app = running.app("battle-1").unwrap();
/// let answers = app.rpc.battle.load_remote.battles(ALL).await?;
/// // Each server has an answer, or an error, of its own.
/// let battles: u32 = answers.into_iter().filter_map(|(_, answer)| answer.ok()).sum();
/// assert_eq!(battles, 6);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "toServer")]
pub const ALL: All = All;

impl Target for All {
    type Mode = Each;

    fn destination(&self) -> Destination {
        Destination::All
    }
}

impl<T: Target + ?Sized> Target for &T {
    type Mode = T::Mode;

    fn destination(&self) -> Destination {
        T::destination(self)
    }
}

/// How many servers a call goes to.
pub trait Mode: Send + 'static {
    /// What awaiting the call gives, for a method that returns `O`.
    type Output<O>;

    /// Sends the call to as many servers.
    ///
    /// # Cancel safety
    /// As [`Call`](super::Call): dropping it abandons the call.
    #[doc(hidden)]
    fn run<O: DeserializeOwned + Send + 'static>(
        call: Outgoing,
    ) -> BoxFuture<'static, Result<Self::Output<O>>>;
}

/// One server answers.
#[derive(Debug)]
pub struct One;

impl Mode for One {
    type Output<O> = O;

    fn run<O: DeserializeOwned + Send + 'static>(call: Outgoing) -> BoxFuture<'static, Result<O>> {
        Box::pin(async move { call.one().await })
    }
}

/// Every server of the type answers or fails by itself.
#[derive(Debug)]
pub struct Each;

impl Mode for Each {
    type Output<O> = Vec<(ServerId, Result<O>)>;

    fn run<O: DeserializeOwned + Send + 'static>(
        call: Outgoing,
    ) -> BoxFuture<'static, Result<Vec<(ServerId, Result<O>)>>> {
        Box::pin(async move { call.each().await })
    }
}
