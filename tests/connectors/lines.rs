//! A protocol of lines of text, and a connector for it over any sockets: all that an implementor writes.
//!
//! | client says | |
//! |---|---|
//! | `hello NAME` | first; `welcome NAME` comes back, or `refused` |
//! | `ID ROUTE JSON` | a request, or with `-` for the number a notify |
//! | `here` | a sign of life, for which the server asks by `there?` |
//! | `bye` | closes |
//!
//! The server says `push ROUTE JSON`, `response ID JSON` and `kick REASON`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::__private::{BoxFuture, Bytes};
use pomelo::error::OrErr;
use pomelo::ext::connector::{
    Acceptor, Body, Closed, ConnectionLimits, Connector, Dropped, Encoding, Event, Format, FormatId,
    Frontend, Ignored, Listener, Listening, Message, Overdue, Protocol, Result, Timeout,
};

/// The longest line of a client, in bytes.
const MAX_LINE: usize = 4 * 1024;

/// How long a client may be silent until it is asked, and then to answer.
pub const SILENCE: Duration = Duration::from_secs(5);

/// Whom the application of the tests doesn't let in.
pub const UNWANTED: &str = "nobody";
/// Of whom it can't make up its mind.
pub const ODD: &str = "odd";

#[derive(Default)]
pub struct Lines {
    to_send: VecDeque<Bytes>,
    /// What happens before anything else is read.
    next: Option<Event<String>>,
    /// The server has asked for a sign of life.
    is_asked: bool,
    is_over: bool,
}

impl Protocol for Lines {
    type Shared = FormatId;
    type Hello = String;
    type Decision = Option<String>;

    fn new(_: &FormatId) -> Self {
        Self::default()
    }

    fn poll_event(&mut self, input: &mut bytes::BytesMut) -> Option<Event<String>> {
        if let Some(event) = self.next.take() {
            return Some(event);
        }
        if self.is_over {
            return None;
        }
        let Some(length) = input.iter().position(|byte| *byte == b'\n') else {
            return (input.len() > MAX_LINE)
                .then(|| self.close("a line is too long", Some(Dropped::BadInput)));
        };
        let line = input.split_to(length + 1).freeze();
        let text = str::from_utf8(&line).unwrap_or_default().trim_end();
        Some(match *text.splitn(3, ' ').collect::<Vec<_>>() {
            ["hello", name] => Event::Handshake(name.to_owned()),
            ["here"] => {
                self.is_asked = false;
                Event::Alive
            }
            ["bye"] => self.close("closed by the client", None),
            [id, route, body] => Event::Message(Message {
                id: id.parse().ok(),
                route: route.into(),
                body: Body::json(line.slice_ref(body.as_bytes())),
            }),
            _ => Event::Ignored(Ignored { reason: "no line that means something".into(), counts_as: None }),
        })
    }

    fn poll_transmit(&mut self) -> Option<Bytes> {
        self.to_send.pop_front()
    }

    fn format(&self, shared: &FormatId) -> FormatId {
        *shared
    }

    fn timeout(&self, _: &FormatId) -> Timeout {
        Timeout::Heartbeat(SILENCE)
    }

    fn handle_timeout(&mut self) -> Overdue {
        if std::mem::replace(&mut self.is_asked, true) {
            return Overdue::Close;
        }
        self.to_send.push_back("there?\n".into());
        Overdue::Wait
    }

    async fn decide(_: Arc<FormatId>, hello: String, _: Option<SocketAddr>) -> Option<String> {
        if hello == ODD {
            std::future::pending::<()>().await;
        }
        (hello != UNWANTED).then_some(hello)
    }

    fn answer(&mut self, decision: Option<Option<String>>) {
        self.next = Some(match decision.flatten() {
            Some(name) => {
                self.to_send.push_back(format!("welcome {name}\n").into());
                Event::Open
            }
            None => {
                self.to_send.push_back("refused\n".into());
                self.close("refused", None)
            }
        });
    }
}

impl Lines {
    fn close(&mut self, reason: &'static str, counts_as: Option<Dropped>) -> Event<String> {
        self.is_over = true;
        Event::Closed(Closed { reason: reason.into(), counts_as, refused_by: None })
    }
}

/// Takes clients who speak in lines, over whatever its listener gives.
pub struct LineConnector<L>(Arc<Mutex<Option<L>>>);

impl<L: Listener> LineConnector<L> {
    pub fn new(listener: L) -> Self {
        Self(Arc::new(Mutex::new(Some(listener))))
    }
}

impl<L> Clone for LineConnector<L> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<L: Listener> Connector for LineConnector<L> {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn start(self: Arc<Self>, frontend: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        Box::pin(async move {
            let format = frontend.add_format(Arc::new(LineFormat))?;
            let mut limits = ConnectionLimits::default();
            (limits.shortest_timeout, limits.max_connections) = (SILENCE, Some(3));
            let listener = self.0.lock().unwrap().take().or_err(500, "it starts once")?;
            let acceptor = Acceptor::<Lines>::new(frontend, limits, format);
            Ok(acceptor.listen(listener, ([127, 0, 0, 1], 0).into(), "lines"))
        })
    }
}

struct LineFormat;

impl Format for LineFormat {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, route: &str, body: &Body) -> Result<Bytes> {
        Ok([b"push ", route.as_bytes(), b" ", &body.bytes, b"\n"].concat().into())
    }

    fn response(&self, id: u64, body: &Body) -> Result<Bytes> {
        Ok([format!("response {id} ").as_bytes(), &body.bytes, b"\n"].concat().into())
    }

    fn kick(&self, reason: &str) -> Bytes {
        format!("kick {reason}\n").into()
    }
}
