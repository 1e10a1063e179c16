//! The HTTP request that becomes a websocket.
//!
//! What comes is untrusted and may be large, slow or a page's request from elsewhere: so it is read up to a
//! limit, checked whole, and answered with a status that says what is wrong.
//!
//! | request | status |
//! |---|---|
//! | a websocket's, version 13 | 101 |
//! | broken, HTTP/1.0, or with a field twice that is there once | 400 |
//! | of a page whose site isn't allowed | 403 |
//! | any method but GET | 405 |
//! | no upgrade, or another version | 426 |
//! | longer, or with more fields, than is read | 431 |

mod refusal;
mod request;
mod rules;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use httparse::{Request, Status};

use refusal::{BAD_REQUEST, FORBIDDEN, NO_UPGRADE, NOT_GET, OTHER_VERSION, Refusal, TOO_LARGE};
pub use request::{Headers, Query, UpgradeRequest};
pub use rules::{MAX_FIELDS, MAX_HEAD, Origin, OriginError, UpgradeRules};

/// What RFC 6455 (1.3) appends to the client's key.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// So much of an origin is shown to people.
const SHOWN: usize = 100;

/// The answer to a request, to be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// The connection is a websocket from here on.
    Accepted {
        /// `101 Switching Protocols`.
        response: Bytes,
        /// Whether permessage-deflate was agreed on.
        deflate: bool,
        /// What was asked for, if the rules want it kept.
        request: Option<Box<UpgradeRequest>>,
    },
    /// It is not; close after sending this.
    Refused {
        /// 400, 403, 405, 426 or 431.
        status: u16,
        /// The whole response.
        response: Bytes,
        /// What is wrong, for logs.
        why: String,
    },
}

/// Reads the request of one client.
///
/// As in pomelo, path and subprotocol are not looked at, and the origin only where the rules say so; of subprotocols offered, the
/// first is agreed to, since browsers give up when none is.
#[derive(Debug, Default)]
pub struct UpgradeReader {
    /// How far the end of the head was looked for in vain.
    searched: usize,
}

