//! Greetings: the two sides of a handshake between servers, by which each knows who the other is, and what it is.
//!
//! ```text
//!  dialer                                listener
//!  Hello (version, id, nonce)  ───────▶
//!                              ◀───────  Challenge (version, id, nonce, proof)
//!  Prove (proof, what it is)   ───────▶
//!                              ◀───────  Welcome (what it is), or Refused (why)
//! ```
//!
//! Who listens proves first, so that a dialer says what it is only to somebody who knows the secret. Until
//! both have proved themselves frames are short, and a deadline runs.

use std::io;
use std::net::IpAddr;

use bytes::BytesMut;
use pomelo_core::cluster::Member;
use pomelo_core::value::{Incarnation, ServerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::wire::{self, Control, Frame, FrameError, MAX_GREETING_BYTES, Refusal, VERSION};
use crate::address::is_from_here;
use crate::link::handshake::Hail;
use crate::link::secret::{Nonce, Proof, Secret};

const DIALER: &str = "link dialer";
const LISTENER: &str = "link listener";

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came is no frame, or too long a one.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It says something that belongs elsewhere.
    #[error("it says something else than is expected")]
    Unexpected,
    /// This side refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The other side did.
    #[error("it refuses: {0}")]
    RefusedByPeer(Refusal),
}

/// A connection on which both sides know who the other is.
pub(super) struct Greeted {
    /// What the link will be.
    pub(super) connection: Connection,
    /// The server at the other end.
    pub(super) member: Member,
    /// Its process, on its host.
    pub(super) pid: u32,
}

