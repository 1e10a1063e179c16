//! Options of a connection: what the client says of itself, how it dials, and how long it waits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{ConnectError, Connection, Dial, DialTcp};
use crate::protocol::client::{Known, Settings};

/// The default for [`ConnectionOptions::connect_timeout`] and [`ConnectionOptions::ask_timeout`], that of our JavaScript client.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many events are kept for [`Connection::next`] while [`Connection::ask`] waits.
const BACKLOG: usize = 1024;

/// What a [`Connection`] is made by.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use pomelo_net::client::ConnectionOptions;
/// use serde_json::json;
///
/// let options = ConnectionOptions::new()
///     .client("robot", "1.0")
///     .user(json!({ "token": "t" }))
///     .connect_timeout(Duration::from_secs(3));
/// let connection = options.connect("ws://127.0.0.1:3010").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConnectionOptions {
    pub(super) settings: Settings,
    pub(super) known: Known,
    pub(super) dial: Arc<dyn Dial>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) connect_timeout: Duration,
    pub(super) ask_timeout: Duration,
    pub(super) backlog: usize,
}

impl ConnectionOptions {
    /// Those of a client of type `rust` that dials by tcp.
    pub fn new() -> Self {
        Self {
            settings: Settings::new(),
            known: Known::default(),
            dial: Arc::new(DialTcp),
            headers: Vec::new(),
            connect_timeout: TIMEOUT,
            ask_timeout: TIMEOUT,
            backlog: BACKLOG,
        }
    }

    /// What the client says it is: `sys.type` and `sys.version` of the handshake.
    #[must_use]
    pub fn client(mut self, client_type: &str, version: &str) -> Self {
        self.settings.client_type = client_type.to_owned();
        self.settings.client_version = version.to_owned();
        self
    }

    /// What the server's handshake hook gets as `user`, such as a token; `{}` by default.
    #[must_use]
    pub fn user(mut self, user: impl Into<Value>) -> Self {
        self.settings.user = user.into();
        self
    }

    /// The longest package body that the server may send; by default the longest there is, 16 MiB.
    #[must_use]
    pub fn max_package(mut self, bytes: usize) -> Self {
        self.settings.max_package = bytes;
        self
    }

    /// Dictionary and schemas of an earlier connection, [`Connection::known`], which the server then needn't send again.
    #[must_use]
    pub fn known(mut self, known: Known) -> Self {
        self.known = known;
        self
    }

    /// How to open the byte stream; [`DialTcp`] by default.
    #[must_use]
    pub fn dial(mut self, dial: impl Dial) -> Self {
        self.dial = Arc::new(dial);
        self
    }

    /// One more header field in the upgrade to a websocket, such as a cookie.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How long it may take until the handshake is done; 10 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long [`Connection::ask`] waits for a response; 10 s by default.
    #[must_use]
    pub fn ask_timeout(mut self, timeout: Duration) -> Self {
        self.ask_timeout = timeout;
        self
    }

    /// How many events are kept for [`Connection::next`] while [`Connection::ask`] waits; 1,024 by default.
    #[must_use]
    pub fn backlog(mut self, events: usize) -> Self {
        self.backlog = events;
        self
    }

    /// Connects to `ws://host:port` or `tcp://host:port`, and does the handshake.
    ///
    /// # Errors
    /// [`ConnectError`] if nobody listens there, refuses, or takes too long.
    ///
    /// # Cancel safety
    /// Dropping the future closes what it has opened.
    pub async fn connect(&self, url: &str) -> Result<Connection, ConnectError> {
        Connection::open(&url.parse()?, self).await
    }
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ConnectionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The dialer has nothing to show, and `user` may be a secret.
        f.debug_struct("ConnectionOptions")
            .field("client_type", &self.settings.client_type)
            .field("connect_timeout", &self.connect_timeout)
            .field("ask_timeout", &self.ask_timeout)
            .field("backlog", &self.backlog)
            .finish_non_exhaustive()
    }
}
