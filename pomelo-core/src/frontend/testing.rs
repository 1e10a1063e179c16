//! Test clients: a registry and its sessions without a server, over connections that write down what they are sent.

use std::io;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{ClientSession, ClientSettings, Dispatcher, Incoming, Next, Registry};
use crate::event::Events;
use crate::outbox::{Outbox, Sink};
use crate::peers::testing::{Recorder, peers};
use crate::request::Request;
use crate::session::{ClosedSession, Session, SessionHandling, Sessions};
use crate::value::{ErrorKind, Result, SessionId};
use crate::wire::{Body, Encoding, Format, FormatId};

/// Frames as text.
struct TextFormat;

impl Format for TextFormat {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, route: &str, body: &Body) -> Result<Bytes> {
        Ok(format!("{route} {};", String::from_utf8_lossy(&body.bytes)).into())
    }

    fn response(&self, id: u64, body: &Body) -> Result<Bytes> {
        Ok(format!("{id} {};", String::from_utf8_lossy(&body.bytes)).into())
    }

    fn kick(&self, reason: &str) -> Bytes {
        format!("kick {reason};").into()
    }

    fn restart(&self) -> Bytes {
        "restart;".into()
    }
}

/// The client's end of a connection.
#[derive(Default)]
pub(crate) struct Client {
    received: Mutex<String>,
    is_closed: AtomicBool,
}

impl Client {
    /// All that was received.
    pub(crate) fn received(&self) -> String {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }
}

struct TestSink(Arc<Client>);

impl Sink for TestSink {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut received = self.0.received.lock().unwrap();
        frames.iter().for_each(|frame| received.push_str(std::str::from_utf8(frame).unwrap()));
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }

    fn wait_writable(&self, _: Arc<Outbox>) {}

    fn close(&self) {
        self.0.is_closed.store(true, Ordering::SeqCst);
    }
}

/// Handles messages by the methods of their routes: `echo` responds with the body, `hold` does so when it may, `forward` goes to
/// `chat-1`.
pub(crate) struct TestDispatcher {
    sessions: Arc<Sessions>,
    /// How many messages it has begun with.
    pub(crate) begun: AtomicUsize,
    /// How often a held message may go on.
    pub(crate) released: Semaphore,
    /// How forwarded messages ended.
    pub(crate) ended: Mutex<Vec<Result<Bytes, ErrorKind>>>,
}

impl TestDispatcher {
    async fn handle(&self, session: &Arc<ClientSession>, message: Incoming) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let Incoming { id, route, body } = message;
        if route.method() == "forward" {
            let snapshot = Session::new(&self.sessions, session.snapshot());
            let request = Request::new(route, id, body, session.accept(), snapshot);
            return session.forward(&request, &"chat-1".into()).map_err(|unqueued| unqueued.error).unwrap();
        }
        if route.method() == "hold" {
            self.released.acquire().await.unwrap().forget();
        }
        session.respond(id, route.as_str(), Ok(Some(&body)));
        session.answered();
    }
}

impl Dispatcher for Arc<TestDispatcher> {
    fn work(&self, session: Arc<ClientSession>, first: Option<Incoming>) -> JoinHandle<()> {
        let dispatcher = self.clone();
        tokio::spawn(async move {
            let mut next = session.begin(first);
            loop {
                if let Some(message) = next {
                    dispatcher.handle(&session, message).await;
                }
                match session.next() {
                    Next::Message(message) => next = Some(message),
                    Next::Idle => return,
                    Next::Closing => return session.finish().await,
                }
            }
        })
    }

    fn after_forwarding(&self, _: Request, outcome: Result<Body>) {
        let outcome = outcome.map(|body| body.bytes).map_err(|error| error.kind());
        self.ended.lock().unwrap().push(outcome);
    }
}

/// Handles nothing.
struct NoHandling;

impl SessionHandling for NoHandling {
    fn note(&self, _: SessionId, _: crate::session::Change, _: u64) {}

    fn close(self: Arc<Self>, _: ClosedSession) {}
}

/// The frontend `gate-1`, whose only other server is `chat-1`.
pub(crate) struct TestFrontend {
    pub(crate) registry: Arc<Registry>,
    pub(crate) dispatcher: Arc<TestDispatcher>,
    /// What it sends to `chat-1`.
    pub(crate) sent: Arc<Recorder>,
}

impl TestFrontend {
    pub(crate) fn new() -> Self {
        let (peers, sent) = peers("gate-1", &["chat-1"]);
        let (sessions, events) = (Sessions::new(peers.clone()), Events::new(peers.clone()));
        let dispatcher = Arc::new(TestDispatcher {
            sessions: sessions.clone(),
            begun: AtomicUsize::new(0),
            released: Semaphore::new(0),
            ended: Mutex::default(),
        });
        let settings =
            ClientSettings { single_session: false, broadcast_filter: None, detailed_errors: false };
        let registry = Registry::new(sessions.clone(), events, Box::new(dispatcher.clone()), settings);
        let handling: std::sync::Weak<NoHandling> = std::sync::Weak::new();
        sessions.attach(Arc::downgrade(&registry) as _, handling);
        registry.formats.add(Arc::new(TextFormat)).unwrap();
        registry.flusher.start(&peers.tasks);
        Self { registry, dispatcher, sent }
    }

    /// A connection that has no session yet.
    pub(crate) fn connect(&self) -> (Arc<Outbox>, Arc<Client>) {
        let client = Arc::new(Client::default());
        let flusher = self.registry.flusher.clone();
        (Outbox::new(TestSink(client.clone()), flusher, FormatId(0), 1 << 20), client)
    }

    /// A session with its client.
    pub(crate) fn open(&self) -> (Arc<ClientSession>, Arc<Client>) {
        let (outbox, client) = self.connect();
        (ClientSession::open(&self.registry, &outbox, None), client)
    }

    /// The session, as a handler sees it now.
    pub(crate) fn session(&self, session: &ClientSession) -> Session {
        Session::new(&self.registry.sessions, session.snapshot())
    }
}
