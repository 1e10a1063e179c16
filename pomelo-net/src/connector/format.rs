//! Formats: how the connections of a port frame what they are sent.
//!
//! | connections | formats |
//! |---|---|
//! | raw tcp | one |
//! | websocket | one, and one for those that agreed to permessage-deflate |
//! | websocket of clients that read bytes as UTF-16, where asked for | the same two again |
//!
//! Each is one number at its frontend, and one frame of each push. What they share is how a route is written,
//! by code or by name, and how a body is: JSON, or protobuf by the schema of its route.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pomelo_core::frontend::Frontend;
use pomelo_core::value::{Error, ErrorKind, Result};
use pomelo_core::wire::{Body, Encoding, Format, FormatId};

use super::options::Options;
use crate::protocol::connection::Connection;
use crate::protocol::dictionary::Dictionary;
use crate::protocol::handshake::HandshakeOptions;
use crate::protocol::js;
use crate::protocol::message::RouteRef;
use crate::protocol::outgoing::{self, Framing};
use crate::protocol::protobuf::Protos;
#[cfg(feature = "deflate")]
use crate::protocol::websocket::deflate::deflated_frame;
use crate::protocol::websocket::{self, close_code};

/// The pomelo protocol over raw tcp or over websocket, with or without a dictionary.
#[derive(Debug, Clone)]
pub(super) struct PomeloFormat {
    /// Raw tcp or websocket.
    pub(super) framing: Framing,
    /// Routes by code, if it is used.
    pub(super) dictionary: Option<Arc<Dictionary>>,
    /// What bodies are taken in.
    pub(super) encoding: Encoding,
    /// For clients that read bytes as units of UTF-16: JSON has other characters as escapes.
    pub(super) code_units: bool,
    /// For these clients, too: strings in protobuf have other characters as two halves.
    pub(super) protos: Option<Arc<Protos>>,
}

impl PomeloFormat {
    /// What a body is for clients that read code units; none if it is the same.
    fn in_code_units(&self, route: &str, body: &Body) -> Option<Vec<u8>> {
        let written = match body.encoding {
            Encoding::Json => js::escape_astral(&body.bytes),
            Encoding::Protobuf => self.protos.as_ref()?.server().message(route)?.in_code_units(&body.bytes),
            _ => return None,
        };
        match written {
            Cow::Borrowed(_) => None,
            Cow::Owned(written) => Some(written),
        }
    }
}

impl Format for PomeloFormat {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn readable<'a>(&self, route: &str, body: &'a Body) -> Cow<'a, Body> {
        let written = if self.code_units { self.in_code_units(route, body) } else { None };
        match written {
            Some(written) => Cow::Owned(Body { encoding: body.encoding, bytes: written.into() }),
            None => Cow::Borrowed(body),
        }
    }

    fn push(&self, route: &str, body: &Body) -> Result<Bytes> {
        let short =
            self.dictionary.as_ref().map_or(RouteRef::Name(route), |dictionary| dictionary.compress(route));
        outgoing::push(self.framing, short, &body.bytes)
            .map_err(|error| Error::of(ErrorKind::BadMessage, format_args!("push {route}: {error}")))
    }

    fn response(&self, id: u64, body: &Body) -> Result<Bytes> {
        outgoing::response(self.framing, id, &body.bytes)
            .map_err(|error| Error::of(ErrorKind::BadMessage, format_args!("response {id}: {error}")))
    }

    /// On websocket, a close frame (1000, as in pomelo) follows in the same bytes.
    fn kick(&self, reason: &str) -> Bytes {
        // A reason of 16 MiB is none.
        let kick = outgoing::kick(self.framing, reason).unwrap_or_default();
        match self.framing {
            Framing::Tcp => kick,
            Framing::WebSocket => {
                let mut last = BytesMut::from(&kick[..]);
                last.extend_from_slice(&websocket::close(close_code::NORMAL));
                last.freeze()
            }
        }
    }

    /// A raw tcp connection just ends.
    fn restart(&self) -> Bytes {
        match self.framing {
            Framing::Tcp => Bytes::new(),
            Framing::WebSocket => websocket::close(close_code::SERVICE_RESTART),
        }
    }
}

