//! Responses: what the messages of a session are answered.

use std::sync::{Arc, MutexGuard};

use bytes::Bytes;

use super::{ClientSession, State};
use crate::metrics::Dropped;
use crate::value::{Error, ErrorKind, Result};
use crate::wire::Body;

impl ClientSession {
    /// Sends the answer to a request; a notify gets none.
    pub(crate) fn respond(
        self: &Arc<Self>,
        id: Option<u64>,
        route: &str,
        response: Result<Option<&Body>, &Error>,
    ) {
        let Some(id) = id else { return };
        let own;
        let body = match response {
            Ok(Some(body)) => body,
            Ok(None) => {
                own = Body::json(&b"{}"[..]);
                &own
            }
            Err(error) => {
                own = self.registry.error_body(error);
                &own
            }
        };
        let Some(frame) = self.frame(id, route, body) else {
            return self.registry.peers.counters.add(Dropped::Unencodable);
        };
        if let Some(reason) = self.attachment.with(|outbox| outbox.send(frame)).dropped() {
            self.registry.peers.counters.add(reason);
            if reason != Dropped::Closing {
                self.respond_instead(id, route, reason);
            }
        }
    }

    /// Sends an error in place of a response that doesn't fit into the outbox; then the client isn't read until it has read.
    pub(super) fn respond_instead(&self, id: u64, route: &str, reason: Dropped) {
        self.lock().is_behind = true;
        let error = match reason {
            Dropped::TooLong => {
                Error::of(ErrorKind::BadMessage, "the response is longer than may wait for a client")
            }
            _ => Error::of(ErrorKind::Overloaded, "too much waits for the client"),
        };
        if let Some(frame) = self.frame(id, route, &self.registry.error_body(&error)) {
            // It is refused only if the connection closes; what could not be sent is counted already.
            let _ = self.attachment.with(|outbox| outbox.send_instead(frame));
        }
    }

    /// The frame of a response; of one that is longer than the protocol allows, an error's, which is counted.
    pub(super) fn frame(&self, id: u64, route: &str, body: &Body) -> Option<Bytes> {
        let format = self.format()?;
        let codecs = &self.registry.peers.codecs;
        let frame = |body| format.response_on(route, id, &codecs.fit(format.encoding(), route, body));
        match frame(body) {
            Ok(frame) => Some(frame),
            Err(error) => {
                self.registry.peers.counters.add(Dropped::Unanswered);
                if let Some(left_out) = self.registry.peers.admit(format_args!("response {route}")) {
                    let server = &self.registry.peers.info.id;
                    tracing::error!(%server, session = %self.id, route, %error, left_out, "a response can't be sent");
                }
                frame(&self.registry.error_body(&error)).ok()
            }
        }
    }

    /// One message less is unanswered.
    pub(crate) fn answered(&self) {
        self.count_off(self.lock());
    }

    pub(super) fn count_off(&self, mut state: MutexGuard<'_, State>) {
        state.unanswered = state.unanswered.saturating_sub(1);
        let (room, quiet) =
            (state.unanswered + 1 == self.registry.peers.limits.queued_requests, state.unanswered == 0);
        drop(state);
        if room || quiet && self.registry.peers.is_leaving() {
            self.changed.notify_waiters();
        }
    }
}
