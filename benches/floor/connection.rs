//! One client's socket.

use std::io::{ErrorKind, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mio::net::TcpStream;

use crate::frames::{take_frame, take_package};

/// Every server appends this to the key of a client that wants a websocket (RFC 6455).
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// One client's socket.
pub struct Connection {
    socket: TcpStream,
    kind: Kind,
    input: Vec<u8>,
    /// What the socket would not take.
    output: Vec<u8>,
    /// Where it talks.
    pub room: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Unknown,
    Tcp,
    WebSocket,
}

impl Connection {
    /// A connection on which nothing was read yet.
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, kind: Kind::Unknown, input: vec![], output: vec![], room: String::new() }
    }

    /// Whether it is a websocket.
    pub fn is_websocket(&self) -> bool {
        self.kind == Kind::WebSocket
    }

    /// Reads all that there is; false at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return false,
                Ok(read) => self.input.extend(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// The next package of what was read.
    pub fn package(&mut self) -> Option<(u8, Vec<u8>)> {
        if self.kind == Kind::Unknown {
            self.begin()?;
        }
        match self.kind {
            Kind::WebSocket => take_package(&mut take_frame(&mut self.input)?),
            Kind::Tcp | Kind::Unknown => take_package(&mut self.input),
        }
    }

    /// Looks at the first bytes: HTTP or a package?
    fn begin(&mut self) -> Option<()> {
        if !self.input.first_chunk::<4>()?.starts_with(b"GET ") {
            self.kind = Kind::Tcp;
            return Some(());
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(&self.input).ok()? else { return None };
        let key = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("sec-websocket-key"));
        let key = String::from_utf8_lossy(key?.value) + MAGIC;
        let accept = STANDARD.encode(sha1_smol::Sha1::from(key.as_bytes()).digest().bytes());
        self.input.drain(..length);
        self.kind = Kind::WebSocket;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.write(answer.as_bytes());
        Some(())
    }

    /// One write(2), unless the socket has not taken what came before.
    pub fn write(&mut self, bytes: &[u8]) {
        let written = if self.output.is_empty() { self.socket.write(bytes).unwrap_or(0) } else { 0 };
        self.output.extend(&bytes[written..]);
    }

    /// The socket takes more.
    pub fn resume(&mut self) {
        if !self.output.is_empty() {
            let output = std::mem::take(&mut self.output);
            self.write(&output);
        }
    }
}
