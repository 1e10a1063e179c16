//! Admission: who gets the link to a server's id, the process that has it or one that comes.
//!
//! An id belongs to the process that is there. Another one with it is *superseded* if it began earlier, and else asks for
//! the place of a process that may be over: it gets the place once nothing was heard of the older one for [`ANSWER_TIMEOUT`], and
//! until then is refused as *occupied*, with where the older one runs.

use std::sync::Arc;
use std::time::Duration;

use pomelo_core::cluster::Member;
use tokio::sync::MutexGuard;
use tokio::time::timeout_at;

use super::options::TcpOptions;
use super::peer::{Peer, Process};
use super::queue::Queue;
use super::wire::Refusal;

/// A process of which nothing was heard for so long, though it was asked, gives its id up to one that comes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How the connection of a newcomer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// This server dialed, and who listens on the port now is who came: a process that listened there before is over.
    ByDialing,
    /// The newcomer dialed.
    ByListening,
}

/// Waits until nothing is in the way of a link to that process of a peer, and holds the peer's turn then.
///
/// # Errors
/// Why there can be no link.
pub(super) async fn admit<'a>(
    peer: &'a Peer,
    newcomer: &Member,
    made: Made,
    options: &TcpOptions,
) -> Result<MutexGuard<'a, ()>, Refusal> {
    // Whoever dials must hear the answer before it gives up.
    let answer = ANSWER_TIMEOUT.min(options.connect_timeout / 2);
    let mut was_asked = made == Made::ByDialing;
    loop {
        let turn = peer.turn.lock().await;
        let older = peer.up().filter(|older| older.incarnation != newcomer.incarnation);
        if let Some(later) = older.as_ref().filter(|older| older.incarnation > newcomer.incarnation) {
            return Err(Refusal::Superseded(later.incarnation));
        }
        match (older, peer.queue()) {
            (None, None) => return Ok(turn),
            (Some(_), None) if was_asked => return Ok(turn),
            (None, Some(link)) => {
                drop(turn);
                replace(peer, &link).await;
            }
            (Some(older), Some(link)) => {
                drop(turn);
                if link.answers(answer).await {
                    return Err(occupied(older));
                }
                was_asked = true;
                replace(peer, &link).await;
            }
            (Some(_), None) => {
                drop(turn);
                was_asked = !is_linked_by(peer, answer).await;
            }
        }
    }
}

/// Ends a link in whose place another one comes.
async fn replace(peer: &Peer, link: &Arc<Queue>) {
    link.abandon();
    peer.unlinked().await;
}

/// Whether there is a link again before a process is given up whose link broke.
async fn is_linked_by(peer: &Peer, answer: Duration) -> bool {
    match peer.unlinked_at() {
        Some(unlinked_at) => timeout_at(unlinked_at + answer, peer.linked()).await.is_ok(),
        None => true,
    }
}

fn occupied(Process { incarnation, host, pid }: Process) -> Refusal {
    Refusal::Occupied { host, pid, incarnation }
}

#[cfg(test)]
mod tests;
