//! Formats: how frames are built for one kind of connection.
//!
//! ```text
//!  Push (route, bodies) ─▶ for each format of the members' connections, once: Format::push ─▶ Bytes ─▶ every outbox of it
//! ```

use std::borrow::Cow;

use bytes::Bytes;

use super::body::{Body, Encoding};
use crate::value::Result;

/// How a kind of connection frames what it is sent, such as tcp or websocket with a certain dictionary.
///
/// One frame is built for all connections of a format and shared by them.
///
/// A connector [adds](crate::frontend::Frontend::add_format) one for each kind of connection that it has, and
/// opens outboxes by its number.
///
/// ```
/// use bytes::Bytes;
/// use pomelo::ext::connector::{Body, Encoding, Format, Result};
///
/// /// Lines of text: `! onChat {"msg":"hi"}` and `7 {"code":200}`.
/// struct Lines;
///
/// impl Format for Lines {
///     fn encoding(&self) -> Encoding {
///         Encoding::Json
///     }
///
///     fn push(&self, route: &str, body: &Body) -> Result<Bytes> {
///         Ok([b"! ", route.as_bytes(), b" ", &body.bytes, b"\n"].concat().into())
///     }
///
///     fn response(&self, id: u64, body: &Body) -> Result<Bytes> {
///         Ok([id.to_string().as_bytes(), b" ", &body.bytes, b"\n"].concat().into())
///     }
///
///     fn kick(&self, reason: &str) -> Bytes {
///         format!("- {reason}\n").into()
///     }
/// }
///
/// assert_eq!(&Lines.push("onChat", &Body::json("{}")).unwrap()[..], b"! onChat {}\n");
/// ```
pub trait Format: Send + Sync + 'static {
    /// The encoding of bodies that these connections take.
    fn encoding(&self) -> Encoding;

    /// The body of a push or a response on that route as these clients read it, where that isn't as its codec writes it: what
    /// [`push`](Self::push) and [`response`](Self::response) are given. By default it is the same.
    fn readable<'a>(&self, route: &str, body: &'a Body) -> Cow<'a, Body> {
        let _ = route;
        Cow::Borrowed(body)
    }

    /// The frame of a push.
    ///
    /// # Errors
    /// If the route or the body is too long for the protocol.
    fn push(&self, route: &str, body: &Body) -> Result<Bytes>;

    /// The frame of the response to the client's request `id`.
    ///
    /// # Errors
    /// If the body is too long for the protocol.
    fn response(&self, id: u64, body: &Body) -> Result<Bytes>;

    /// The last frames of a connection: a kick with its reason, and whatever says that it closes.
    fn kick(&self, reason: &str) -> Bytes;

    /// The last frames of a connection that its client should make again, such as one whose server stops: whatever says
    /// that it closes, and no kick, after which published clients never come back. By default nothing: the connection
    /// closes after what is still to be sent.
    fn restart(&self) -> Bytes {
        Bytes::new()
    }
}

/// The number of a [`Format`] at its frontend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FormatId(pub(crate) u8);
