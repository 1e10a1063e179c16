//! Hybrid: the connector that users configure, pomelo's protocol over tcp and websocket.
//!
//! A [`Hybrid`] is options and nothing else until its server starts: then it checks them, makes dictionary,
//! schemas and formats of the configuration, and gives a tcp listener to an [`Acceptor`] of [`Pomelo`]'s
//! protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::frontend::{Connector, Frontend, Listening};
use pomelo_core::value::{Error, ErrorKind, Result};
use pomelo_core::wire::Encoding;
use serde_json::Value;

use super::Greeting;
use super::acceptor::Acceptor;
use super::error::OptionError;
use super::format::Formats;
use super::memory::MemoryPorts;
use super::options::Options;
use super::pomelo::{Pomelo, PomeloShared};
use super::tcp::listen;

/// Takes clients over raw tcp and over websocket, both on one port; pomelo's `hybridconnector`.
///
/// The first four bytes of a connection tell which it is. Every client that speaks pomelo's binary protocol is served.
/// A frontend may have several, on different ports. Where the application has inserted [`MemoryPorts`], it listens there instead of at
/// a port of the machine. Every limit costs only the client that exceeds it.
///
/// ```
/// use std::time::Duration;
/// use pomelo::Hybrid;
///
/// pomelo::servers! { connector: {} }
///
/// # fn main() {
/// let builder = App::builder().configure("all", "connector", |app| {
///     app.connector(Hybrid::new().heartbeat(Duration::from_secs(3)).use_dict().use_protobuf());
/// });
/// # }
/// ```
///
/// An option that can't be meant, such as a limit of 0, is an error at start, which says what is allowed. A
/// time is from a millisecond to 365 days.
///
/// # Of pomelo's connectorConfig
///
/// | pomelo's | here |
/// |---|---|
/// | `heartbeat`, `timeout` (s) | [`heartbeat`](Self::heartbeat), [`timeout`](Self::timeout); `timeout` without a heartbeat is [`idle_timeout`](Self::idle_timeout) |
/// | `disconnectOnTimeout` | always, as pomelo itself forces it with a heartbeat |
/// | `useDict`, `useProtobuf` | [`use_dict`](Self::use_dict), [`use_protobuf`](Self::use_protobuf) |
/// | `handshake`, `checkClient` | [`handshake`](Self::handshake), [`check_client`](Self::check_client) |
/// | `setNoDelay` | [`no_delay`](Self::no_delay), and on by default |
/// | `distinctHost` | `distinctHost` in servers.json, or [`address`](Self::address) |
/// | `closeMethod` | what is queued is always sent first, for a second at most |
/// | `ssl` | none: a proxy in front, or a listener of your own for [`acceptor`](Self::acceptor) |
/// | `useCrypto`, `useHostFilter`, `blacklistFun`, `encode`, `decode` | none; a client that signs is served, and its signature isn't looked at |
///
/// # What else comes to the port
/// The port speaks neither HTTP nor TLS, and is no place for a page:
///
/// | who | sees |
/// |---|---|
/// | a browser at `http://host:port/`, a health check by `GET /` | status 426, `this port speaks websocket`; the connection closes |
/// | `POST`, `PUT`, `HEAD`; HTTP/1.0 or a broken upgrade; methods that pomelo doesn't know either | 405; 400; the connection closes without a word |
/// | a browser at `https://host:port/`, a page with `wss://`, any TLS | the connection closes without a word; browsers say `ERR_SSL_PROTOCOL_ERROR` or the like |
/// | a health check that only connects, and closes | nothing; it costs a place until it closes, or for [`handshake_deadline`](Self::handshake_deadline) |
///
/// A proxy in front ends TLS and passes the upgrade on; check health by connecting, or take 426 for healthy.
#[doc(alias = "hybridconnector")]
#[doc(alias = "connectorConfig")]
#[derive(Clone, Default)]
pub struct Hybrid {
    /// What was asked for; nothing of it was looked at yet.
    options: Options,
}