/// A connection and what was read from it beyond the last frame.
pub(super) struct Connection {
    /// The socket.
    pub(super) stream: TcpStream,
    /// Bytes that are read and not yet understood.
    pub(super) input: BytesMut,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, input: BytesMut::new() }
    }

    pub(super) async fn say(&mut self, control: &Control) -> io::Result<()> {
        let mut out = BytesMut::new();
        wire::put_control(&mut out, control);
        self.stream.write_all(&out).await
    }

    /// What the other side says next.
    pub(super) async fn hear(&mut self) -> Result<Control, GreetError> {
        loop {
            match wire::take(&mut self.input, MAX_GREETING_BYTES)? {
                Some(Frame::Control(Control::Refused(refusal))) => {
                    return Err(GreetError::RefusedByPeer(refusal));
                }
                Some(Frame::Control(control)) => return Ok(control),
                Some(Frame::Envelope(_)) => return Err(GreetError::Unexpected),
                None => {}
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// Says why there will be no link.
    async fn refuse(&mut self, refusal: Refusal) -> GreetError {
        // The other side may be gone; then there is nobody to tell.
        let _ = self.say(&Control::Refused(refusal.clone())).await;
        GreetError::Refused(refusal)
    }

    /// Where the other side is; nothing if that is this machine.
    pub(super) fn distant_ip(&self) -> io::Result<Option<IpAddr>> {
        let ip = self.stream.peer_addr()?.ip().to_canonical();
        Ok((!is_from_here(&self.stream)?).then_some(ip))
    }
}

/// What a handshake is about: the ids of both sides.
fn context(dialer: &ServerId, listener: &ServerId) -> Vec<u8> {
    format!("{dialer}\0{listener}").into_bytes()
}

fn other_version(offered: u16) -> Refusal {
    Refusal::Version { offered, spoken: VERSION }
}

/// Checks what the other side says for its proof. Without a secret on both sides nobody has one, and only this machine is trusted.
fn check(
    secret: Option<&Secret>,
    proof: Option<&Proof>,
    is_here: bool,
    verify: impl FnOnce(&Secret, &Proof) -> bool,
) -> Result<(), Refusal> {
    match (secret, proof) {
        (Some(secret), Some(proof)) if verify(secret, proof) => Ok(()),
        (None, None) if is_here => Ok(()),
        (None, None) => Err(Refusal::NoSecret),
        _ => Err(Refusal::Secret),
    }
}

/// Greets the server that listens at the other end.
pub(super) async fn dial(
    stream: TcpStream,
    own: Member,
    expected: &ServerId,
    secret: Option<&Secret>,
) -> Result<Greeted, GreetError> {
    let mut connection = Connection::new(stream);
    let (id, hail) = (own.info.id.clone(), Hail::new(DIALER)?);
    let is_here = connection.distant_ip()?.is_none();
    let nonce = hail.nonce();
    let hello = Control::Hello { version: VERSION, id: id.clone(), nonce, nudge: false, incarnation: None };
    connection.say(&hello).await?;
    let (peer, peer_nonce, proof) = match connection.hear().await? {
        Control::Challenge { version: VERSION, id, nonce, proof } => (id, nonce, proof),
        Control::Challenge { version, .. } => {
            return Err(connection.refuse(other_version(version)).await);
        }
        _ => return Err(GreetError::Unexpected),
    };
    let exchange = hail.meet(LISTENER, peer_nonce, context(&id, &peer));
    if peer != *expected {
        return Err(connection.refuse(Refusal::Stranger(peer)).await);
    }
    if let Err(refusal) =
        check(secret, proof.as_ref(), is_here, |secret, proof| exchange.verify(secret, proof).is_ok())
    {
        return Err(connection.refuse(refusal).await);
    }
    let pid = std::process::id();
    let proof = secret.map(|secret| exchange.prove(secret));
    connection.say(&Control::Prove { proof, member: own, pid }).await?;
    match connection.hear().await? {
        Control::Welcome { member, pid } if member.info.id == peer => Ok(Greeted { connection, member, pid }),
        _ => Err(GreetError::Unexpected),
    }
}

/// What a dialer wants.
pub(super) enum Caller {
    /// It proved who it is, and wants a link; it has not been welcomed yet.
    Link(Greeted),
    /// That process of a server wants to be dialed, and waits for [`Control::Nudged`] or [`Control::Taken`].
    Nudge(ServerId, Option<Incarnation>, Connection),
}

/// Greets a server that dialed, and said that first.
pub(super) async fn answer(
    mut connection: Connection,
    first: Control,
    own: &ServerId,
    secret: Option<&Secret>,
) -> Result<Caller, GreetError> {
    let (is_here, hail) = (connection.distant_ip()?.is_none(), Hail::new(LISTENER)?);
    let nonce = hail.nonce();
    let (peer, peer_nonce) = match first {
        Control::Hello { id, nudge: true, incarnation, .. } => {
            return Ok(Caller::Nudge(id, incarnation, connection));
        }
        Control::Hello { version: VERSION, id, nonce, .. } => (id, nonce),
        Control::Hello { version, .. } => return Err(connection.refuse(other_version(version)).await),
        _ => return Err(GreetError::Unexpected),
    };
    let exchange = hail.meet(DIALER, peer_nonce, context(&peer, own));
    let proof = secret.map(|secret| exchange.prove(secret));
    connection.say(&Control::Challenge { version: VERSION, id: own.clone(), nonce, proof }).await?;
    let Control::Prove { proof, member, pid } = connection.hear().await? else {
        return Err(GreetError::Unexpected);
    };
    if let Err(refusal) =
        check(secret, proof.as_ref(), is_here, |secret, proof| exchange.verify(secret, proof).is_ok())
    {
        return Err(connection.refuse(refusal).await);
    }
    if member.info.id != peer {
        return Err(GreetError::Unexpected);
    }
    Ok(Caller::Link(Greeted { connection, member, pid }))
}

/// Asks a server to dial this process, and waits for what it says: one that is stopped takes connections, too. False if it is
/// linked with another process of this server, and so won't dial.
pub(super) async fn nudge(stream: TcpStream, own: &Member) -> Result<bool, GreetError> {
    let (id, incarnation) = (own.info.id.clone(), Some(own.incarnation));
    let hello = Control::Hello { version: VERSION, id, nonce: Nonce::random()?, nudge: true, incarnation };
    let mut connection = Connection::new(stream);
    connection.say(&hello).await?;
    match connection.hear().await? {
        Control::Nudged => Ok(true),
        Control::Taken => Ok(false),
        _ => Err(GreetError::Unexpected),
    }
}

#[cfg(test)]
mod tests;
