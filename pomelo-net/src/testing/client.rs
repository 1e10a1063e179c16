//! Test clients: what players see, from the handshake on.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use pomelo_core::app::Cluster;
use pomelo_core::server::Server;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::Servers;
use super::common::{json, soon};
use super::dial::Noting;
use super::driver::{Driver, Order};
use super::received::{Received, Response};
use crate::client::{ConnectError, Connection, ConnectionOptions};
use crate::protocol::client::Agreement;

/// How often to look whether a session is open.
const OPENED_INTERVAL: Duration = Duration::from_millis(1);

/// A connected client of a test.
///
/// It speaks pomelo's protocol as any other client: it has a task that reads all that comes, answers heartbeats, and keeps responses and
/// pushes until the test takes them. It hangs up when it is dropped.
///
/// What doesn't come within [`PATIENCE`](super::PATIENCE) is a panic that says what was missed.
pub struct Client {
    orders: UnboundedSender<Order>,
    received: Received,
    agreement: Arc<Agreement>,
    /// It reads only while the test waits for something.
    is_lazy: AtomicBool,
}

impl Client {
    /// Connects to `ws://host:port` or `tcp://host:port`, and does the handshake.
    ///
    /// # Panics
    /// If nobody listens there, or the handshake is refused.
    ///
    /// # Cancel safety
    /// Dropping it closes what it has opened.
    pub async fn connect(url: &str) -> Self {
        match Connection::connect(url).await {
            Ok(connection) => Self::over(connection),
            Err(error) => panic!("can't connect to {url}: {error}"),
        }
    }

    /// A client on a connection that is made, in a tokio runtime.
    pub fn over(connection: Connection) -> Self {
        let (orders, receiver) = unbounded_channel();
        let (received, agreement) = (Received::default(), connection.agreement().clone());
        tokio::spawn(Driver::new(connection, received.clone()).run(receiver));
        Self { orders, received, agreement, is_lazy: AtomicBool::new(false) }
    }

    /// What the application's handshake hook answered; null if there is none.
    pub fn greeting(&self) -> Value {
        self.agreement.user().clone()
    }

    /// Sends a request, and waits for its response.
    ///
    /// # Panics
    /// If there is none: in time, or before the connection ends; if `body` is no JSON.
    ///
    /// # Cancel safety
    /// The request is sent also when it is dropped; the response is dropped, too.
    pub async fn request(&self, route: &str, body: impl Serialize) -> Value {
        let id = self.send(route, body).await;
        self.response(id).await
    }

    /// As [`request`](Self::request); none if the connection ends instead.
    ///
    /// # Panics
    /// If neither comes in time.
    ///
    /// # Cancel safety
    /// As [`request`](Self::request).
    pub async fn try_request(&self, route: &str, body: impl Serialize) -> Option<Value> {
        let id = self.send_all([(route, body)]).await.pop()?;
        let response = self.wait(|| format!("a response to {route}"), self.received.response(id)).await;
        response.ok().map(|response| response.body)
    }

    /// Sends a request; returns its number, by which [`response`](Self::response) waits.
    ///
    /// # Panics
    /// If the connection has ended, which a `body` that is too long does, or if `body` is no JSON.
    ///
    /// # Cancel safety
    /// It is sent also when this is dropped.
    pub async fn send(&self, route: &str, body: impl Serialize) -> u64 {
        match self.send_all([(route, body)]).await.pop() {
            Some(id) => id,
            None => panic!("can't send {route}: {}", self.received.ended().await.why),
        }
    }

    /// Sends requests in one write; returns their numbers, none if the connection has ended.
    ///
    /// # Panics
    /// If a body is no JSON. One that is too long for a message ends the connection, as what is awaited next says.
    ///
    /// # Cancel safety
    /// They are sent also when this is dropped.
    pub async fn send_all<'a, B: Serialize>(
        &self,
        requests: impl IntoIterator<Item = (&'a str, B)>,
    ) -> Vec<u64> {
        let requests =
            requests.into_iter().map(|(route, body)| (route.to_owned(), json(route, body))).collect();
        let (numbers, sent) = oneshot::channel();
        self.order(Order::Requests { requests, numbers });
        sent.await.unwrap_or_default()
    }

    /// Sends a notify, which has no response.
    ///
    /// # Panics
    /// If `body` is no JSON. One that is too long for a message ends the connection, as what is awaited next says.
    pub fn notify(&self, route: &str, body: impl Serialize) {
        self.order(Order::Notify { route: route.to_owned(), body: json(route, body) });
    }

    /// Sends bytes as they are, in a websocket message where it is one.
    pub fn send_raw(&self, bytes: impl Into<Bytes>) {
        self.order(Order::Raw(bytes.into()));
    }

    /// Waits for the response to a request that was sent. One that is empty, or neither fits its schema nor is JSON, is null; see
    /// [`response_bytes`](Self::response_bytes).
    ///
    /// # Panics
    /// If there is none: in time, or before the connection ends.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has taken nothing.
    pub async fn response(&self, id: u64) -> Value {
        self.take(id).await.body
    }

    /// As [`response`](Self::response), as it came.
    ///
    /// # Panics
    /// As [`response`](Self::response).
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has taken nothing.
    pub async fn response_bytes(&self, id: u64) -> Bytes {
        self.take(id).await.bytes
    }

    async fn take(&self, id: u64) -> Response {
        match self.wait(|| format!("a response to request {id}"), self.received.response(id)).await {
            Ok(response) => response,
            Err(end) => panic!("no response to request {id} came: {}", end.why),
        }
    }

    /// The numbers of all requests that were responded to, in the order of the responses.
    pub fn responded(&self) -> Vec<u64> {
        self.received.responded()
    }

