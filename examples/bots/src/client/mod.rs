//! A client of a pomelo server, small enough to be read: [`Protocol`] knows what packages mean, [`Wire`] carries them,
//! and [`Client`] drives one with the other.

mod error;
mod protocol;
mod schemas;
mod wire;

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, sleep_until, timeout};

pub use error::ClientError;
pub use protocol::{Event, Protocol};
pub use wire::{Proto, Wire};

/// How long a server may take to accept a connection, to answer a handshake or an [`ask`](Client::ask).
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a client that is stuck looks whether its connection still holds, if the server wants no heartbeats.
const STALLED_BEAT: Duration = Duration::from_secs(1);

/// A connected client.
pub struct Client {
    wire: Wire,
    protocol: Protocol,
    /// The package that is being written, and what is left of it.
    writing: Bytes,
    /// Something was written and may still be in a buffer of the wire.
    unflushed: bool,
}

impl Client {
    /// Connects to `host:port` and does the handshake.
    ///
    /// # Errors
    /// If there is no server, or it refuses.
    pub async fn connect(address: &str, proto: Proto) -> Result<Self, ClientError> {
        let connect = async {
            let (wire, protocol) = (Wire::connect(address, proto).await?, Protocol::new()?);
            let mut client = Self { wire, protocol, writing: Bytes::new(), unflushed: false };
            while client.next().await? != Event::Ready {}
            client.flush().await?;
            Ok(client)
        };
        timeout(PATIENCE, connect).await.map_err(|_| ClientError::Deadline("the handshake"))?
    }

    /// Waits for the next event, and meanwhile sends what was requested, and heartbeats.
    ///
    /// # Errors
    /// If the connection is over.
    ///
    /// # Cancel safety
    /// No event is lost when this is dropped, and no part of a request.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            if let Some(package) = self.wire.package()? {
                if let Some(event) = self.protocol.handle(package, Instant::now())? {
                    return Ok(event);
                }
                continue;
            }
            self.flush().await?;
            let beat = self.protocol.poll_timeout();
            tokio::select! {
                read = self.wire.read() => read?,
                () = until(beat) => self.protocol.handle_timeout(Instant::now()),
            }
        }
    }

    /// Queues a request, and returns the number that its answer will have; [`next`](Self::next) sends it.
    ///
    /// # Errors
    /// If `body` can't be JSON, or is too long.
    pub fn request(&mut self, route: &str, body: &impl Serialize) -> Result<u64, ClientError> {
        self.protocol.request(route, body)
    }

    /// Sends a request and waits for its answer. What else comes meanwhile is lost.
    ///
    /// # Errors
    /// If there is none in time, or it is no `T`.
    pub async fn ask<T: for<'de> Deserialize<'de>>(
        &mut self,
        route: &'static str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let asked = self.request(route, body)?;
        let answer = async {
            loop {
                match self.next().await? {
                    Event::Answer { id, body } if id == asked => return Ok(serde_json::from_slice(&body)?),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, answer).await.map_err(|_| ClientError::Deadline(route))?
    }

    /// Reads nothing more, but goes on sending heartbeats, as a program does that is stuck; until the connection is over.
    pub async fn stall(&mut self) -> ClientError {
        loop {
            sleep(self.protocol.heartbeat().unwrap_or(STALLED_BEAT)).await;
            self.protocol.beat();
            if let Err(error) = self.flush().await {
                return error;
            }
        }
    }

    /// Reads the body of a push.
    ///
    /// # Errors
    /// If it is no `T`.
    pub fn decode<'a, T: Deserialize<'a>>(&self, route: &str, body: &'a [u8]) -> Result<T, ClientError> {
        self.protocol.decode(route, body)
    }

    /// Sends what is queued; it can be dropped at any point and called again.
    async fn flush(&mut self) -> Result<(), ClientError> {
        loop {
            if self.writing.is_empty() {
                match self.protocol.poll_transmit() {
                    Some(package) => self.writing = package,
                    None => break,
                }
            }
            self.unflushed = true;
            self.wire.write(&mut self.writing).await?;
        }
        if self.unflushed {
            self.wire.flush().await?;
            self.unflushed = false;
        }
        Ok(())
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
