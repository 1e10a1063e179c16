//! Operations without a master: a server's port for operators, and what a server does there for its whole cluster.
//!
//! ```text
//!  pomelo --to HOST:PORT ─▶ the port of any server ─▶ ServerDesk ─▶ Operated::ask ─▶ the servers that it is about, each by the
//!                            (login as at a master)                                  cluster's own transport
//! ```
//!
//! A server knows whom it expects and can ask them; it keeps no processes. So `start`, `add` and `kill` are a master's alone, and
//! `restart` is an end that whoever supervises the process answers with a start.
//!
//! | file | noun |
//! |---|---|
//! | `port` | where a server listens for operators, and who may come in there |
//! | `desk` | what operators want, done |
//! | `asker` | a server's questions to others for an operator |
//! | `listing` | the list of all servers |
//! | `orders` | stop, restart |
//! | `modules`, `own_log` | the admin modules of every server: its status, and its log |
//! | `machine` | the admin modules of its machine and its process |

mod asker;
mod desk;
mod listing;
mod machine;
mod modules;
mod orders;
mod own_log;
mod port;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::app::OperatorAccess;
use pomelo_core::frontend::Listening;
use pomelo_core::runtime::Supervisor;
use pomelo_core::server::{AdminModule, Operated};
use pomelo_core::value::Result;
use pomelo_core::value::config::Config;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::operator::{self, Operator};
use crate::reception::{self, Arrival};
use crate::setup::MasterLimits;
use crate::wire::login::{Doors, Guest};
use desk::ServerDesk;
use port::OperatorPort;
pub(crate) use port::check;

/// How long the end of a server waits until its port for operators is free.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Lets operators in at the servers of a process that have a port for them.
pub(crate) struct Operations {
    config: Config,
}

impl Operations {
    /// By adminUser.json.
    pub(crate) fn new(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    async fn listen(&self, server: Operated) -> Result<Option<Listening>> {
        let Some(port) = OperatorPort::of(server.info()) else { return Ok(None) };
        let id = server.info().id.clone();
        let doors = Doors::for_operators(&self.config)?;
        port.check(&id, &doors.users, &self.config)?;
        let listener = port.bind(&id).await?;
        let address = listener.local_addr()?;
        doors.warn();
        tracing::info!(server = %id, %address, "operators are let in");
        let tasks = Supervisor::new(Handle::current(), &id, {
            let server = id.clone();
            move |error| tracing::error!(%server, %error, "operators are let in no more")
        });
        let desk = Arc::new(ServerDesk::new(server));
        let attend = move |arrival| attend(desk.clone(), arrival);
        let mut closed = reception::open(&tasks, listener, doors, &MasterLimits::default(), attend);
        let stop = Box::new(move || {
            tasks.end();
            let closing = async move {
                // A port that isn't free by then is free when the process ends.
                let _ = timeout(CLOSE_TIMEOUT, closed.wait()).await;
            };
            Box::pin(closing) as BoxFuture<'static, ()>
        });
        Ok(Some(Listening { address, protocol: "operators", stop }))
    }
}

impl OperatorAccess for Operations {
    fn modules(&self) -> Vec<AdminModule> {
        modules::all()
    }

    fn open(&self, server: Operated) -> BoxFuture<'_, Result<Option<Listening>>> {
        Box::pin(self.listen(server))
    }
}

async fn attend(desk: Arc<ServerDesk>, arrival: Arrival) {
    match arrival.guest {
        Guest::Operator { user, level } => {
            operator::serve(desk, arrival.wire, Operator { user, level }).await;
        }
        // No server is let in at such a port.
        Guest::Server { .. } => {}
    }
}
