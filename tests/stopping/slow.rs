//! A client whose connection takes nothing until it is told to.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};

use pomelo::__private::{Body, BoxFuture, Bytes};
use pomelo::Result;
use pomelo::ext::connector::Format;
use pomelo::ext::connector::{ClientSession, Connector, Frontend, Listening};
use pomelo::ext::connector::{Outbox, Sink};
use pomelo::request::Encoding;
use serde_json::json;

/// A connector without a socket: clients connect to the server that has it.
#[derive(Clone, Default)]
pub struct Slow(Arc<Mutex<Option<Arc<Frontend>>>>);

impl Slow {
    pub fn connect(&self) -> SlowClient {
        let frontend = self.0.lock().unwrap().clone().expect("the server has started");
        let line = Line::default();
        let format = frontend.add_format(Arc::new(Words)).unwrap();
        let outbox = Outbox::new(line.clone(), frontend.flusher(), format, 1 << 20);
        SlowClient { session: frontend.open(&outbox, None), line }
    }
}

impl Connector for Slow {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        *self.0.lock().unwrap() = Some(frontend);
        let stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send> = Box::new(|| Box::pin(async {}));
        Box::pin(async { Ok(Listening { address: ([127, 0, 0, 1], 0).into(), protocol: "memory", stop }) })
    }
}

pub struct SlowClient {
    session: Arc<ClientSession>,
    line: Line,
}

impl SlowClient {
    pub fn request(&self, route: &str) {
        self.session.receive(Some(1), route, Body::json(&b"{}"[..]));
    }

    /// Takes what waits, and whatever follows.
    pub fn read(&self) {
        let blocked = {
            let mut state = self.line.lock();
            state.reads = true;
            state.blocked.take()
        };
        if let Some(outbox) = blocked {
            outbox.resume();
        }
    }

    /// What has come, and whether that was all.
    pub fn got(&self) -> (String, bool) {
        let state = self.line.lock();
        (state.got.clone(), state.is_closed)
    }
}

/// A response is its body, a kick its reason, and `bye` ends a connection to make again.
struct Words;

impl Format for Words {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, route: &str, _: &Body) -> Result<Bytes> {
        Ok(json!({ "push": route }).to_string().into())
    }

    fn response(&self, _: u64, body: &Body) -> Result<Bytes> {
        Ok(body.bytes.clone())
    }

    fn kick(&self, reason: &str) -> Bytes {
        reason.to_owned().into()
    }

    fn restart(&self) -> Bytes {
        "bye".into()
    }
}

#[derive(Clone, Default)]
struct Line(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    reads: bool,
    blocked: Option<Arc<Outbox>>,
    got: String,
    is_closed: bool,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Sink for Line {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.lock();
        if !state.reads {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // Short frames may come as one.
        state.got.extend(frames.iter().map(|frame| String::from_utf8_lossy(frame)));
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        self.lock().blocked = Some(outbox);
    }

    fn close(&self) {
        self.lock().is_closed = true;
    }
}
