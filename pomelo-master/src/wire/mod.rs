//! Frames between a master and those who talk to it: JSON, each with its length in front.
//!
//! Whoever is in is of the same version of the login. Within one, messages only get fields that may be missing, and kinds that
//! the other side may not know: these are skipped.
//!
//! | file | noun |
//! |---|---|
//! | `login` | both sides prove who they are |
//! | `server` | what a server and the master say to each other |
//! | `operator` | what an operator asks, and what the master answers |

#[cfg(test)]
mod fuzz;
pub(crate) mod login;
pub(crate) mod operator;
pub(crate) mod server;

use std::io;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use pomelo_net::link::frame::{self, TooLong};
use pomelo_net::link::liveness::{Hearing, Speaking};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// The longest frame of somebody who has not logged in: a name and a proof are a tenth of it.
const STRANGER_FRAME_BYTES: usize = 4 * 1024;
/// The longest frame after that: the list of 20,000 servers has room in it.
const KNOWN_FRAME_BYTES: usize = 8 * 1024 * 1024;
/// How much is read at once.
const READ_BYTES: usize = 4 * 1024;
/// The other side has this long to take a frame: more, and it is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How often both sides say that they are there.
pub(crate) const BEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Who has been silent for this long is lost.
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that carries messages.
pub(crate) struct Wire<S> {
    stream: S,
    /// What was read beyond the last frame.
    input: BytesMut,
    /// What is not written yet.
    out: BytesMut,
    /// The longest frame that is taken now.
    limit: usize,
    hearing: Hearing,
    speaking: Speaking,
}

/// Why a connection is of no use any more.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    #[error("the connection was closed")]
    Closed,
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    #[error("the other side takes nothing any more")]
    Stuck,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    TooLong(#[from] TooLong),
    #[error("a message can't be read: {0}")]
    Format(#[from] serde_json::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        let now = Instant::now().into_std();
        Self {
            stream,
            input: BytesMut::new(),
            out: BytesMut::new(),
            limit: STRANGER_FRAME_BYTES,
            hearing: Hearing::new(SILENCE_TIMEOUT, now),
            speaking: Speaking::new(BEAT_INTERVAL, now),
        }
    }

    /// The other side has proved who it is: longer frames are taken from it, and from now on it must not be silent.
    pub(crate) fn trust(&mut self) {
        self.limit = KNOWN_FRAME_BYTES;
        self.hearing.heard(Instant::now().into_std());
    }

    /// When the other side is lost, if nothing comes.
    pub(crate) fn silent_at(&self) -> Instant {
        Instant::from_std(self.hearing.silent_at())
    }

    /// When it is time to say that this side is there, if nothing else is said.
    pub(crate) fn beat_at(&self) -> Instant {
        Instant::from_std(self.speaking.beat_at())
    }

    /// Sends a message.
    ///
    /// # Cancel safety
    /// What is not written yet of it is written before the next one.
    pub(crate) async fn send<T: Serialize>(&mut self, message: &T) -> Result<(), WireError> {
        let start = frame::begin(&mut self.out, []);
        if let Err(error) = serde_json::to_writer((&mut self.out).writer(), message) {
            self.out.truncate(start);
            return Err(error.into());
        }
        let length = frame::length::<0>(&self.out, start);
        frame::end(&mut self.out, start, length);
        match timeout(SEND_TIMEOUT, self.stream.write_all_buf(&mut self.out)).await {
            Ok(written) => written?,
            Err(_) => return Err(WireError::Stuck),
        }
        self.speaking.said(Instant::now().into_std());
        Ok(())
    }

    /// The next message.
    ///
    /// # Cancel safety
    /// Nothing is lost that has come.
    pub(crate) async fn receive<T: DeserializeOwned>(&mut self) -> Result<T, WireError> {
        loop {
            if let Some(([], frame)) = frame::take(&mut self.input, self.limit)? {
                self.hearing.heard(Instant::now().into_std());
                return Ok(serde_json::from_slice(&frame)?);
            }
            self.input.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(match self.input.is_empty() {
                    true => WireError::Closed,
                    false => io::Error::from(io::ErrorKind::UnexpectedEof).into(),
                });
            }
        }
    }

    /// As [`receive`](Self::receive), but skips what can't be read: a later version of the other side may say it.
    pub(crate) async fn receive_known<T: DeserializeOwned>(&mut self) -> Result<T, WireError> {
        loop {
            match self.receive().await {
                Err(WireError::Format(error)) => tracing::debug!(%error, "a message is skipped"),
                received => return received,
            }
        }
    }

    /// As [`receive`](Self::receive), but for no longer than [`SILENCE_TIMEOUT`].
    pub(crate) async fn receive_soon<T: DeserializeOwned>(&mut self) -> Result<T, WireError> {
        self.receive_within(SILENCE_TIMEOUT).await
    }

    /// As [`receive`](Self::receive), but for no longer than that.
    pub(crate) async fn receive_within<T: DeserializeOwned>(
        &mut self,
        limit: Duration,
    ) -> Result<T, WireError> {
        timeout(limit, self.receive()).await.unwrap_or(Err(WireError::Silent(limit)))
    }
}
