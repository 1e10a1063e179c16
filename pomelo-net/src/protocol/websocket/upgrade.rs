//! The HTTP request that becomes a websocket.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use httparse::{Request, Status};

/// The longest head of a request that is read, in bytes: browsers send cookies along, about 1 KiB is usual.
pub const MAX_HEAD: usize = 8 * 1024;
/// The most header fields that are read; browsers send about fifteen.
const MAX_FIELDS: usize = 64;
/// What RFC 6455 (1.3) appends to the client's key.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The answer to a request, to be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// The connection is a websocket from here on.
    Accepted {
        /// `101 Switching Protocols`.
        response: Bytes,
        /// Whether permessage-deflate was agreed on.
        deflate: bool,
    },
    /// It is not; close after sending this.
    Refused {
        /// 400, 405, 426 or 431.
        status: u16,
        /// The whole response.
        response: Bytes,
    },
}

/// Reads the request of one client.
///
/// As in pomelo, path, origin and subprotocol are not looked at; of subprotocols offered, the first is
/// agreed to, since browsers give up when none is.
#[derive(Debug, Default)]
pub struct UpgradeReader {
    searched: usize,
    deflate: bool,
}

impl UpgradeReader {
    /// One that agrees to permessage-deflate where a client offers it.
    #[cfg(feature = "deflate")]
    pub fn deflating() -> Self {
        Self { searched: 0, deflate: true }
    }

    /// Takes the request off `input` and answers it; `None` needs more bytes.
    ///
    /// Every request gets an answer, also one that is no websocket's: pomelo leaves a plain GET hanging.
    /// No more than [`MAX_HEAD`] bytes are waited for.
    pub fn read(&mut self, input: &mut BytesMut) -> Option<Upgrade> {
        let searched_before = self.searched.saturating_sub(3);
        let end = input.get(searched_before..).and_then(end_of_head);
        let Some(end) = end.map(|end| end.saturating_add(searched_before)) else {
            self.searched = input.len();
            return (input.len() >= MAX_HEAD).then(|| refuse(&TOO_LARGE));
        };
        if end > MAX_HEAD {
            return Some(refuse(&TOO_LARGE));
        }
        let answer = answer(input.get(..end).unwrap_or_default(), self.deflate);
        input.advance(end);
        Some(answer)
    }
}

/// Where the empty line after the fields ends; lines may end without a carriage return.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let ends_at = |(at, window): (usize, &[u8])| match window {
        [b'\n', b'\n', _] => at.checked_add(2),
        [b'\n', b'\r', b'\n'] => at.checked_add(3),
        _ => None,
    };
    let last_two = bytes.len().checked_sub(2).filter(|_| bytes.ends_with(b"\n\n"));
    let found = bytes.windows(3).enumerate().find_map(ends_at);
    found.or_else(|| last_two?.checked_add(2))
}

fn answer(head: &[u8], deflate: bool) -> Upgrade {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = Request::new(&mut fields);
    match request.parse(head) {
        Ok(Status::Complete(_)) => check(&request, deflate).unwrap_or_else(refuse),
        Err(httparse::Error::TooManyHeaders) => refuse(&TOO_LARGE),
        Ok(Status::Partial) | Err(_) => refuse(&BAD_REQUEST),
    }
}

fn check(request: &Request<'_, '_>, deflate: bool) -> Result<Upgrade, &'static Refusal> {
    if request.method != Some("GET") {
        return Err(&NOT_GET);
    }
    if request.version != Some(1) {
        return Err(&BAD_REQUEST);
    }
    if !lists(request, "Upgrade", "websocket") || !lists(request, "Connection", "upgrade") {
        return Err(&NO_UPGRADE);
    }
    if field(request, "Sec-WebSocket-Version") != Some("13") {
        return Err(&OTHER_VERSION);
    }
    let key = field(request, "Sec-WebSocket-Key").ok_or(&BAD_REQUEST)?;
    match BASE64_STANDARD.decode(key) {
        Ok(nonce) if nonce.len() == 16 => {
            let extension = deflate.then(|| extension(request)).flatten();
            Ok(accept(key, field(request, "Sec-WebSocket-Protocol"), extension))
        }
        _ => Err(&BAD_REQUEST),
    }
}

/// What a client's offer of permessage-deflate is answered.
fn extension(request: &Request<'_, '_>) -> Option<&'static str> {
    #[cfg(feature = "deflate")]
    {
        let mut offers = fields(request, "Sec-WebSocket-Extensions");
        offers.any(super::deflate::is_acceptable).then_some(super::deflate::ANSWER)
    }
    #[cfg(not(feature = "deflate"))]
    {
        let _ = request;
        None
    }
}

fn accept(key: &str, offered: Option<&str>, extension: Option<&str>) -> Upgrade {
    let sum = sha1_smol::Sha1::from([key, ACCEPT_SUFFIX].concat()).digest().bytes();
    let protocol = offered.and_then(|offered| offered.split(',').next()).map(str::trim);
    let protocol = protocol.filter(|name| !name.is_empty());
    let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    let deflate = extension.is_some();
    let extension =
        extension.map(|answer| format!("Sec-WebSocket-Extensions: {answer}\r\n")).unwrap_or_default();
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{protocol}{extension}\r\n",
        BASE64_STANDARD.encode(sum)
    );
    Upgrade::Accepted { response: Bytes::from(response), deflate }
}

/// The value of a field, if it is text.
fn field<'a>(request: &Request<'_, 'a>, name: &str) -> Option<&'a str> {
    let field = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    str::from_utf8(field.value).ok().map(str::trim)
}

