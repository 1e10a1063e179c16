//! Test sessions: real sessions without a client, for calling a handler as the plain function that it is.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pomelo_core::app::Cluster;
use pomelo_core::frontend::{ClientSession, CloseMode};
use pomelo_core::outbox::Outbox;
use pomelo_core::server::Server;
use pomelo_core::session::Session;
use pomelo_core::wire::Body;
use serde::Serialize;
use serde_json::Value;

use super::alone::Alone;
use super::common::{json, soon};
use super::received::{LINES, NoClient, Received};
use super::{Servers, start};
use crate::connector::Hybrid;

/// How many bytes may wait for the client that isn't there; it takes them at once.
const OUTBOX_BYTES: usize = 1 << 20;

/// A session at a frontend, with the test in place of its client.
///
/// It is the [`Session`] that a handler there gets; what it changes is done to a real session, and what is pushed or said to its
/// client can be looked at here.
pub struct TestSession {
    session: Session,
    client: Arc<ClientSession>,
    received: Received,
    /// The number of the last request.
    last_id: AtomicU64,
    server: Arc<Server>,
    /// Servers that are there for this session only.
    _alone: Option<Box<dyn Any + Send + Sync>>,
}

/// A session that belongs to no application, for handlers that need nothing else.
///
/// ```
/// # use pomelo_net::testing;
/// # use pomelo_core::session::Session;
/// # use pomelo_core::value::Result;
/// /// A client's request `connector.entryHandler.enter`.
/// async fn enter(session: &Session, name: String) -> Result<()> {
///     session.set("name", &name);
///     session.push_all().await?;
///     session.bind(format!("player-{name}")).await
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let session = testing::session().await;
/// enter(&session, "ann".into()).await.unwrap();
///
/// let next = session.at_next_message();
/// assert_eq!(next.uid().unwrap(), "player-ann");
/// assert_eq!(next.get("name"), Some("ann".to_owned()));
/// # });
/// ```
///
/// # Panics
/// Outside of a tokio runtime with time.
///
/// # Cancel safety
/// Nothing is left of it when it is dropped.
pub async fn session() -> TestSession {
    let servers = match start(Alone::builder(Hybrid::new().port(0))).await {
        Ok(servers) => servers,
        Err(error) => panic!("a server without anything starts: {error}"),
    };
    let mut session = servers.session(Alone::SERVER);
    session._alone = Some(Box::new(servers));
    session
}

impl TestSession {
    /// Opens a session at a server that runs, however it was started.
    ///
    /// # Panics
    /// If the server has stopped.
    pub fn open(server: &Arc<Server>) -> Self {
        let (frontend, sink) = (server.frontend(), NoClient::default());
        let format = match frontend.add_format(LINES.clone()) {
            Ok(format) => format,
            Err(error) => panic!("{}: {error}", server.server_id()),
        };
        let outbox = Outbox::new(sink.clone(), frontend.flusher(), format, OUTBOX_BYTES);
        let client = frontend.open(&outbox, None);
        let Some(session) = server.sessions().get(client.id()) else {
            panic!("{} has stopped", server.server_id())
        };
        Self {
            session,
            client,
            received: sink.received,
            last_id: AtomicU64::new(0),
            server: server.clone(),
            _alone: None,
        }
    }

    /// The session as a handler of its frontend gets it with the client's next message.
    ///
    /// # Panics
    /// If it is closed.
    pub fn at_next_message(&self) -> Session {
        match self.server.sessions().get(self.client.id()) {
            Some(session) => session,
            None => panic!("session {} is closed", self.client.id()),
        }
    }

