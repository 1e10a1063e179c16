//! Requests that are not let in, and how they are answered.
//!
//! Each is one fixed text, made without looking at the request: a stranger can make the server write no more
//! than that.

use bytes::Bytes;

/// An answer that is no upgrade.
pub(super) struct Refusal {
    /// The number of the answer.
    pub(super) status: u16,
    /// What it is called.
    reason: &'static str,
    /// Header fields of this answer, each with its line's end.
    fields: &'static str,
    /// For the client.
    pub(super) body: &'static str,
}

pub(super) const BAD_REQUEST: Refusal =
    Refusal { status: 400, reason: "Bad Request", fields: "", body: "not a websocket handshake\n" };
pub(super) const FORBIDDEN: Refusal =
    Refusal { status: 403, reason: "Forbidden", fields: "", body: "pages of this site are not let in\n" };
pub(super) const NOT_GET: Refusal = Refusal {
    status: 405,
    reason: "Method Not Allowed",
    fields: "Allow: GET\r\n",
    body: "this port speaks websocket\n",
};
pub(super) const NO_UPGRADE: Refusal = Refusal {
    status: 426,
    reason: "Upgrade Required",
    fields: "Upgrade: websocket\r\n",
    body: "this port speaks websocket\n",
};
pub(super) const OTHER_VERSION: Refusal = Refusal {
    status: 426,
    reason: "Upgrade Required",
    fields: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    body: "this port speaks websocket version 13\n",
};
pub(super) const TOO_LARGE: Refusal = Refusal {
    status: 431,
    reason: "Request Header Fields Too Large",
    fields: "",
    body: "the request is too large\n",
};

impl Refusal {
    pub(super) fn response(&self) -> Bytes {
        let Self { status, reason, fields, body } = self;
        // "Connection: close" names Upgrade as well where RFC 9110 (15.5.22) wants an Upgrade field.
        let connection = if *status == 426 { "Upgrade, close" } else { "close" };
        Bytes::from(format!(
            "HTTP/1.1 {status} {reason}\r\nConnection: {connection}\r\n{fields}\
             Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }
}
