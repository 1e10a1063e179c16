//! A connector without a socket, and its clients: so a test may run on virtual time.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};

use pomelo::__private::{Body, BoxFuture, Bytes};
use pomelo::Result;
use pomelo::ext::connector::Format;
use pomelo::ext::connector::{ClientSession, CloseMode, Connector, Frontend, Listening};
use pomelo::ext::connector::{Outbox, Sink};
use pomelo::request::Encoding;
use serde_json::{Value, json};

use crate::support::soon;

/// A connector that remembers its frontend, for clients to connect to.
#[derive(Clone, Default)]
pub struct Port(Arc<Mutex<Option<Arc<Frontend>>>>);

impl Port {
    /// Connects a client to the server that has this connector, if it is up.
    pub fn connect(&self) -> Client {
        let frontend = self.0.lock().unwrap().clone().expect("the server has started");
        let format = frontend.add_format(Arc::new(Lines)).unwrap();
        let line = Line::default();
        let outbox = Outbox::new(line.clone(), frontend.flusher(), format, 1 << 20);
        Client { session: frontend.open(&outbox, None), line }
    }
}

impl Connector for Port {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        *self.0.lock().unwrap() = Some(frontend);
        let stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send> = Box::new(|| Box::pin(async {}));
        Box::pin(async { Ok(Listening { address: ([127, 0, 0, 1], 0).into(), protocol: "memory", stop }) })
    }
}

/// A client that sends one request at a time.
pub struct Client {
    session: Arc<ClientSession>,
    line: Line,
}

impl Client {
    /// The answer to a request; none if the connection closes instead.
    pub async fn try_request(&self, route: &str, message: Value) -> Option<Value> {
        self.session.receive(Some(1), route, Body::json(message.to_string()));
        soon(async {
            loop {
                let came = self.line.0.came.notified();
                {
                    let mut state = self.line.lock();
                    if let Some(answer) = state.answers.pop_front() {
                        return Some(answer);
                    }
                    if state.is_closed {
                        return None;
                    }
                }
                came.await;
            }
        })
        .await
    }

    /// The answer to a request.
    pub async fn request(&self, route: &str, message: Value) -> Value {
        self.try_request(route, message).await.expect("the connection is open")
    }

    /// The bodies of all pushes that have come since this was last asked.
    pub fn pushes(&self) -> Vec<Value> {
        std::mem::take(&mut self.line.lock().pushes)
    }

    /// Waits until the server closes the connection; says whether it kicked the client.
    pub async fn end(&self) -> Option<String> {
        soon(async {
            loop {
                let came = self.line.0.came.notified();
                if self.is_closed() {
                    return self.line.lock().kick.clone();
                }
                came.await;
            }
        })
        .await
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.line.lock().is_closed
    }

    /// Hangs up.
    pub fn close(&self) {
        self.session.close(CloseMode::Gone, "hung up");
    }
}

/// A frame is a line: a response, a push or a kick.
struct Lines;

fn line(frame: &Value) -> Bytes {
    format!("{frame}\n").into()
}

fn value(body: &Body) -> Result<Value> {
    Ok(serde_json::from_slice(&body.bytes)?)
}

impl Format for Lines {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, _: &str, body: &Body) -> Result<Bytes> {
        Ok(line(&json!({ "push": value(body)? })))
    }

    fn response(&self, _: u64, body: &Body) -> Result<Bytes> {
        Ok(line(&json!({ "answer": value(body)? })))
    }

    fn kick(&self, reason: &str) -> Bytes {
        line(&json!({ "kick": reason }))
    }
}

/// What a client has got.
#[derive(Clone, Default)]
struct Line(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    came: tokio::sync::Notify,
}

#[derive(Default)]
struct State {
    answers: VecDeque<Value>,
    pushes: Vec<Value>,
    kick: Option<String>,
    is_closed: bool,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

impl Sink for Line {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.lock();
        // Short frames may come as one.
        for frame in frames.iter().flat_map(|frames| frames.split(|byte| *byte == b'\n')) {
            if frame.is_empty() {
                continue;
            }
            let frame: Value = serde_json::from_slice(frame).map_err(io::Error::other)?;
            match frame.as_object().and_then(|frame| frame.iter().next()) {
                Some((kind, body)) if kind == "answer" => state.answers.push_back(body.clone()),
                Some((kind, body)) if kind == "push" => state.pushes.push(body.clone()),
                Some((_, reason)) => state.kick = reason.as_str().map(str::to_owned),
                None => {}
            }
        }
        drop(state);
        self.0.came.notify_waiters();
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        outbox.resume();
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.0.came.notify_waiters();
    }
}
