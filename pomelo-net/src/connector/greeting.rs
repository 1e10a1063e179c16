//! Greetings: what the application learns of a client before it lets it in.

use std::net::SocketAddr;

use serde_json::Value;

use crate::protocol::handshake::HandshakeRequest;
use crate::protocol::websocket::{Headers, Query, UpgradeRequest};

/// A client's handshake, as the hook of [`Hybrid::handshake`](super::Hybrid::handshake) gets it.
///
/// Over websocket it has the HTTP request, too, no longer than [`max_upgrade`](super::Hybrid::max_upgrade);
/// over raw tcp there is none, and `path`, `query` and `headers` are empty.
///
/// ```
/// use pomelo::net::connector::Greeting;
/// use pomelo::{Error, Hybrid, Result};
/// use serde_json::{Value, json};
///
/// # async fn user_of(token: &str) -> Option<String> { Some(token.to_owned()) }
/// async fn hook(greeting: Greeting) -> Result<Value> {
///     // By `new WebSocket("wss://game.example.com/play?token=abc")`, or by a cookie of the page.
///     let token = greeting.query.get("token");
///     let behind_proxy = greeting.headers.get("X-Forwarded-For");
///     println!("{} from {:?} or {}", greeting.path, behind_proxy, greeting.peer);
///     match user_of(&token.unwrap_or_default()).await {
///         Some(user) => Ok(json!({ "name": user })),
///         None => Err(Error::new(401, "log in first")),
///     }
/// }
/// let connector = Hybrid::new().handshake(hook);
/// ```
///
/// There is no session yet: what the hook learns of a client, the client sends again with its first message,
/// or gets a token for it in the answer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Greeting {
    /// What the client library says of itself: its type, its version, which dictionary and protos it has.
    pub sys: ClientInfo,
    /// Whatever the application's client adds, such as a token; null if nothing.
    pub user: Value,
    /// Where the client connects from; behind a proxy, the proxy.
    pub peer: SocketAddr,
    /// The path of the websocket's address, such as `/play`.
    pub path: String,
    /// The query of the websocket's address: `greeting.query.get("token")`.
    pub query: Query,
    /// The header fields of the upgrade, cookies among them: `greeting.headers.get("Cookie")`.
    pub headers: Headers,
}

/// What a client library says of itself in its handshake.
///
/// None of it can be trusted: it is for telling libraries apart.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ClientInfo {
    /// What the client is, such as `js-websocket`.
    pub client_type: Option<String>,
    /// The version of the client library.
    pub version: Option<String>,
    /// The version of the dictionary that it remembers.
    pub dict_version: Option<String>,
    /// The version of the protos that it remembers.
    pub proto_version: Option<String>,
    /// Its public key, if it signs its messages.
    ///
    /// Nothing here checks signatures; see [`Hybrid`](super::Hybrid).
    #[doc(alias = "useCrypto")]
    pub rsa: Option<Value>,
}

impl Greeting {
    pub(super) fn new(request: HandshakeRequest, peer: SocketAddr, upgrade: UpgradeRequest) -> Self {
        let HandshakeRequest { client_type, client_version, proto_version, dict_version, rsa, user } =
            request;
        let sys = ClientInfo { client_type, version: client_version, dict_version, proto_version, rsa };
        let UpgradeRequest { path, query, headers } = upgrade;
        Self { sys, user, peer, path, query, headers }
    }
}