/// The pomelo protocol over a websocket that agreed to permessage-deflate; what is inside is that of raw tcp.
#[cfg(feature = "deflate")]
#[derive(Debug, Clone)]
pub(super) struct DeflateFormat(pub(super) PomeloFormat);

#[cfg(feature = "deflate")]
impl Format for DeflateFormat {
    fn encoding(&self) -> Encoding {
        self.0.encoding
    }

    fn readable<'a>(&self, route: &str, body: &'a Body) -> Cow<'a, Body> {
        self.0.readable(route, body)
    }

    fn push(&self, route: &str, body: &Body) -> Result<Bytes> {
        self.0.push(route, body).map(|packages| deflated_frame(&packages))
    }

    fn response(&self, id: u64, body: &Body) -> Result<Bytes> {
        self.0.response(id, body).map(|packages| deflated_frame(&packages))
    }

    fn kick(&self, reason: &str) -> Bytes {
        PomeloFormat { framing: Framing::WebSocket, ..self.0.clone() }.kick(reason)
    }

    fn restart(&self) -> Bytes {
        PomeloFormat { framing: Framing::WebSocket, ..self.0.clone() }.restart()
    }
}

/// The numbers of the formats that the connections of a port have.
pub(super) struct Formats {
    /// Of raw tcp.
    tcp: FormatId,
    /// Of websockets whose clients read UTF-8.
    websocket: Websocket,
    /// For clients that read bytes as code units.
    websocket_units: Websocket,
}

/// The format of websockets, and of those that agreed to permessage-deflate: the same where nobody asked for that.
struct Websocket {
    plain: FormatId,
    deflate: FormatId,
}

impl Formats {
    /// Makes the formats known that connections with these options may have.
    ///
    /// # Errors
    /// If the frontend has too many already.
    pub(super) fn add(frontend: &Frontend, handshake: &HandshakeOptions, options: &Options) -> Result<Self> {
        let protos = handshake.protos.as_ref().filter(|_| options.use_code_units);
        let format = |framing, code_units| PomeloFormat {
            framing,
            dictionary: handshake.dictionary.clone(),
            encoding: options.encoding(),
            code_units,
            protos: protos.cloned(),
        };
        let websocket = |code_units| {
            let plain = frontend.add_format(Arc::new(format(Framing::WebSocket, code_units)))?;
            #[cfg(feature = "deflate")]
            if options.use_deflate {
                let deflate = DeflateFormat(format(Framing::Tcp, code_units));
                return Ok(Websocket { plain, deflate: frontend.add_format(Arc::new(deflate))? });
            }
            Ok::<_, Error>(Websocket { plain, deflate: plain })
        };
        Ok(Self {
            tcp: frontend.add_format(Arc::new(format(Framing::Tcp, false)))?,
            websocket: websocket(false)?,
            websocket_units: websocket(true)?,
        })
    }

