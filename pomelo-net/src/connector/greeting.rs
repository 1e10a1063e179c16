//! What the application learns of a client before it lets it in.

use std::net::SocketAddr;

use serde_json::Value;

use crate::protocol::handshake::HandshakeRequest;

/// A client's handshake, as the hook of [`Hybrid::handshake`](super::Hybrid::handshake) gets it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Greeting {
    /// What the client library says of itself: its type, its version, which dictionary and protos it has.
    pub sys: ClientInfo,
    /// Whatever the application's client adds, such as a token; null if nothing.
    pub user: Value,
    /// Where the client connects from; behind a proxy, the proxy.
    pub peer: SocketAddr,
}

/// What a client library says of itself in its handshake.
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
    pub rsa: Option<Value>,
}

impl Greeting {
    pub(super) fn new(request: HandshakeRequest, peer: SocketAddr) -> Self {
        let HandshakeRequest { client_type, client_version, proto_version, dict_version, rsa, user } =
            request;
        let sys = ClientInfo { client_type, version: client_version, dict_version, proto_version, rsa };
        Self { sys, user, peer }
    }
}
