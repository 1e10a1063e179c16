//! Options of a client: those of its connections, the gate, how it comes back, and how long it waits.

use std::time::Duration;

use serde_json::Value;

use super::gate::Gate;
use super::{Client, ClientError, ConnectError, ConnectionOptions, Dial, Reconnect};

/// The default for [`ClientOptions::request_timeout`], that of our JavaScript client.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The default for [`ClientOptions::queue`]: some seconds of a lively room.
const QUEUE: usize = 1024;

/// The default for [`ClientOptions::max_requests`]: far more than anybody waits for.
const MAX_REQUESTS: usize = 10_000;

/// What a [`Client`] is made by.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use pomelo_net::client::{ClientOptions, Reconnect};
/// use serde_json::json;
///
/// let client = ClientOptions::new()
///     .user(json!({ "token": "t" }))
///     .gate("gate.gateHandler.queryEntry", json!({ "uid": "ann" }))
///     .reconnect(Reconnect::new().longest(Duration::from_secs(10)))
///     .connect("ws://127.0.0.1:3014")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ClientOptions {
    pub(super) connection: ConnectionOptions,
    pub(super) gate: Option<Gate>,
    pub(super) reconnect: Reconnect,
    pub(super) request_timeout: Duration,
    pub(super) queue: usize,
    pub(super) max_requests: usize,
}

impl ClientOptions {
    /// Those of a client without a gate, that comes back after a loss.
    pub fn new() -> Self {
        Self {
            connection: ConnectionOptions::new(),
            gate: None,
            reconnect: Reconnect::new(),
            request_timeout: REQUEST_TIMEOUT,
            queue: QUEUE,
            max_requests: MAX_REQUESTS,
        }
    }

    /// The options of each connection, for those that have no method here.
    #[must_use]
    pub fn connection(mut self, options: ConnectionOptions) -> Self {
        self.connection = options;
        self
    }

    /// What the server's handshake hook gets as `user`, such as a token: see [`ConnectionOptions::user`].
    #[must_use]
    pub fn user(mut self, user: impl Into<Value>) -> Self {
        self.connection = self.connection.user(user);
        self
    }

    /// How to open byte streams: see [`ConnectionOptions::dial`].
    #[must_use]
    pub fn dial(mut self, dial: impl Dial) -> Self {
        self.connection = self.connection.dial(dial);
        self
    }

    /// How long it may take until a handshake is done: see [`ConnectionOptions::connect_timeout`].
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connection = self.connection.connect_timeout(timeout);
        self
    }

    /// The URL is that of a gate, which answers this request with the `host` and `port` of the frontend to connect to. It is asked anew
    /// each time: the frontend that a client had may be what it lost.
    #[must_use]
    pub fn gate(mut self, route: &str, body: impl Into<Value>) -> Self {
        self.gate = Some(Gate { route: route.to_owned(), body: body.into() });
        self
    }

    /// How the client comes back when its connection was lost; as [`Reconnect::new`] says by default.
    #[must_use]
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// How long a response is waited for; 10 s by default.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self.connection = self.connection.ask_timeout(timeout);
        self
    }

    /// How many pushes or events each stream keeps for its reader; 1,024 by default. Of what comes beyond that the oldest is dropped, and
    /// the reader is told how much.
    #[must_use]
    pub fn queue(mut self, items: usize) -> Self {
        self.queue = items;
        self
    }

    /// How many requests may wait for their responses at once; 10,000 by default. One more fails at once.
    #[must_use]
    pub fn max_requests(mut self, requests: usize) -> Self {
        self.max_requests = requests;
        self
    }

    /// Connects to `ws://host:port` or `tcp://host:port`, the gate's if there is one, and does the handshake.
    ///
    /// # Errors
    /// [`ClientError::Connect`] if that fails; the first time it is tried only once.
    ///
    /// # Cancel safety
    /// Dropping the future closes what it has opened.
    pub async fn connect(&self, url: &str) -> Result<Client, ClientError> {
        let client = self.start(url)?;
        client.connected().await?;
        Ok(client)
    }

    /// As [`connect`](Self::connect), but returns at once, so that streams can be opened before there is anything for them. Await
    /// [`Client::connected`] then.
    ///
    /// # Errors
    /// [`ClientError::Connect`] for a URL that names no server.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(&self, url: &str) -> Result<Client, ClientError> {
        let url = url.parse().map_err(ConnectError::from)?;
        Ok(Client::spawn(url, self.clone()))
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}