impl UpgradeReader {
    /// Takes the request off `input` and answers it; `None` needs more bytes.
    ///
    /// Every request gets an answer, also one that is no websocket's: pomelo leaves a plain GET hanging.
    /// No more than [`UpgradeRules::max_head`] bytes are waited for.
    pub fn read(&mut self, input: &mut BytesMut, rules: &UpgradeRules) -> Option<Upgrade> {
        let searched_before = self.searched.saturating_sub(3);
        let end = input.get(searched_before..).and_then(end_of_head);
        let end = end.map(|end| end.saturating_add(searched_before));
        let too_long = || refuse(&TOO_LARGE, format!("its head is longer than {} bytes", rules.max_head));
        let Some(end) = end else {
            self.searched = input.len();
            return (input.len() >= rules.max_head).then(too_long);
        };
        if end > rules.max_head {
            return Some(too_long());
        }
        let answer = answer(input.get(..end).unwrap_or_default(), rules);
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

fn answer(head: &[u8], rules: &UpgradeRules) -> Upgrade {
    if has_bare_line_feed(head) {
        // Proxies on the way may take it for something else than we do.
        return refuse(&BAD_REQUEST, "a line of it ends without a carriage return".to_owned());
    }
    let mut fields = vec![httparse::EMPTY_HEADER; rules.max_fields];
    let mut request = Request::new(&mut fields);
    match request.parse(head) {
        Ok(Status::Complete(_)) => match check(&request, rules) {
            Ok(accepted) => accepted,
            Err((refusal, why)) => refuse(refusal, why.unwrap_or_else(|| refusal.body.trim_end().to_owned())),
        },
        Err(httparse::Error::TooManyHeaders) => {
            refuse(&TOO_LARGE, format!("it has more than {} header fields", rules.max_fields))
        }
        Ok(Status::Partial) => refuse(&BAD_REQUEST, "it is cut off".to_owned()),
        Err(error) => refuse(&BAD_REQUEST, error.to_string()),
    }
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    head.first() == Some(&b'\n')
        || head.windows(2).any(|pair| matches!(pair, [first, b'\n'] if *first != b'\r'))
}

/// Accepts a request, or says how it is refused and, if the answer's text isn't enough, why.
fn check(
    request: &Request<'_, '_>,
    rules: &UpgradeRules,
) -> Result<Upgrade, (&'static Refusal, Option<String>)> {
    let refuse = |refusal| Err((refusal, None));
    if request.method != Some("GET") {
        return refuse(&NOT_GET);
    }
    if request.version != Some(1) {
        return refuse(&BAD_REQUEST);
    }
    if !lists(request, "Upgrade", "websocket") || !lists(request, "Connection", "upgrade") {
        return refuse(&NO_UPGRADE);
    }
    if let Some(twice) = SINGLE.iter().find(|name| named(request, name).count() > 1) {
        return Err((&BAD_REQUEST, Some(format!("it has more than one {twice}"))));
    }
    if field(request, "Sec-WebSocket-Version") != Some("13") {
        return refuse(&OTHER_VERSION);
    }
    let Some(key) = field(request, "Sec-WebSocket-Key").filter(|key| is_key(key)) else {
        return Err((&BAD_REQUEST, Some("its Sec-WebSocket-Key is none".to_owned())));
    };
    if let Some(origin) = stranger(request, rules) {
        return Err((&FORBIDDEN, Some(format!("its origin {origin:?} is not among those allowed"))));
    }
    let extension = rules.deflates().then(|| extension(request)).flatten();
    let kept = rules.keeps_request.then(|| Box::new(UpgradeRequest::new(request)));
    Ok(accept(key, field(request, "Sec-WebSocket-Protocol"), extension, kept))
}

/// Fields that a request has once (RFC 6455, 11.3; RFC 9112, 3.2).
const SINGLE: [&str; 3] = ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Host"];

/// Whether it is 16 bytes in base64, as a key must be.
fn is_key(key: &str) -> bool {
    BASE64_STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

/// An origin that isn't allowed. Only browsers send one, and they always do.
fn stranger(request: &Request<'_, '_>, rules: &UpgradeRules) -> Option<String> {
    let allowed = rules.origins.as_ref()?;
    let sent = named(request, "Origin").map(|value| String::from_utf8_lossy(value.trim_ascii()));
    let mut strangers = sent.filter(|sent| !allowed.iter().any(|origin| origin.is(sent)));
    strangers.next().map(|origin| origin.chars().take(SHOWN).collect())
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

fn accept(
    key: &str,
    offered: Option<&str>,
    extension: Option<&str>,
    request: Option<Box<UpgradeRequest>>,
) -> Upgrade {
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
    Upgrade::Accepted { response: Bytes::from(response), deflate, request }
}

/// The value of a field, if it is text.
fn field<'a>(request: &Request<'_, 'a>, name: &str) -> Option<&'a str> {
    let field = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    str::from_utf8(field.value).ok().map(str::trim)
}

/// The values of all fields of this name that are text.
fn fields<'a>(request: &Request<'_, 'a>, name: &str) -> impl Iterator<Item = &'a str> {
    named(request, name).filter_map(|value| str::from_utf8(value).ok())
}

/// The values of all fields of this name.
fn named<'a>(request: &Request<'_, 'a>, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let fields = request.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    fields.map(|field| field.value)
}

/// Whether one of the fields of this name lists this word.
fn lists(request: &Request<'_, '_>, name: &str, word: &str) -> bool {
    let mut words = fields(request, name).flat_map(|value| value.split(','));
    words.any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

fn refuse(refusal: &Refusal, why: String) -> Upgrade {
    Upgrade::Refused { status: refusal.status, response: refusal.response(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /any HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Version: 13\r\n\r\n";

    fn answer_to(request: &str) -> (u16, String) {
        let (status, text, _) = answer_by(&UpgradeRules::default(), request);
        (status, text)
    }

    fn answer_by(rules: &UpgradeRules, request: &str) -> (u16, String, String) {
        let answer = UpgradeReader::default().read(&mut BytesMut::from(request), rules).unwrap();
        let (status, response, why) = match answer {
            Upgrade::Accepted { response, .. } => (101, response, String::new()),
            Upgrade::Refused { status, response, why } => (status, response, why),
        };
        let text = String::from_utf8(response.to_vec()).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")));
        (status, text, why)
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
            let rules = UpgradeRules { deflate: true, ..UpgradeRules::default() };
            let mut reader = UpgradeReader::default();
            let Some(Upgrade::Accepted { response, deflate, .. }) =
                reader.read(&mut BytesMut::from(request), &rules)
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
        let (mut reader, rules) = (UpgradeReader::default(), UpgradeRules::default());
        let mut input = BytesMut::new();
        for byte in REQUEST.bytes() {
            assert_eq!(reader.read(&mut input, &rules), None);
            input.extend_from_slice(&[byte]);
        }
        input.extend_from_slice(b"\x82");
        assert!(matches!(reader.read(&mut input, &rules), Some(Upgrade::Accepted { .. })));
        assert_eq!(&input[..], b"\x82");
    }

    #[test]
    fn every_other_request_is_answered() {
        let cases = [
            (REQUEST.replace("GET", "POST"), 405),
            (REQUEST.replace("Upgrade: WebSocket\r\n", ""), 426),
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), 426),
            ("GET / HTTP/1.1\n\n".to_owned(), 400),
            (REQUEST.replace("Host: x\r\n", "Host: x\n"), 400),
            (REQUEST.replace("\r\n", "\n"), 400),
            (REQUEST.replace("Host: x", "Host: x\r\nHost: y"), 400),
            (REQUEST.replace("Host: x", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), 400),
            (REQUEST.replace("Host: x", "Sec-WebSocket-Version: 13"), 400),
            (REQUEST.replace("Version: 13", "Version: 8"), 426),
            (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), 400),
            (REQUEST.replace("dGhl", ""), 400),
            (REQUEST.replace("Sec-WebSocket-Key", "Other"), 400),
            (REQUEST.replace("Host: x", "no field"), 400),
            (REQUEST.replace("Host: x", "A: b\r\n".repeat(MAX_FIELDS).trim_end()), 431),
            (REQUEST.replace("Host: x", &format!("Host: {}", "x".repeat(MAX_HEAD))), 431),
            ("GET /".to_owned() + &"x".repeat(MAX_HEAD), 431),
        ];
        for (request, status) in cases {
            assert_eq!(answer_to(&request).0, status, "{request}");
        }
    }

    #[test]
    fn a_head_with_large_cookies_and_many_fields_is_let_in() {
        let cookie = format!("Cookie: {}", "c".repeat(9_000));
        assert_eq!(answer_to(&REQUEST.replace("Host: x", &cookie)).0, 101);
        assert_eq!(answer_to(&REQUEST.replace("Host: x", "A: b\r\n".repeat(100).trim_end())).0, 101);
    }

    #[test]
    fn a_refusal_says_which_limit_was_passed() {
        let rules = UpgradeRules { max_head: 300, max_fields: 6, ..UpgradeRules::default() };
        assert_eq!(answer_by(&rules, REQUEST).0, 101);
        let (status, _, why) =
            answer_by(&rules, &REQUEST.replace("Host: x", &format!("Host: {}", "x".repeat(300))));
        assert_eq!((status, why.as_str()), (431, "its head is longer than 300 bytes"));
        let (status, _, why) = answer_by(&rules, &REQUEST.replace("Host: x", "A: b\r\nA: b\r\nA: b"));
        assert_eq!((status, why.as_str()), (431, "it has more than 6 header fields"));
        let (status, _, why) = answer_to_any(&REQUEST.replace("Host: x", "Sec-WebSocket-Key: x"));
        assert_eq!((status, why.as_str()), (400, "it has more than one Sec-WebSocket-Key"));
    }

    fn answer_to_any(request: &str) -> (u16, String, String) {
        answer_by(&UpgradeRules::default(), request)
    }

    #[test]
    fn pages_of_other_sites_are_refused_where_origins_are_named() {
        let origins = ["https://game.example.com", "http://localhost:3001"];
        let origins = Some(origins.map(|origin| Origin::parse(origin).unwrap()).to_vec());
        let rules = UpgradeRules { origins, ..UpgradeRules::default() };
        let answer = |fields: &str| {
            let (status, _, why) = answer_by(&rules, &REQUEST.replace("Host: x", fields));
            (status, why)
        };
        for allowed in [
            "Host: x",
            "Origin: https://game.example.com",
            "ORIGIN: https://GAME.example.com:443",
            "Origin: http://localhost:3001",
        ] {
            assert_eq!(answer(allowed).0, 101, "{allowed}");
        }
        for refused in [
            "Origin: https://evil.example",
            "Origin: https://game.example.com.evil.example",
            "Origin: https://game.example.com\r\nOrigin: https://evil.example",
            "Origin: null",
            "Origin:",
        ] {
            assert_eq!(answer(refused).0, 403, "{refused}");
        }
        assert_eq!(
            answer("Origin: https://evil.example").1,
            r#"its origin "https://evil.example" is not among those allowed"#
        );
        assert_eq!(answer_to(&REQUEST.replace("Host: x", "Origin: https://evil.example")).0, 101);
    }

    #[test]
    fn what_was_asked_for_is_kept_only_where_it_is_wanted() {
        let kept = |keeps_request| {
            let rules = UpgradeRules { keeps_request, ..UpgradeRules::default() };
            match UpgradeReader::default().read(&mut BytesMut::from(REQUEST), &rules) {
                Some(Upgrade::Accepted { request, .. }) => request,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(kept(false), None);
        let request = kept(true).unwrap();
        assert_eq!((request.path.as_str(), request.headers.get("host")), ("/any", Some("x")));
    }
}
