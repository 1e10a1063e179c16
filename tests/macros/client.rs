//! A connector without a socket, and its client.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::__private::{Body, BoxFuture, Bytes};
use pomelo::Result;
use pomelo::ext::connector::Format;
use pomelo::ext::connector::{ClientSession, Connector, Frontend, Listening};
use pomelo::ext::connector::{Outbox, Sink};
use pomelo::request::Encoding;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A connector that remembers its frontend, for clients to connect to.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Option<Arc<Frontend>>>>);

impl Memory {
    /// Connects a client to the server that has this connector.
    pub fn connect(&self) -> Client {
        let frontend = self.0.lock().unwrap().clone().expect("the server has started");
        let format = frontend.add_format(Arc::new(Lines)).unwrap();
        let (sink, frames) = unbounded_channel();
        let outbox = Outbox::new(Frames(sink), frontend.flusher(), format, 1 << 20);
        Client { session: frontend.open(&outbox, None), frames: tokio::sync::Mutex::new(frames) }
    }
}

impl Connector for Memory {
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
    frames: tokio::sync::Mutex<UnboundedReceiver<Value>>,
}

impl Client {
    /// What a request is answered.
    pub async fn request(&self, route: &str, message: Value) -> Value {
        let mut frames = self.frames.lock().await;
        self.session.receive(Some(1), route, Body::json(message.to_string()));
        tokio::time::timeout(Duration::from_secs(5), frames.recv())
            .await
            .expect("an answer")
            .expect("a connection")
    }
}

/// A frame is the body of a response.
struct Lines;

impl Format for Lines {
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
        json!({ "kick": reason }).to_string().into()
    }
}

struct Frames(UnboundedSender<Value>);

impl Sink for Frames {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        for frame in frames {
            let frame = serde_json::from_slice(frame).map_err(io::Error::other)?;
            self.0.send(frame).map_err(io::Error::other)?;
        }
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        outbox.resume();
    }

    fn close(&self) {}
}