/// The values of all fields of this name that are text.
fn fields<'a>(request: &Request<'_, 'a>, name: &str) -> impl Iterator<Item = &'a str> {
    let named = request.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    named.filter_map(|field| str::from_utf8(field.value).ok())
}

/// Whether one of the fields of this name lists this word.
fn lists(request: &Request<'_, '_>, name: &str, word: &str) -> bool {
    let mut words = fields(request, name).flat_map(|value| value.split(','));
    words.any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

struct Refusal {
    status: u16,
    reason: &'static str,
    fields: &'static str,
    body: &'static str,
}

const BAD_REQUEST: Refusal =
    Refusal { status: 400, reason: "Bad Request", fields: "", body: "not a websocket handshake\n" };
const NOT_GET: Refusal = Refusal {
    status: 405,
    reason: "Method Not Allowed",
    fields: "Allow: GET\r\n",
    body: "this port speaks websocket\n",
};
const NO_UPGRADE: Refusal = Refusal {
    status: 426,
    reason: "Upgrade Required",
    fields: "Upgrade: websocket\r\n",
    body: "this port speaks websocket\n",
};
const OTHER_VERSION: Refusal = Refusal {
    status: 426,
    reason: "Upgrade Required",
    fields: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    body: "this port speaks websocket version 13\n",
};
const TOO_LARGE: Refusal = Refusal {
    status: 431,
    reason: "Request Header Fields Too Large",
    fields: "",
    body: "the request is too large\n",
};

fn refuse(refusal: &Refusal) -> Upgrade {
    let Refusal { status, reason, fields, body } = refusal;
    // "Connection: close" names Upgrade as well where RFC 9110 (15.5.22) wants an Upgrade field.
    let connection = if *status == 426 { "Upgrade, close" } else { "close" };
    let response = format!(
        "HTTP/1.1 {status} {reason}\r\nConnection: {connection}\r\n{fields}\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Upgrade::Refused { status: *status, response: Bytes::from(response) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /any HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Version: 13\r\n\r\n";

    fn answer_to(request: &str) -> (u16, String) {
        let answer = UpgradeReader::default().read(&mut BytesMut::from(request)).unwrap();
        let (status, response) = match answer {
            Upgrade::Accepted { response, .. } => (101, response),
            Upgrade::Refused { status, response } => (status, response),
        };
        let text = String::from_utf8(response.to_vec()).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")));
        (status, text)
    }

    #[test]
    fn answers_the_key_of_the_rfc() {
        let (status, text) = answer_to(REQUEST);
        assert_eq!(status, 101);
        assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert!(!text.contains("Extensions"));
        assert!(text.ends_with("\r\n\r\n"));
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn agrees_to_deflate_only_where_it_is_switched_on_and_offered() {
        let agreed = |request: &str| {
            let mut reader = UpgradeReader::deflating();
            let Some(Upgrade::Accepted { response, deflate }) = reader.read(&mut BytesMut::from(request))
            else {
                panic!("no upgrade")
            };
            let text = String::from_utf8(response.to_vec()).unwrap();
            assert!(text.ends_with("\r\n\r\n"));
            assert_eq!(deflate, text.contains(
                "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
            ));
            deflate
        };
        assert!(agreed(REQUEST));
        assert!(!agreed(&REQUEST.replace("permessage-deflate", "other")));
        assert!(!agreed(
            &REQUEST.replace("permessage-deflate", "permessage-deflate; server_max_window_bits=9")
        ));
        let second = "Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: permessage-deflate";
        assert!(agreed(&REQUEST.replace("Sec-WebSocket-Extensions: permessage-deflate", second)));
    }

    #[test]
    fn agrees_to_the_first_subprotocol() {
        let (_, text) = answer_to(&REQUEST.replace("Host: x", "Sec-WebSocket-Protocol: a, b"));
        assert!(text.contains("\r\nSec-WebSocket-Protocol: a\r\n"));
    }

    #[test]
    fn waits_for_the_end_of_the_head_however_it_arrives() {
        let mut reader = UpgradeReader::default();
        let mut input = BytesMut::new();
        for byte in REQUEST.bytes() {
            assert_eq!(reader.read(&mut input), None);
            input.extend_from_slice(&[byte]);
        }
        input.extend_from_slice(b"\x82");
        assert!(matches!(reader.read(&mut input), Some(Upgrade::Accepted { .. })));
        assert_eq!(&input[..], b"\x82");
    }

    #[test]
    fn every_other_request_is_answered() {
        let cases = [
            (REQUEST.replace("GET", "POST"), 405),
            (REQUEST.replace("Upgrade: WebSocket\r\n", ""), 426),
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), 426),
            ("GET / HTTP/1.1\n\n".to_owned(), 426),
            (REQUEST.replace("Version: 13", "Version: 8"), 426),
            (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), 400),
            (REQUEST.replace("dGhl", ""), 400),
            (REQUEST.replace("Sec-WebSocket-Key", "Other"), 400),
            (REQUEST.replace("Host: x", "no field"), 400),
            (REQUEST.replace("Host: x", "A: b\r\n".repeat(70).trim_end()), 431),
            (REQUEST.replace("Host: x", &format!("Host: {}", "x".repeat(MAX_HEAD))), 431),
            ("GET /".to_owned() + &"x".repeat(MAX_HEAD), 431),
        ];
        for (request, status) in cases {
            assert_eq!(answer_to(&request).0, status, "{request}");
        }
    }
}