    /// What a connection is sent, by what is known of it. To raw tcp it makes no difference how the client reads bytes: only pomelo's
    /// client for browsers, and what is made of it, reads code units.
    pub(super) fn of(&self, connection: &Connection, reads_code_units: bool) -> FormatId {
        let websocket = match connection.framing() {
            Some(Framing::WebSocket) if reads_code_units => &self.websocket_units,
            Some(Framing::WebSocket) => &self.websocket,
            Some(Framing::Tcp) | None => return self.tcp,
        };
        if connection.deflates() { websocket.deflate } else { websocket.plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(framing: Framing) -> PomeloFormat {
        let dictionary = Dictionary::new(["a.b.c"], ["onChat"]).unwrap();
        PomeloFormat {
            framing,
            dictionary: Some(Arc::new(dictionary)),
            encoding: Encoding::Json,
            code_units: false,
            protos: None,
        }
    }

    /// The frame of a push, as a frontend has it made.
    fn push(format: &impl Format, route: &str, body: &Body) -> Bytes {
        format.push(route, &format.readable(route, body)).unwrap()
    }

    /// The frame of a response, as a frontend has it made.
    fn response(format: &impl Format, route: &str, body: &Body) -> Bytes {
        format.response(1, &format.readable(route, body)).unwrap()
    }

    #[test]
    fn a_route_of_the_dictionary_is_sent_as_its_code() {
        let frame = format(Framing::Tcp).push("onChat", &Body::json("{}")).unwrap();
        assert_eq!(frame, &b"\x04\0\0\x05\x07\0\x02{}"[..]);
        let frame = format(Framing::WebSocket).push("onAdd", &Body::json("{}")).unwrap();
        assert_eq!(frame, &b"\x82\x0d\x04\0\0\x09\x06\x05onAdd{}"[..]);
    }

    #[test]
    fn emoji_in_json_are_escaped_for_who_reads_code_units_and_nobody_else() {
        let format = |code_units| PomeloFormat { code_units, ..format(Framing::Tcp) };
        let text = format_args!("{{\"a\":\"好😀\"}}").to_string();
        let ends_with = |frame: Bytes, end: &str| assert!(frame.ends_with(end.as_bytes()), "{frame:?}");
        let body = Body::json(text.clone());
        ends_with(push(&format(true), "onAdd", &body), r#"onAdd{"a":"好\ud83d\ude00"}"#);
        ends_with(response(&format(true), "a.b.c", &body), r#"{"a":"好\ud83d\ude00"}"#);
        ends_with(push(&format(false), "onAdd", &body), &text);
        let protobuf = Body { encoding: Encoding::Protobuf, ..body };
        ends_with(push(&format(true), "onAdd", &protobuf), &text);
    }

    #[test]
    fn emoji_in_protobuf_are_halves_for_who_reads_code_units_and_nobody_else() {
        let schema = serde_json::json!({ "onChat": { "required string msg": 1 } });
        let protos = Arc::new(Protos::parse(&schema, &serde_json::Value::Null).unwrap());
        let bytes = Bytes::from("\x0a\x05a😀");
        let body = Body { encoding: Encoding::Protobuf, bytes };
        let format =
            |code_units| PomeloFormat { code_units, protos: Some(protos.clone()), ..format(Framing::Tcp) };
        let halves = b"\x0a\x07a\xed\xa0\xbd\xed\xb8\x80";
        assert!(push(&format(true), "onChat", &body).ends_with(halves));
        assert!(response(&format(true), "onChat", &body).ends_with(halves));
        for frame in [
            push(&format(false), "onChat", &body),
            response(&format(false), "onChat", &body),
            push(&format(true), "onOther", &body),
        ] {
            assert!(frame.ends_with(&body.bytes));
        }
    }

    #[test]
    fn a_kick_over_websocket_ends_with_a_close_frame() {
        let kick = b"\x05\0\0\x12{\"reason\":\"spam\"}";
        let last = format(Framing::Tcp).kick("spam");
        assert_eq!(last, &[&b"\x05\0\0\x11"[..], &kick[4..]].concat()[..]);
        let last = format(Framing::WebSocket).kick("spam");
        assert_eq!(last, &[&b"\x82\x15\x05\0\0\x11"[..], &kick[4..], b"\x88\x02\x03\xe8"].concat()[..]);
    }

    #[test]
    fn a_connection_to_make_again_ends_without_a_kick() {
        assert_eq!(format(Framing::Tcp).restart(), &b""[..]);
        assert_eq!(format(Framing::WebSocket).restart(), &b"\x88\x02\x03\xf4"[..]);
        #[cfg(feature = "deflate")]
        assert_eq!(DeflateFormat(format(Framing::Tcp)).restart(), &b"\x88\x02\x03\xf4"[..]);
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_names_it() {
        let route = "r".repeat(256);
        let error = format(Framing::Tcp).push(&route, &Body::json("{}")).unwrap_err();
        assert!(error.message().starts_with("push rrr"), "{error}");
    }
}
