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

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// The longest frame of somebody who has not logged in: a name and a proof are a tenth of it.
const MAX_STRANGER_FRAME: usize = 4 * 1024;
/// The longest frame after that: the list of 20,000 servers has room in it.
const MAX_FRAME: usize = 8 * 1024 * 1024;
/// The other side has this long to take a frame: more, and it is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How often both sides say that they are there.
pub(crate) const BEAT: Duration = Duration::from_secs(1);
/// Who has been silent for this long is lost.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);

/// A connection that carries messages. Reading is cancel safe.
pub(crate) struct Wire<S> {
    framed: Framed<S, LengthDelimitedCodec>,
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
    #[error("a message can't be read: {0}")]
    Format(#[from] serde_json::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_STRANGER_FRAME).new_codec();
        Self { framed: Framed::new(stream, codec) }
    }

    /// The other side has proved who it is: longer frames are taken from it.
    pub(crate) fn trust(&mut self) {
        self.framed.codec_mut().set_max_frame_length(MAX_FRAME);
    }

    pub(crate) async fn send<T: Serialize>(&mut self, message: &T) -> Result<(), WireError> {
        let frame = serde_json::to_vec(message)?;
        match timeout(SEND_TIMEOUT, self.framed.send(Bytes::from(frame))).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(WireError::Stuck),
        }
    }

    pub(crate) async fn receive<T: DeserializeOwned>(&mut self) -> Result<T, WireError> {
        let frame = self.framed.next().await.ok_or(WireError::Closed)??;
        Ok(serde_json::from_slice(&frame)?)
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

    /// As [`receive`](Self::receive), but for no longer than [`SILENCE`].
    pub(crate) async fn receive_soon<T: DeserializeOwned>(&mut self) -> Result<T, WireError> {
        self.receive_within(SILENCE).await
    }

    /// As [`receive`](Self::receive), but for no longer than that.
    pub(crate) async fn receive_within<T: DeserializeOwned>(
        &mut self,
        limit: Duration,
    ) -> Result<T, WireError> {
        timeout(limit, self.receive()).await.unwrap_or(Err(WireError::Silent(limit)))
    }
}
