//! Tcp: servers of several processes, on one machine or many: one tcp link per pair of servers.
//!
//! | file | noun |
//! |---|---|
//! | `options` | what can be configured |
//! | `wire` | frames: envelopes, and what links say about themselves |
//! | `greet` | the two sides of a handshake |
//! | `queue` | what waits to be written to a link |
//! | `link` | a link that is up: its reader and its writer |
//! | `peer` | another server, and whether there is a link to it |
//! | `mesh`, `supervise` | all peers of a bound server; dialing them, and declaring them gone |
//! | `admission` | who gets the link to an id, the process that has it or one that comes |
//! | `linking` | making a connection the link to a peer, and unmaking it |
//! | `listen` | accepting links |
//!
//! Proofs, frames, silence and patience are those of [`link`](crate::link).
//!
//! Of two servers the one with the lower id dials; one without a `port` dials all others, and what they send comes back
//! over the same link. Both ends prove that they know the cluster's secret; it is never sent. Without one, only links
//! within this machine are made.
//!
//! A link that breaks is made again, and meanwhile the server behind it counts as up. It is declared gone if its port
//! refuses, if it says goodbye, or if after [`TcpOptions::gone_after`] without a word one more attempt fails. It may come
//! back: what the two lost of each other they settle by the first message of the next link.
//!
//! ```text
//!               dial, greet           silence, a break              made again
//!  expected ─────────────────▶ linked ─────────────────▶ unlinked ─────────────▶ linked
//!     ▲                          │ goodbye                   │ refused port, or gone_after and one more failed attempt
//!     └──────────────────────────┴───────▶ gone ◀────────────┘
//! ```

mod admission;
mod greet;
mod link;
mod linking;
mod listen;
mod mesh;
mod options;
mod peer;
mod queue;
mod supervise;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use futures::future::BoxFuture;
use pomelo_core::cluster::{LinkEvents, LinkSender, Member, Transport};
use pomelo_core::value::Result;

pub use options::TcpOptions;

use mesh::{Mesh, TcpSender};

/// The transport between servers of several processes.
///
/// A server that runs by itself has it by default, with the options of cluster.json; it takes code only where
/// these are made elsewhere.
///
/// ```
/// use std::sync::Arc;
/// use pomelo::net::link::secret::Secret;
/// use pomelo::net::transport::{Tcp, TcpOptions};
///
/// pomelo::servers! { chat: {} }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut options = TcpOptions::default();
/// options.secret = Some(Secret::new("a long random text")?);
/// let builder = App::builder().cluster_transport(Arc::new(Tcp::new(options)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tcp {
    options: Arc<TcpOptions>,
}

impl Tcp {
    /// A transport with these options.
    pub fn new(options: TcpOptions) -> Self {
        Self { options: Arc::new(options) }
    }
}

impl Transport for Tcp {
    fn bind(
        &self,
        server: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>> {
        Box::pin(async move {
            self.options.check_set()?;
            let mesh = Mesh::new(self.options.clone(), server, link_events);
            listen::start(&mesh).await?;
            Ok(Arc::new(TcpSender(mesh)) as Arc<dyn LinkSender>)
        })
    }
}