    /// The session as a handler of another server gets it with the client's next message.
    ///
    /// # Panics
    /// If it is closed, or the frontend can't be reached from there.
    ///
    /// # Cancel safety
    /// Nothing is changed when it is dropped.
    pub async fn at(&self, server: &Arc<Server>) -> Session {
        let (frontend, id) = (self.server.server_id(), self.client.id());
        match server.backend_sessions().get(frontend, id).await {
            Ok(Some(session)) => session,
            Ok(None) => panic!("session {id} is closed"),
            Err(error) => panic!("{frontend} can't be reached from {}: {error}", server.server_id()),
        }
    }

    /// Has a message handled as a client's request: by filters, router and handler. Only its bytes are spared.
    ///
    /// # Panics
    /// If there is no response: within [`PATIENCE`](super::PATIENCE), or before the session closes.
    ///
    /// # Cancel safety
    /// The request is handled also when it is dropped; the response is dropped, too.
    pub async fn request(&self, route: &str, body: impl Serialize) -> Value {
        match self.try_request(route, body).await {
            Some(response) => response,
            None => panic!("the session closed before {route} was responded to"),
        }
    }

    /// As [`request`](Self::request); none if the session closes instead.
    ///
    /// # Panics
    /// If neither comes in time.
    ///
    /// # Cancel safety
    /// As [`request`](Self::request).
    pub async fn try_request(&self, route: &str, body: impl Serialize) -> Option<Value> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        self.client.receive(Some(id), route, Body::json(json(route, body).to_string()));
        let response = soon(|| format!("a response to {route}"), self.received.response(id)).await;
        response.ok().map(|response| response.body)
    }

    /// Has a message handled as a client's notify, which has no response.
    pub fn notify(&self, route: &str, body: impl Serialize) {
        self.client.receive(None, route, Body::json(json(route, body).to_string()));
    }

    /// Waits for the next push of a route.
    ///
    /// # Panics
    /// If it doesn't come within [`PATIENCE`](super::PATIENCE), or the session closes instead.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has taken no push.
    pub async fn push(&self, route: &str) -> Value {
        match soon(|| format!("a push of {route}"), self.received.next_push(route)).await {
            Ok(body) => body,
            Err(end) => panic!("no push of {route} came: {}", end.why),
        }
    }

    /// Takes the pushes of a route that have come so far. Pushes are sent by a task of their own: [`push`](Self::push) waits for one.
    pub fn pushes(&self, route: &str) -> Vec<Value> {
        self.received.pushes(route).into()
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.received.has_ended()
    }

    /// Waits until the server has closed the connection; gives the reason of its kick, if it sent one.
    ///
    /// # Panics
    /// If that takes longer than [`PATIENCE`](super::PATIENCE).
    ///
    /// # Cancel safety
    /// Nothing is changed when it is dropped.
    pub async fn end(&self) -> Option<String> {
        soon(|| "the end of the connection".to_owned(), self.received.ended()).await.kick_reason
    }

    /// Hangs up, as a client does.
    pub fn hang_up(&self) {
        self.client.close(CloseMode::Gone, "closed by the client");
    }

    /// Hangs up, and waits until the session's hooks have run.
    ///
    /// # Cancel safety
    /// The session closes also when it is dropped.
    pub async fn close(&self) {
        self.hang_up();
        // It waits for the hooks of a session that is closing; it fails where the server has gone, and with it the session.
        let _ = self.session.kick(None).await;
    }
}

impl Deref for TestSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for TestSession {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl fmt::Debug for TestSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.session, f)
    }
}

impl<R: Cluster> Servers<R> {
    /// Opens a session at a frontend, with the test in place of its client.
    ///
    /// ```ignore
    /// let session = servers.session("connector-1");
    /// let entered = EntryHandler::enter(servers.app("connector-1"), &session, Enter { name: "ann".into() }).await?;
    /// ```
    ///
    /// # Panics
    /// If there is no such server, or it is no frontend.
    pub fn session(&self, server: &str) -> TestSession {
        let app = self.app(server);
        assert!(app.is_frontend(), "{server} is no frontend: a session begins where clients connect");
        TestSession::open(app)
    }
}
