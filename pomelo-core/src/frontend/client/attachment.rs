//! The attachment of a session: what is sent to its client, and by which connection.
//!
//! Every response and every delivery reads it, and nearly no session ever has a second connection. So the first one is read without a
//! lock, and only a session that was attached anew pays for one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

use super::{ClientSession, Phase, Registry};
use crate::metrics::Dropped;
use crate::outbox::Outbox;
use crate::value::{Error, ErrorKind, Result};
use crate::wire::{Body, Encoding, Format};

/// How often a session was attached anew: tells a connection that ends whether it still is the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

/// A connection, and how it frames what it is sent.
pub(super) struct Connection {
    pub(super) outbox: Arc<Outbox>,
    /// None if its frontend has no such format: then it is sent nothing.
    pub(super) format: Option<Arc<dyn Format>>,
}

/// The connection of a session, which can be replaced.
pub(super) struct Attachment {
    first: Connection,
    /// 0 as long as it is the first.
    generation: AtomicU64,
    later: Mutex<Option<Arc<Connection>>>,
}

impl Attachment {
    pub(super) fn new(registry: &Registry, outbox: &Arc<Outbox>) -> Self {
        let first = Connection::new(registry, outbox);
        Self { first, generation: AtomicU64::new(0), later: Mutex::default() }
    }

    /// Uses the connection that is attached now, for as long as `work` takes, also if another one takes its place meanwhile.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        if self.generation.load(Ordering::Acquire) == 0 {
            return work(&self.first);
        }
        let later = self.lock().clone();
        work(later.as_deref().unwrap_or(&self.first))
    }

    /// Attaches another connection; gives its generation.
    fn replace(&self, connection: Connection) -> Generation {
        let mut later = self.lock();
        *later = Some(Arc::new(connection));
        Generation(self.generation.fetch_add(1, Ordering::AcqRel) + 1)
    }

    fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.later.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Connection {
    /// A connection whose client is known, so that its format changes no more.
    fn new(registry: &Registry, outbox: &Arc<Outbox>) -> Self {
        Self { outbox: outbox.clone(), format: registry.formats.get(outbox.format()).cloned() }
    }
}

impl ClientSession {
    /// The encoding of bodies that the client takes.
    pub(crate) fn accept(&self) -> Encoding {
        self.attachment.with(|to| to.format.as_ref().map(|format| format.encoding()).unwrap_or_default())
    }

    /// Reads the connection that the session has now.
    pub(crate) fn with_outbox<T>(&self, read: impl FnOnce(&Arc<Outbox>) -> T) -> T {
        self.attachment.with(|to| read(&to.outbox))
    }

    /// Puts another connection under the session while it is open; gives its generation. Whatever is sent to the client from then on
    /// goes to that one: responses, pushes, and the last frame of a close. The former connection keeps what it has queued, and is its
    /// connector's to end, by [`close_if_attached`](Self::close_if_attached). None if the session closes.
    pub fn attach(self: &Arc<Self>, outbox: &Arc<Outbox>) -> Option<Generation> {
        let connection = Connection::new(&self.registry, outbox);
        self.registry.attach(self, || {
            let state = self.lock();
            if state.phase != Phase::Open {
                return None;
            }
            outbox.set_session(self.id);
            Some(self.attachment.replace(connection))
        })
    }

    /// Which connection the session has: the first, or how many have taken its place since.
    pub fn generation(&self) -> Generation {
        self.attachment.generation()
    }

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
        // Framed and sent by the same connection: the next one may have another format.
        let sent = self.attachment.with(|to| Some(to.outbox.send(self.frame(to, id, route, body)?)));
        let Some(appended) = sent else {
            return self.registry.peers.counters.add(Dropped::Unencodable);
        };
        if let Some(reason) = appended.dropped() {
            self.registry.peers.counters.add(reason);
            if reason != Dropped::Closing {
                self.respond_instead(id, route, reason);
            }
        }
    }

    /// Sends an error in place of a response that doesn't fit into the outbox; then the client isn't read until it has read.
    fn respond_instead(&self, id: u64, route: &str, reason: Dropped) {
        self.lock().is_behind = true;
        let error = match reason {
            Dropped::TooLong => {
                Error::of(ErrorKind::BadMessage, "the response is longer than may wait for a client")
            }
            _ => Error::of(ErrorKind::Overloaded, "too much waits for the client"),
        };
        let body = self.registry.error_body(&error);
        self.attachment.with(|to| {
            if let Some(frame) = self.frame(to, id, route, &body) {
                // It is refused only if the connection closes; what could not be sent is counted already.
                let _ = to.outbox.send_instead(frame);
            }
        });
    }

    /// The frame of a response for that connection; of one that is longer than the protocol allows, an error's, which is counted.
    fn frame(&self, to: &Connection, id: u64, route: &str, body: &Body) -> Option<Bytes> {
        let format = to.format.as_ref()?;
        let codecs = &self.registry.peers.codecs;
        let frame = |body| {
            let body = codecs.fit(format.encoding(), route, body);
            format.response(id, &format.readable(route, &body))
        };
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
}
