//! The connector: clients within the process, a line for each frame.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use pomelo::ext::connector::{
    Body, BoxFuture, Bytes, ClientSession, Connector, Encoding, Error, ErrorKind, Format, Frontend,
    Listening, Outbox, Result, Sink,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How many bytes may wait for a client.
const OUTBOX_LIMIT: usize = 1 << 20;

/// A connector whose clients are within the process. Clones are the same one.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Option<Arc<Frontend>>>>);

impl Lines {
    /// Connects a client.
    ///
    /// # Errors
    /// If the server hasn't started.
    pub fn connect(&self) -> Result<Client> {
        let frontend = self.0.lock().expect("nobody panics while it looks").clone();
        let frontend = frontend.ok_or_else(|| Error::of(ErrorKind::Closed, "the server hasn't started"))?;
        let (sender, lines) = unbounded_channel();
        let format = frontend.add_format(Arc::new(LineFormat))?;
        let outbox = Outbox::new(Line(sender), frontend.flusher(), format, OUTBOX_LIMIT);
        Ok(Client { session: frontend.open(&outbox, None), lines })
    }
}

impl Connector for Lines {
    fn encoding(&self) -> Encoding {
        Encoding::Protobuf
    }

    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        *self.0.lock().expect("nobody panics while it looks") = Some(frontend);
        let stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send> = Box::new(|| Box::pin(async {}));
        Box::pin(async { Ok(Listening { address: ([127, 0, 0, 1], 0).into(), protocol: "lines", stop }) })
    }
}

/// A client, which sends one request at a time.
pub struct Client {
    session: Arc<ClientSession>,
    lines: UnboundedReceiver<Bytes>,
}

impl Client {
    /// Sends a request, and waits for the next line; none if the connection is closed.
    pub async fn request(&mut self, route: &str, bytes: Bytes) -> Option<Bytes> {
        self.session.receive(Some(1), route, Body { encoding: Encoding::Protobuf, bytes });
        self.lines.recv().await
    }
}

/// A frame is a body, and nothing else.
struct LineFormat;

impl Format for LineFormat {
    fn encoding(&self) -> Encoding {
        Encoding::Protobuf
    }

    fn push(&self, _: &str, body: &Body) -> Result<Bytes> {
        Ok(body.bytes.clone())
    }

    fn response(&self, _: u64, body: &Body) -> Result<Bytes> {
        Ok(body.bytes.clone())
    }

    fn kick(&self, reason: &str) -> Bytes {
        reason.to_owned().into()
    }
}

struct Line(UnboundedSender<Bytes>);

impl Sink for Line {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        for frame in frames {
            self.0.send(Bytes::copy_from_slice(frame)).map_err(io::Error::other)?;
        }
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        outbox.resume();
    }

    fn close(&self) {}
}