    /// Waits for the next push of a route.
    ///
    /// # Panics
    /// If it doesn't come: in time, or before the connection ends.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has taken no push.
    pub async fn push(&self, route: &str) -> Value {
        match self.wait(|| format!("a push of {route}"), self.received.next_push(route)).await {
            Ok(body) => body,
            Err(end) => panic!("no push of {route} came: {}", end.why),
        }
    }

    /// Takes the pushes of a route that have come so far. What the server sent before a response has come when the response has.
    pub fn pushes(&self, route: &str) -> Vec<Value> {
        self.received.pushes(route).into()
    }

    /// Has the client read only while the test waits for something, as a program that is stuck, or all the time again. What is sent
    /// meanwhile waits at the server, and heartbeats aren't answered.
    pub fn set_lazy(&self, on: bool) {
        self.is_lazy.store(on, Ordering::Relaxed);
        self.order(Order::Read(!on));
    }

    /// Waits for something with a limit, and reads meanwhile.
    async fn wait<T>(&self, what: impl FnOnce() -> String, future: impl Future<Output = T>) -> T {
        let is_lazy = self.is_lazy.load(Ordering::Relaxed);
        if is_lazy {
            self.order(Order::Read(true));
        }
        let came = soon(what, future).await;
        if is_lazy {
            self.order(Order::Read(false));
        }
        came
    }

    /// Waits until the server kicks the client; gives the reason.
    ///
    /// # Panics
    /// If it doesn't in time, or the connection ends without a kick.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn kicked(&self) -> String {
        let end = self.wait(|| "a kick".to_owned(), self.received.ended()).await;
        match end.kick_reason {
            Some(reason) => reason,
            None => panic!("no kick came: {}", end.why),
        }
    }

    /// Waits until the connection is over; gives the reason of the server's kick, if it sent one.
    ///
    /// # Panics
    /// If that takes longer than [`PATIENCE`](super::PATIENCE).
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn end(&self) -> Option<String> {
        self.wait(|| "the end of the connection".to_owned(), self.received.ended()).await.kick_reason
    }

    /// Hangs up, once all that was sent is on its way.
    ///
    /// # Cancel safety
    /// It hangs up also when this is dropped.
    pub async fn close(self) {
        self.order(Order::Close);
        self.wait(|| "the end of the connection".to_owned(), self.received.ended()).await;
    }

    fn order(&self, order: Order) {
        // Whoever can't take it has noted how the connection ended.
        let _ = self.orders.send(order);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl<R: Cluster> Servers<R> {
    /// Connects a client to a frontend, over websocket, as browsers do.
    ///
    /// # Panics
    /// If there is no such server, no connector of it listens in memory, or it refuses the handshake.
    ///
    /// # Cancel safety
    /// Dropping it closes what it has opened.
    pub async fn client(&self, server: &str) -> Client {
        self.client_with(server, &ConnectionOptions::new()).await
    }

    /// As [`client`](Self::client), by options: what the client says in its handshake. They need no [`Dial`](crate::client::Dial).
    ///
    /// # Panics
    /// As [`client`](Self::client).
    ///
    /// # Cancel safety
    /// As [`client`](Self::client).
    pub async fn client_with(&self, server: &str, options: &ConnectionOptions) -> Client {
        let Some(address) = self.addresses(server).first().copied() else {
            // It names the servers that there are.
            let _ = self.app(server);
            panic!("{server} has no connector: clients connect to frontends")
        };
        let url = format!("ws://{address}");
        match self.dial(&url, options.clone()).await {
            Ok(client) => client,
            Err(error) => panic!("{server} lets no client in: {error}"),
        }
    }

    /// Connects a client as players do: asks a gate for its connector, and goes to the host and port that it answers with.
    ///
    /// # Panics
    /// As [`client`](Self::client), or if the gate answers without `host` and `port`: the message has its answer.
    ///
    /// # Cancel safety
    /// As [`client`](Self::client).
    pub async fn client_by_gate(&self, gate: &str, route: &str, body: impl Serialize) -> Client {
        let asking = self.client(gate).await;
        let answer = asking.request(route, body).await;
        asking.close().await;
        let (host, port) = (answer["host"].as_str(), answer["port"].as_u64());
        let (Some(host), Some(port)) = (host, port) else { panic!("{gate} names no connector: {answer}") };
        match self.dial(&format!("ws://{host}:{port}"), ConnectionOptions::new()).await {
            Ok(client) => client,
            Err(error) => panic!("the connector that {gate} names, {answer}, lets no client in: {error}"),
        }
    }

    /// Connects, and waits until the session is open: the server opens it when it has read the last of the handshake, which the client
    /// doesn't wait for.
    async fn dial(&self, url: &str, options: ConnectionOptions) -> Result<Client, ConnectError> {
        let own = Arc::new(OnceLock::new());
        let dial = Noting { ports: self.ports.clone(), own: own.clone() };
        let client = Client::over(options.dial(dial).connect(url).await?);
        let is_own = |address: Option<SocketAddr>| address.is_some() && address.as_ref() == own.get();
        let opened = async {
            while !client.received.has_ended() && !self.apps().any(|app| has_session(app, is_own)) {
                tokio::time::sleep(OPENED_INTERVAL).await;
            }
        };
        soon(|| format!("the session at {url}"), opened).await;
        Ok(client)
    }
}

/// Whether a server has a session of a client at such an address.
fn has_session(server: &Arc<Server>, is_own: impl Fn(Option<SocketAddr>) -> bool) -> bool {
    let (sessions, mut is_there) = (server.sessions(), false);
    sessions.for_each(|session| is_there |= is_own(sessions.client_address(session.id())));
    is_there
}
