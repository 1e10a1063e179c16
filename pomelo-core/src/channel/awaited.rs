//! Awaited frontends: those that have members in channels already, though they are not up yet.
//!
//! A server that starts may name a frontend before there is a link to it, as a room that is restored from a
//! database does. Its members are kept for as long as a frontend that dies would have, and then they are lost
//! as with that.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;

use super::table::Table;
use crate::value::{Error, ErrorKind, Result, ServerId};

/// The frontends whose members are lost, unless they come soon.
#[derive(Default)]
pub(super) struct Awaited(Mutex<HashSet<ServerId, RandomState>>);

impl Awaited {
    fn lock(&self) -> MutexGuard<'_, HashSet<ServerId, RandomState>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Table {
    /// Whether a channel may have members at a server: one that is up, or is expected and was not up yet. Members there are
    /// lost if it doesn't come soon.
    ///
    /// # Errors
    /// If there is no such server, or it is gone: nothing would ever take these members out again.
    pub(super) fn check_frontend(self: &Arc<Self>, frontend: &ServerId) -> Result<()> {
        let known = self.peers.view.known();
        if known.member(frontend).is_some() {
            return Ok(());
        }
        if known.has_left(frontend) {
            return Err(Error::of(ErrorKind::Refused, format_args!("{frontend} is gone")));
        }
        if known.expects(frontend).is_none() {
            return Err(Error::of(ErrorKind::NoServer, format_args!("there is no server `{frontend}`")));
        }
        self.wait_for(frontend);
        Ok(())
    }

    /// Takes the members at a frontend out of all channels, if it isn't up in a while.
    fn wait_for(self: &Arc<Self>, frontend: &ServerId) {
        if !self.awaited.lock().insert(frontend.clone()) {
            return;
        }
        let (table, frontend) = (Arc::downgrade(self), frontend.clone());
        let limit = self.peers.gone_after();
        self.peers.executor.spawn(async move {
            tokio::time::sleep(limit).await;
            let Some(table) = table.upgrade() else { return };
            table.awaited.lock().remove(&frontend);
            table.lose_absent(&frontend);
        });
    }

    /// Takes the members at a frontend out of all channels, unless it is up. That is looked at within a step of each channel: no
    /// frontend is told of members that it is about to lose.
    fn lose_absent(self: &Arc<Self>, frontend: &ServerId) {
        let absent = frontend.clone();
        self.lose_if(frontend, move |peers| peers.view.known().member(&absent).is_none(), drop);
    }
}
