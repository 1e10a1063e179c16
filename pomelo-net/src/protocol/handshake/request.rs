//! The handshake request: a client's first package.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::protocol::text;

/// Why a client's handshake can't be read; it is told `{"code":500}` and closed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The body is empty or no JSON.
    #[error("the handshake is not JSON: {0}")]
    NotJson(#[from] pomelo_json::Error),
    /// There is no object `sys`.
    #[error("the handshake has no object named sys")]
    NoSys,
}

/// A client's handshake, `{sys:{type,version,rsa?,protoVersion?,dictVersion?},user?}`.
///
/// ```
/// use pomelo_net::protocol::handshake::HandshakeRequest;
///
/// let client = HandshakeRequest::parse(br#"{"sys":{"type":"unity","version":1.2},"user":{"token":"t"}}"#)?;
/// assert_eq!((client.client_type.as_deref(), client.client_version.as_deref()), (Some("unity"), Some("1.2")));
/// assert_eq!(client.user["token"], "t");
/// # Ok::<(), pomelo_net::protocol::handshake::HandshakeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct HandshakeRequest {
    /// What the client is, such as `js-websocket`; a number is taken as its text.
    pub client_type: Option<String>,
    /// The version of the client library.
    pub client_version: Option<String>,
    /// The version of the protos it has. Pomelo's browser client sends the number 0 at first: none.
    pub proto_version: Option<String>,
    /// The version of the dictionary it has; pomelo's browser client never sends one.
    pub dict_version: Option<String>,
    /// Its public key, if it signs its messages: `{rsa_n, rsa_e}`; `{}` from a client that does not.
    pub rsa: Option<Value>,
    /// Whatever the application's client adds; null if nothing.
    pub user: Value,
}

impl HandshakeRequest {
    /// Reads the body of a client's first package, JSON as [`pomelo_json`] takes it: half an emoji is U+FFFD.
    ///
    /// # Errors
    /// [`HandshakeError`]; also for `null`, `[]` and a `sys` that is no object.
    pub fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let body = text::decode(body);
        let plain = pomelo_json::from_plain(body.as_bytes());
        let mut request: Value = plain.or_else(|_| pomelo_json::from_str(&body))?;
        let Some(Value::Object(sys)) = request.get_mut("sys").map(Value::take) else {
            return Err(HandshakeError::NoSys);
        };
        let user = request.get_mut("user").map(Value::take).unwrap_or_default();
        Ok(Self {
            client_type: word(&sys, "type"),
            client_version: word(&sys, "version"),
            proto_version: version(&sys, "protoVersion"),
            dict_version: version(&sys, "dictVersion"),
            rsa: sys.get("rsa").cloned(),
            user,
        })
    }

    /// Whether the client garbles characters beyond U+FFFF unless JSON has them as `\ud83d\ude00`, which every client reads.
    pub fn reads_code_units(&self) -> bool {
        self.client_type.as_deref().is_some_and(|client| CODE_UNIT_CLIENTS.contains(&client))
    }
}

/// Clients that read bytes as units of UTF-16, three bytes at most, and garble what lies beyond U+FFFF: pomelo's browser client, which
/// nearly all others for JavaScript are made from, and pinus'.
const CODE_UNIT_CLIENTS: [&str; 2] = ["js-websocket", "ws"];

fn word(sys: &Map<String, Value>, key: &str) -> Option<String> {
    match sys.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(pomelo_json::text_of(number)),
        _ => None,
    }
}

fn version(sys: &Map<String, Value>, key: &str) -> Option<String> {
    sys.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_the_browser_client_sends() {
        let body =
            br#"{"sys":{"type":"js-websocket","version":"0.0.1","rsa":{},"protoVersion":0},"user":{"t":1}}"#;
        let request = HandshakeRequest::parse(body).unwrap();
        assert_eq!(request.client_type.as_deref(), Some("js-websocket"));
        assert_eq!((request.proto_version, request.dict_version), (None, None));
        assert_eq!((request.rsa, request.user), (Some(json!({})), json!({ "t": 1 })));
    }

    #[test]
    fn refuses_a_handshake_without_sys() {
        for body in ["{}", "null", "[]", "7", r#"{"sys":null}"#, r#"{"sys":"x"}"#] {
            assert!(matches!(HandshakeRequest::parse(body.as_bytes()), Err(HandshakeError::NoSys)), "{body}");
        }
        for body in ["", "hello", "{"] {
            let refused = HandshakeRequest::parse(body.as_bytes());
            assert!(matches!(refused, Err(HandshakeError::NotJson(_))), "{body}");
        }
    }

    #[test]
    fn takes_what_javascript_takes() {
        let body =
            br#"{"sys":{"type":"a\ud83d","version":1.0,"x":1e400},"user":{"\ude00":"b\ud83d","n":5.0}}"#;
        let request = HandshakeRequest::parse(body).unwrap();
        assert_eq!(request.client_type.as_deref(), Some("a\u{fffd}"));
        assert_eq!(request.client_version.as_deref(), Some("1"));
        assert_eq!(request.user, json!({ "\u{fffd}": "b\u{fffd}", "n": 5 }));
        let plain = HandshakeRequest::parse(br#"{"sys":{},"user":{"n":5.0}}"#).unwrap();
        assert_eq!(plain.user["n"].as_i64(), Some(5));
        let deep = format!(r#"{{"sys":{{}},"user":{}{}}}"#, "[".repeat(300), "]".repeat(300));
        assert!(HandshakeRequest::parse(deep.as_bytes()).is_ok());
    }

    #[test]
    fn knows_who_garbles_emoji() {
        let reads_code_units = |client: &str| {
            let body = json!({ "sys": { "type": client } }).to_string();
            HandshakeRequest::parse(body.as_bytes()).unwrap().reads_code_units()
        };
        assert!(reads_code_units("js-websocket") && reads_code_units("ws"));
        assert!(!reads_code_units("unity-socket") && !reads_code_units(""));
    }

    #[test]
    fn a_deep_handshake_is_refused_and_not_followed() {
        let body = "[".repeat(100_000);
        assert!(matches!(HandshakeRequest::parse(body.as_bytes()), Err(HandshakeError::NotJson(_))));
    }
}