impl Hybrid {
    /// A connector on the server's `clientPort`, without heartbeats, dictionary or protobuf.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens on this port instead of the server's `clientPort`; 0 lets the system choose.
    ///
    /// The host is the server's `host` of servers.json if that is loopback, or if the entry has `distinctHost`; else
    /// all interfaces, by IPv6 and IPv4, as in pomelo, since `host` is how others reach the machine.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// // For a test: `running.addresses("connector-1")` says where.
    /// let connector = Hybrid::new().port(0);
    /// ```
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.options.port = Some(port);
        self
    }

    /// Listens on this address and port: `[::]:3010` takes IPv6 and IPv4, `0.0.0.0:3010` IPv4 alone.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// // Behind a proxy on this machine, and nowhere else.
    /// let connector = Hybrid::new().address(([127, 0, 0, 1], 3010));
    /// ```
    #[doc(alias = "distinctHost")]
    #[must_use]
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        let address = address.into();
        (self.options.host, self.options.port) = (Some(address.ip()), Some(address.port()));
        self
    }

    /// Asks clients to say this often that they are there. Off by default, as in pomelo.
    ///
    /// Take whole seconds: not all clients expect a fraction. Each heartbeat is answered at once; one that doesn't
    /// come for [`timeout`](Self::timeout) ends the connection.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// # use std::time::Duration;
    /// let connector = Hybrid::new().heartbeat(Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.options.heartbeat = Some(interval);
        self
    }

    /// How long a client may send no heartbeat before it is dropped. Twice the heartbeat by default, as in pomelo: one
    /// may be late. Without [`heartbeat`](Self::heartbeat) it means nothing.
    ///
    /// It counts from the end of the handshake. Messages don't count, and neither does time in which the server
    /// doesn't read because the client has too many requests open. A client is dropped up to an eighth of a heartbeat
    /// late.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// # use std::time::Duration;
    /// // Mobile clients that sleep for a while: three heartbeats may be missing.
    /// let connector = Hybrid::new().heartbeat(Duration::from_secs(30)).timeout(Duration::from_secs(120));
    /// ```
    #[doc(alias = "disconnectOnTimeout")]
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// How long nothing may be read from a client or written to it where there is no
    /// [`heartbeat`](Self::heartbeat); `None` is for ever. 90 s by default, as pomelo's sockets have it.
    ///
    /// A client is dropped up to half a second late.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// # use std::time::Duration;
    /// let gate = Hybrid::new().idle_timeout(Duration::from_secs(10));
    /// let patient = Hybrid::new().idle_timeout(None);
    /// ```
    #[must_use]
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.options.idle_timeout = limit.into();
        self
    }

    /// Sends routes as numbers: those of all handlers, and those of dictionary.json.
    ///
    /// All types of servers count, those included that run in other programs: their handlers are what
    /// `servers!` lists. So every frontend gives the same dictionary, and clients that remember it by its
    /// version aren't sent it again.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// let connector = Hybrid::new().use_dict();
    /// ```
    #[doc(alias = "useDict")]
    #[must_use]
    pub fn use_dict(mut self) -> Self {
        self.options.use_dict = true;
        self
    }

    /// Sends and reads bodies as pomelo-protobuf where serverProtos.json or clientProtos.json has the route.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// // serverProtos.json: { "onMove": { "required uInt32 x": 1, "required uInt32 y": 2 } }
    /// let connector = Hybrid::new().use_protobuf();
    /// ```
    #[doc(alias = "useProtobuf")]
    #[must_use]
    pub fn use_protobuf(mut self) -> Self {
        self.options.use_protobuf = true;
        self
    }

    /// Writes strings in protobuf for pomelo's client for browsers as that client reads them: bytes as units of UTF-16, so that emoji
    /// and other characters beyond U+FFFF arrive as themselves. Off by default.
    ///
    /// It is for websocket clients that say that they are such a client, by the type `js-websocket` or `ws` in their handshake; all
    /// others get UTF-8. Take it if your players have pomelo's client for browsers, or one that was made from it, and no client of
    /// that type reads strings as UTF-8, such as by `TextDecoder`: there each emoji would become six U+FFFD. (JSON has them as
    /// `\ud83d\ude00`, which all read, and what these clients send is always understood.) A message without such characters is
    /// not copied.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// let connector = Hybrid::new().use_protobuf().use_code_units();
    /// ```
    #[must_use]
    pub fn use_code_units(mut self) -> Self {
        self.options.use_code_units = true;
        self
    }

    /// Compresses what is sent to websocket clients that offer permessage-deflate, as browsers do. Off by default.
    ///
    /// It saves bandwidth and costs CPU time: a push is compressed once for all who get it, a response by itself. What
    /// is shorter than 256 bytes goes as it is, and so does the answer to the handshake: strangers shall not cost us a
    /// compression. Neither side remembers earlier messages, so that a connection needs no memory for it. What a
    /// client compresses may be as long as [`max_package`](Self::max_package) once it is inflated.
    ///
    /// Where TLS hides the content, compression tells of it by its length: don't put secrets into messages along with
    /// text that others choose.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// // Needs the feature `deflate` of `pomelo-rs`.
    /// # #[cfg(any())]
    /// let connector = Hybrid::new().use_deflate();
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn use_deflate(mut self) -> Self {
        self.options.use_deflate = true;
        self
    }

    /// Asks `hook` about every client; what it returns is the `user` of the answer. Of `null` there is no `user`.
    ///
    /// It gets what the client says of itself, and of a websocket the path, the query and the header fields: see [`Greeting`].
    /// An error refuses the client with code 500. The hook runs within
    /// [`handshake_deadline`](Self::handshake_deadline), and the client isn't read meanwhile.
    ///
    /// ```
    /// use pomelo::{Error, Hybrid};
    /// use serde_json::json;
    ///
    /// let connector = Hybrid::new().handshake(|greeting| async move {
    ///     match greeting.user["token"].as_str() {
    ///         Some("secret") => Ok(json!({ "motd": "welcome back" })),
    ///         _ => Err(Error::new(401, "no token")),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn handshake<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Greeting) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value>> + Send + 'static,
    {
        self.options.handshake = Some(Arc::new(move |greeting| Box::pin(hook(greeting))));
        self
    }

    /// Serves only clients whose type and version `check` takes; others are refused with code 501. What a client
    /// doesn't say is the empty text.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// // Clients of before are told 501, which published ones show as "client version not fulfill".
    /// let connector = Hybrid::new().check_client(|kind, version| kind != "js-websocket" || version >= "0.0.1");
    /// ```
    #[doc(alias = "checkClient")]
    #[must_use]
    pub fn check_client(mut self, check: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        self.options.check_client = Some(Arc::new(check));
        self
    }

    /// Lets in browsers only from pages of these sites; other ones get status 403, which is said in the log, once a second at most.
    ///
    /// A browser connects to any address that a page asks for, with the cookies that it has for it. So where cookies say who a
    /// user is, a page of another site could act for the user, unless its origin is checked. Off by default, as in pomelo: with
    /// tokens in messages there is nothing to take.
    ///
    /// An origin is the scheme, the host and the port of the page, as in its address. Clients that are no browsers don't send one
    /// and are let in, and so are those over raw tcp. With an empty list no browser is let in. A wrong entry, such as one with a path, fails the start.
    ///
    /// ```no_run
    /// # use pomelo::Hybrid;
    /// let connector = Hybrid::new().allowed_origins(["https://game.example.com", "http://localhost:3001"]);
    /// ```
    #[must_use]
    pub fn allowed_origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        self.options.allowed_origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// The longest HTTP request that a websocket may be asked for by, in bytes; for a longer one the answer is status 431, which is
    /// said in the log, once a second at most.
    ///
    /// 16 KiB by default: browsers send the cookies of the site along, of which each may have 4 KB. A stranger can make the server
    /// hold no more.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// // No cookies are expected.
    /// let connector = Hybrid::new().max_upgrade(4096);
    /// ```
    #[must_use]
    pub fn max_upgrade(mut self, bytes: usize) -> Self {
        self.options.max_upgrade = bytes;
        self
    }

    /// How many header fields such a request may have, as [`max_upgrade`](Self::max_upgrade).
    ///
    /// 128 by default: browsers send about fifteen, and proxies on the way add some.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// let connector = Hybrid::new().max_upgrade_fields(40);
    /// ```
    #[must_use]
    pub fn max_upgrade_fields(mut self, count: usize) -> Self {
        self.options.max_upgrade_fields = count;
        self
    }

    /// Whether small frames leave at once (`TCP_NODELAY`). True by default: what belongs together is written together
    /// anyway, and waiting for more costs up to 40 ms.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// let connector = Hybrid::new().no_delay(false);
    /// ```
    #[doc(alias = "setNoDelay")]
    #[must_use]
    pub fn no_delay(mut self, on: bool) -> Self {
        self.options.no_delay = on;
        self
    }

    /// The longest package that a client may send, in bytes; a longer one ends the connection with a kick.
    ///
    /// 1 MiB by default: far above what games and chats send, and a client can make the server hold no more. Until the
    /// handshake is done it is at most 64 KiB, since strangers have nothing long to say. Pomelo has no limit.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// // Chat lines, and nothing that is long.
    /// let connector = Hybrid::new().max_package(16 * 1024);
    /// ```
    #[must_use]
    pub fn max_package(mut self, bytes: usize) -> Self {
        self.options.max_package = bytes;
        self
    }

    /// How long a connection may take from its beginning to the client's acknowledgement of the handshake, websocket
    /// upgrade and [`handshake`](Self::handshake) hook included.
    ///
    /// 10 s by default: several round trips on a bad mobile network, and a connection that never says anything doesn't
    /// stay. Pomelo has no limit.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// # use std::time::Duration;
    /// let connector = Hybrid::new().handshake_deadline(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn handshake_deadline(mut self, limit: Duration) -> Self {
        self.options.handshake_deadline = limit;
        self
    }

    /// How many connections this connector has at most; more are closed as they come, and counted.
    ///
    /// By default `max-connections` of the server's entry in servers.json; without that no limit but the system's.
    ///
    /// In pomelo refused connections are counted and never taken off again, so that a server that was full
    /// once takes nobody any more.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// let connector = Hybrid::new().max_connections(20_000);
    /// ```
    #[doc(alias = "maxConnections")]
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> Self {
        self.options.max_connections = Some(count);
        self
    }

    /// How many connections one address may have; more are closed as they come, and counted
    /// ([`TooManyFromAddress`](pomelo_core::metrics::Dropped::TooManyFromAddress)). Of IPv6 all addresses of a network (/64)
    /// count as one.
    ///
    /// Off by default: behind one address may be a school, a mobile provider's translation, or a proxy of your own that
    /// brings all clients.
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// let connector = Hybrid::new().max_connections_per_address(50);
    /// ```
    #[must_use]
    pub fn max_connections_per_address(mut self, count: usize) -> Self {
        self.options.max_connections_per_address = Some(count);
        self
    }

    /// How many bytes may wait for a client that doesn't read. If more do, and its socket has taken nothing for a second, it
    /// is kicked, which is counted ([`TooSlow`](pomelo_core::metrics::Dropped::TooSlow)), and a second later cut off.
    ///
    /// A client that reads, however slowly, is never kicked for what it is sent. It may be behind by 16 times as much; what
    /// is pushed to it then is dropped and counted ([`Overflow`](pomelo_core::metrics::Dropped::Overflow)), a request gets an
    /// error in place of its response, and no further one is read until it has caught up. What by itself is longer than that
    /// can't be sent at all ([`TooLong`](pomelo_core::metrics::Dropped::TooLong)).
    ///
    /// 1 MiB by default: some seconds of a busy game. Each frame counts as long as it is, and the places of the queue 32
    /// bytes each. What is pushed to many is held once for all of them, so it is mostly these places that slow clients cost.
    /// All clients that don't read together have a bound, too: [`Limits::outboxes`](pomelo_core::value::Limits::outboxes).
    ///
    /// ```
    /// # use pomelo::Hybrid;
    /// // Positions in a battle: what is a second old is of no use.
    /// let connector = Hybrid::new().outbox_limit(64 * 1024);
    /// ```
    #[must_use]
    pub fn outbox_limit(mut self, bytes: usize) -> Self {
        self.options.outbox_limit = bytes;
        self
    }

    /// What takes clients in as this connector does, for a connector that listens on something else than a tcp port, such as TLS: it
    /// gives its [`Listener`](super::Listener) to [`Acceptor::listen`]. Where this one would listen, and
    /// [`no_delay`](Self::no_delay), are of no use then.
    ///
    /// # Errors
    /// What is wrong with the options, or with the files that they ask for; the server is named.
    pub fn acceptor(&self, frontend: Arc<Frontend>) -> Result<Acceptor<Pomelo>> {
        let id = frontend.server().id.clone();
        self.build(frontend).map_err(|error| Error::of(ErrorKind::Config, error).context(id))
    }

    /// Checks the options, and makes what all connections have in common.
    fn build(&self, frontend: Arc<Frontend>) -> Result<Acceptor<Pomelo>, OptionError> {
        let options = &self.options;
        options.check()?;
        let limits = options.limits(frontend.server())?;
        let settings = options.settings(frontend.routes(), frontend.config())?;
        let handshake = settings.handshake.options();
        let formats = Formats::add(&frontend, handshake, options).map_err(OptionError::Formats)?;
        let shared = PomeloShared {
            frontend: frontend.clone(),
            settings: Arc::new(settings),
            timeout: options.silence(),
            check_client: options.check_client.clone(),
            handshake: options.handshake.clone(),
            formats,
        };
        Ok(Acceptor::new(frontend, limits, shared))
    }
}

impl Connector for Hybrid {
    fn encoding(&self) -> Encoding {
        self.options.encoding()
    }

    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        Box::pin(async move {
            let acceptor = self.acceptor(frontend.clone())?;
            if let Some(ports) = frontend.context().state::<MemoryPorts>() {
                let port = ports.listen(frontend.server(), &self.options)?;
                let address = port.address();
                return Ok(acceptor.listen(port, address, "tcp+ws"));
            }
            let port = listen(frontend.server(), &self.options).await?;
            let address = port.local_addr()?;
            Ok(acceptor.listen(port, address, "tcp+ws"))
        })
    }
}

impl std::fmt::Debug for Hybrid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Options { host, port, heartbeat, use_dict, use_protobuf, .. } = &self.options;
        f.debug_struct("Hybrid")
            .field("host", host)
            .field("port", port)
            .field("heartbeat", heartbeat)
            .field("use_dict", use_dict)
            .field("use_protobuf", use_protobuf)
            .finish_non_exhaustive()
    }
}
