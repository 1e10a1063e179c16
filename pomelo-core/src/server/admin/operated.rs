//! A server as those know it who let operators in.

use std::sync::{Arc, Weak};

use bytes::Bytes;

use crate::server::Server;
use crate::value::{Error, ErrorKind, ServerId, ServerInfo};
use crate::wire::envelope::{Ask, AskError};

/// A server of a cluster, as who lets operators in there knows it: whom it knows, and what it asks for them. It keeps no server
/// alive.
#[derive(Clone)]
pub struct Operated {
    info: Arc<ServerInfo>,
    server: Weak<Server>,
}

impl Operated {
    /// A server that is about to start, or runs.
    pub(crate) fn new(server: &Arc<Server>) -> Self {
        Self { info: server.peers.info.clone(), server: Arc::downgrade(server) }
    }

    /// What servers.json says of the server.
    pub fn info(&self) -> &Arc<ServerInfo> {
        &self.info
    }

    /// The servers that it expects, up or not, itself included: sorted by type and id.
    pub fn expected(&self) -> Vec<Arc<ServerInfo>> {
        let Some(server) = self.server.upgrade() else { return vec![] };
        let mut expected = server.peers.view.known().all_expected();
        if !expected.iter().any(|info| info.id == self.info.id) {
            expected.push(self.info.clone());
        }
        expected.sort_by(|one, other| (&one.server_type, &one.id).cmp(&(&other.server_type, &other.id)));
        expected
    }

    /// Whether a server is up, as far as it sees.
    pub fn is_up(&self, server: &ServerId) -> bool {
        self.server.upgrade().is_some_and(|own| own.peers.view.known().member(server).is_some())
    }

    /// Why it has no link to a server, as far as its transport knows.
    pub fn trouble(&self, server: &ServerId) -> Option<String> {
        self.server.upgrade()?.peers.link_sender.get()?.trouble(server)
    }

    /// Asks an admin module of a server, this one or another one, by the cluster's transport. The answer is JSON.
    ///
    /// It takes no longer than the ask says, and a second on its way.
    ///
    /// # Errors
    /// See [`AskError`].
    ///
    /// # Cancel safety
    /// The module may go on until its time is up; its answer is dropped.
    pub async fn ask(&self, server: &ServerId, ask: Ask) -> Result<Bytes, AskError> {
        match self.server.upgrade() {
            Some(own) => own.ask(server, ask).await,
            None => {
                let why = format_args!("{} has ended", self.info.id);
                Err(Error::of(ErrorKind::Closed, why).into())
            }
        }
    }
}
