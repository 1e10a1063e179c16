//! The sweep of a server: ends what waits for an answer that doesn't come, and sends what there was no room for.

use std::sync::Weak;
use std::time::Duration;

use super::Server;
use crate::value::{Error, ErrorKind};

/// How often a server sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How long after the deadline of a request its frontend gives up: the server that handles it answers at the deadline, unless it can't.
const GRACE: Duration = Duration::from_secs(2);

/// Answers clients whose request is out at a server that is up and doesn't answer, and tells frontends of the end of
/// channels for which there was no room before; until the server is gone.
pub(crate) async fn run(server: Weak<Server>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(server) = server.upgrade() else { return };
        server.send_again();
        let limit = server.peers.limits.request_timeout + GRACE;
        for (seq, waiter) in server.peers.pending.remove_overdue(limit) {
            let error = Error::of(ErrorKind::Deadline, "no answer came");
            server.peers.settle(seq, waiter, Err(error));
        }
    }
}
