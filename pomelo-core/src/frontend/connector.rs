//! Connectors: the trait of what listens for clients of one frontend.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::Frontend;
use crate::value::Result;
use crate::wire::Encoding;

/// Listens for the clients of a frontend server.
///
/// A connector accepts connections, speaks their protocol up to the handshake, then [opens](Frontend::open) a session
/// and hands it the client's messages. What the server sends, the connection's [`Outbox`](crate::outbox::Outbox)
/// writes.
///
/// ```
/// use std::sync::Arc;
/// use futures::future::BoxFuture;
/// use pomelo::ext::connector::{Connector, Encoding, Frontend, Listening, Result};
///
/// /// A connector whose clients are in this process: a test opens their sessions by itself.
/// struct Inside;
///
/// impl Connector for Inside {
///     fn encoding(&self) -> Encoding {
///         Encoding::Json
///     }
///
///     fn start(self: Arc<Self>, _: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
///         Box::pin(async {
///             let stop = Box::new(|| Box::pin(async {}) as BoxFuture<'static, ()>);
///             Ok(Listening { address: ([127, 0, 0, 1], 0).into(), protocol: "inside", stop })
///         })
///     }
/// }
///
/// # use pomelo_doc::App;
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// # let builder = App::builder().servers(r#"{ "connector": [{ "id": "connector-1", "frontend": true }] }"#);
/// let running = builder.configure("all", "connector", |app| app.connector(Inside)).start().await?;
/// assert_eq!(running.addresses("connector-1").len(), 1);
/// # Ok(())
/// # }
/// ```
pub trait Connector: Send + Sync + 'static {
    /// The encodings of bodies that its clients take.
    fn encoding(&self) -> Encoding;

    /// Listens, and accepts clients until it is stopped.
    ///
    /// # Cancel safety
    /// A server that stops while it starts drops this: its port must be free then.
    ///
    /// # Errors
    /// If it can't listen: the error names the address.
    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>>;
}

/// A connector that listens.
pub struct Listening {
    /// Where clients connect to; the port that was chosen where 0 was asked for.
    pub address: SocketAddr,
    /// What kind of clients it takes, for people: `tcp+ws`.
    pub protocol: &'static str,
    /// Stops accepting; the sessions that are open stay. Dropping it stops accepting, too: so it is where servers end without being
    /// stopped.
    pub stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>,
}
