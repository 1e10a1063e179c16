//! Forwarded messages: those of a session that other servers handle, from their sending to the responses.
//!
//! ```text
//!  forward: pending entry + state.out, snapshot, send ── all under the session's lock
//!     ├─ Reply ─▶ replied ─▶ response to the client
//!     ├─ the link or the server is lost, or the deadline ─▶ the same, with an error
//!     └─ the session closes ─▶ abandon: nobody is answered, servers are told
//! ```

use std::sync::Arc;

use smallvec::SmallVec;

use super::{ClientSession, Phase};
use crate::frontend::Registry;
use crate::metrics::Dropped;
use crate::peers::{AwaitsReply, Peers, Unqueued};
use crate::request::Request;
use crate::runtime::boundary::Site;
use crate::session::no_session;
use crate::value::{Error, ErrorKind, Result, ServerId, SessionId};
use crate::wire::Body;
use crate::wire::envelope::{Answer, Message};

/// The messages of a session that are out, by number.
pub(super) type Out = SmallVec<[(u64, Request); 1]>;

impl ClientSession {
    /// Sends a message on to the server that handles it, without waiting for the answer.
    ///
    /// # Errors
    /// If it can't be sent: nobody will answer it then.
    pub(crate) fn forward(self: &Arc<Self>, request: &Request, server: &ServerId) -> Result<(), Unqueued> {
        let peers = &self.registry.peers;
        peers.check_working(server)?;
        // A change of the session that is not in the snapshot must not be answered before the message is on its way:
        // backends rely on it. Hence the snapshot is taken and the message sent under one lock.
        let mut state = self.lock();
        if state.phase != Phase::Open {
            peers.counters.add(Dropped::SessionClosed);
            return Err(no_session(self.id).into());
        }
        let entry = peers.pending.add_client(server, self.clone(), request.arrived())?;
        let seq = entry.seq();
        state.out.push((seq, request.clone()));
        let message = Message::Forward {
            seq,
            session: self.snapshot_of(&state),
            route: request.route().clone(),
            id: request.id(),
            body: request.body().clone(),
            accept: request.accept(),
        };
        match peers.send(server, message) {
            Ok(()) => entry.keep(),
            Err(reason) if entry.withdraw() => {
                // It is withdrawn.
                drop(state.forget(seq));
                drop(state);
                return Err(peers.unsent(server, reason));
            }
            // The link broke meanwhile, and who noticed answers.
            Err(_) => {}
        }
        Ok(())
    }
}

impl AwaitsReply for ClientSession {
    fn replied(self: Arc<Self>, seq: u64, result: Result<Answer>) {
        // It left the list with its session, and who took it has ended it.
        let Some(request) = self.lock().forget(seq) else { return };
        let outcome = match result {
            Ok(Answer::Response(Some(body))) => Ok(body),
            Ok(_) => Ok(Body::json(&b"{}"[..])),
            Err(error) => Err(noted(&self.registry.peers, &request, error)),
        };
        self.respond(request.id(), request.route().as_str(), outcome.as_ref().map(Some));
        self.answered();
        self.registry.dispatcher.after_forwarding(request, outcome);
    }
}

/// The error of a message that was out, which is logged and counted here unless the other server has done that.
#[cold]
fn noted(peers: &Peers, request: &Request, mut error: Error) -> Error {
    if !error.was_logged() {
        note_unhandled(peers, request, &mut error);
    }
    error
}

/// Logs and counts a message for another server that failed on its way.
#[cold]
pub(crate) fn note_unhandled(peers: &Peers, request: &Request, error: &mut Error) {
    Site::new(peers, "forwarding").on(request).failed(error);
    let route = request.route();
    peers.stats.failed(Some(route.as_str()).filter(|_| peers.routes.knows(route)), error);
}

/// Ends what is out of a session that closes: nobody is answered, and the servers that were asked, which are given back, stop what they
/// have not begun.
pub(super) fn abandon(registry: &Registry, session: SessionId, out: Out) -> SmallVec<[ServerId; 1]> {
    let mut asked = SmallVec::<[ServerId; 1]>::new();
    if out.is_empty() {
        return asked;
    }
    for (server, request) in registry.peers.pending.remove_all(out) {
        if !asked.contains(&server) {
            asked.push(server);
        }
        let why = format_args!("session {session} is closed");
        registry.dispatcher.after_forwarding(request, Err(Error::of(ErrorKind::Closed, why)));
    }
    for server in &asked {
        // One that can't be told does work that nobody waits for, and no harm.
        let _ = registry.peers.send(server, Message::SessionGone { id: session });
    }
    asked
}
