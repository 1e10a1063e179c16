//! Received: what a client was sent, kept until the test takes it.

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use pomelo_core::outbox::{Outbox, Sink};
use pomelo_core::value::Result;
use pomelo_core::wire::{Body, Encoding, Format};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;

/// What a client was sent. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Received(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Woken whenever something comes.
    changed: Notify,
}

/// All that came and was not taken.
#[derive(Default)]
pub(super) struct State {
    pushes: HashMap<String, VecDeque<Value>>,
    responses: HashMap<u64, Response>,
    /// The requests that were responded to, in that order, also those that were taken.
    responded: Vec<u64>,
    end: Option<End>,
}

/// A response to a request.
pub(super) struct Response {
    /// As it came.
    pub(super) bytes: Bytes,
    /// What it says; null if it is empty.
    pub(super) body: Value,
}

/// How a connection ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// What the server said when it kicked the client, if it did.
    pub(super) kick_reason: Option<String>,
    /// What happened, for a message.
    pub(super) why: String,
}

impl Received {
    pub(super) fn push(&self, route: &str, body: Value) {
        self.change(|state| state.pushes.entry(route.to_owned()).or_default().push_back(body));
    }

    pub(super) fn respond(&self, id: u64, response: Response) {
        self.change(|state| {
            state.responded.push(id);
            state.responses.insert(id, response);
        });
    }

    /// Notes how the connection ended; only the first end counts.
    pub(super) fn end(&self, end: End) {
        self.change(|state| {
            let _ = state.end.get_or_insert(end);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.0.changed.notify_waiters();
    }

    /// Takes the pushes of a route that have come.
    pub(super) fn pushes(&self, route: &str) -> VecDeque<Value> {
        self.state().pushes.remove(route).unwrap_or_default()
    }

    /// Whether the connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.state().end.is_some()
    }

    /// The requests that were responded to, in that order.
    pub(super) fn responded(&self) -> Vec<u64> {
        self.state().responded.clone()
    }

    /// Takes the next push of a route.
    ///
    /// # Errors
    /// How the connection ended, if it came to no push.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has taken nothing.
    pub(super) async fn next_push(&self, route: &str) -> std::result::Result<Value, End> {
        self.until_end(|state| state.pushes.get_mut(route).and_then(VecDeque::pop_front)).await
    }

    /// Takes the response to a request.
    ///
    /// # Errors
    /// How the connection ended, if it came to no response.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has taken nothing.
    pub(super) async fn response(&self, id: u64) -> std::result::Result<Response, End> {
        self.until_end(|state| state.responses.remove(&id)).await
    }

    /// Waits for the end of the connection.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(super) async fn ended(&self) -> End {
        self.when(|state| state.end.clone()).await
    }

    /// Waits until there is something to take, or there will be nothing any more.
    async fn until_end<T>(
        &self,
        mut take: impl FnMut(&mut State) -> Option<T>,
    ) -> std::result::Result<T, End> {
        self.when(|state| match take(state) {
            Some(taken) => Some(Ok(taken)),
            None => state.end.clone().map(Err),
        })
        .await
    }

    async fn when<T>(&self, mut take: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.0.changed.notified();
            if let Some(taken) = take(&mut self.state()) {
                return taken;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A frame for who has no client, as a line of JSON.
#[derive(Serialize, Deserialize)]
enum Frame {
    Push(String, Value),
    Response(u64, Value),
    Kick(String),
}

/// The sink of a session that has no client.
#[derive(Clone, Default)]
pub(super) struct NoClient {
    pub(super) received: Received,
    /// What the server said when it kicked it.
    kick_reason: Arc<Mutex<Option<String>>>,
}

impl NoClient {
    fn take_in(&self, frame: Frame) {
        match frame {
            Frame::Push(route, body) => self.received.push(&route, body),
            Frame::Response(id, body) => {
                let bytes = serde_json::to_vec(&body).unwrap_or_default().into();
                self.received.respond(id, Response { bytes, body });
            }
            Frame::Kick(reason) => {
                *self.kick_reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
            }
        }
    }
}

impl Sink for NoClient {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        // Several frames may come in one piece.
        for line in frames.iter().flat_map(|frames| frames.split(|byte| *byte == b'\n')) {
            if !line.is_empty() {
                self.take_in(serde_json::from_slice(line)?);
            }
        }
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        outbox.resume();
    }

    fn close(&self) {
        let kick_reason = self.kick_reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.received.end(End { kick_reason, why: "the server closed the connection".to_owned() });
    }
}

/// The format of all sessions that have no client.
pub(super) static LINES: LazyLock<Arc<dyn Format>> = LazyLock::new(|| Arc::new(Lines));

/// Frames as lines, bodies in JSON.
struct Lines;

fn line(frame: &Frame) -> Result<Bytes> {
    let mut line = serde_json::to_vec(frame)?;
    line.push(b'\n');
    Ok(line.into())
}

/// A body; null if it is empty.
fn value(body: &Body) -> Result<Value> {
    if body.bytes.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body.bytes)?) }
}

impl Format for Lines {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, route: &str, body: &Body) -> Result<Bytes> {
        line(&Frame::Push(route.to_owned(), value(body)?))
    }

    fn response(&self, id: u64, body: &Body) -> Result<Bytes> {
        line(&Frame::Response(id, value(body)?))
    }

    fn kick(&self, reason: &str) -> Bytes {
        line(&Frame::Kick(reason.to_owned())).unwrap_or_default()
    }
}
