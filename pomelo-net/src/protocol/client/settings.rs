//! Settings of a client: what it says of itself, and how much it takes.

use serde_json::{Map, Value};

use crate::protocol::package::MAX_BODY;

/// The default for [`Settings::client_type`].
const CLIENT_TYPE: &str = "rust";

/// What a client says of itself in its handshake, and how much of a server it reads.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// `sys.type`: what the client is. A server may refuse types that it doesn't know; `js-websocket` and `ws` get texts in a
    /// form that only these clients need.
    pub client_type: String,
    /// `sys.version`: the version of the client. A server may refuse old ones.
    pub client_version: String,
    /// `user`: whatever the application's handshake hook wants to know, such as a token.
    pub user: Value,
    /// The longest package body that the server may send, in bytes. The default is the longest that a package can announce, as
    /// no published client has a limit and no server splits what it sends.
    pub max_package: usize,
}

impl Settings {
    /// Those of a client of type `rust` that has nothing to say.
    pub fn new() -> Self {
        Self {
            client_type: CLIENT_TYPE.to_owned(),
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
            user: Value::Object(Map::new()),
            max_package: MAX_BODY,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
