//! Streams of a client: what happens to its connection, and what the server pushes.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::queue::{Missed, Queue};
use super::{Agreement, BodyError, ConnectError, ConnectionError, IgnoredReason};
use crate::protocol::message::RouteName;

/// What happens to the connection of a [`Client`](super::Client).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientEvent {
    /// There is a connection: the first, or another one after a loss. To the server it is a new session: log in again.
    Connected {
        /// What the server's handshake hook answered; null if it has none.
        user: Value,
    },
    /// The server ends the connection and says why; [`Disconnected`](Self::Disconnected) follows, and no other connection.
    Kicked {
        /// What the server says.
        reason: String,
    },
    /// The connection is over. Requests without a response have failed.
    Disconnected {
        /// Why.
        reason: Arc<ConnectionError>,
    },
    /// The client connects again after this time.
    Waiting {
        /// Which attempt it will be since the loss, from 1.
        attempt: u32,
        /// How long it waits before that.
        delay: Duration,
    },
    /// An attempt to connect again failed.
    Failed {
        /// Why.
        error: Arc<ConnectError>,
    },
    /// Something that the server sent was dropped.
    Ignored(IgnoredReason),
}

/// A push of the server.
#[derive(Debug, Clone)]
pub struct Push {
    pub(super) route: RouteName,
    pub(super) body: Bytes,
    pub(super) agreement: Arc<Agreement>,
}

impl Push {
    /// What it is about, such as `onChat`.
    pub fn route(&self) -> &str {
        self.route.as_str()
    }

    /// The body, as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Reads the body: by the schema of the route, or as JSON.
    ///
    /// # Errors
    /// [`BodyError`] if it is no `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, BodyError> {
        self.agreement.decode(self.route(), &self.body)
    }
}

/// Why a push is not there as the type that it was asked for as.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PushError {
    /// So many were dropped, since nobody took them in time.
    #[error(transparent)]
    Missed(#[from] Missed),
    /// It is no such type.
    #[error("{source}")]
    Body {
        /// What it is instead.
        source: BodyError,
        /// The push, as it came.
        push: Box<Push>,
    },
}

/// What happens to a client's connection: of [`Client::events`](super::Client::events).
#[derive(Debug)]
pub struct Events(pub(super) Arc<Queue<ClientEvent>>);

impl Events {
    /// Waits for the next event; none when the client is over.
    ///
    /// # Errors
    /// [`Missed`] says how many were dropped, since they were not taken in time; the next call goes on.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Result<ClientEvent, Missed>> {
        poll_fn(|cx| self.0.poll_next(cx)).await
    }
}

impl Stream for Events {
    type Item = Result<ClientEvent, Missed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx)
    }
}

/// All pushes of a server: of [`Client::pushes`](super::Client::pushes).
#[derive(Debug)]
pub struct Pushes(pub(super) Arc<Queue<Push>>);

impl Pushes {
    /// Waits for the next push; none when the client is over.
    ///
    /// # Errors
    /// [`Missed`] says how many were dropped, since they were not taken in time; the next call goes on.
    ///
    /// # Cancel safety
    /// Dropping the future loses no push.
    pub async fn next(&mut self) -> Option<Result<Push, Missed>> {
        poll_fn(|cx| self.0.poll_next(cx)).await
    }
}

impl Stream for Pushes {
    type Item = Result<Push, Missed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx)
    }
}

/// The pushes of one route, as a type: of [`Client::on`](super::Client::on).
#[derive(Debug)]
pub struct PushesOf<T> {
    pushes: Pushes,
    /// It makes a `T` and has none.
    body: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> PushesOf<T> {
    pub(super) fn new(pushes: Pushes) -> Self {
        Self { pushes, body: PhantomData }
    }

    /// Waits for the next push of the route; none when the client is over.
    ///
    /// # Errors
    /// [`PushError`] says how many were dropped, since they were not taken in time, or that one is no `T`; the next call goes on.
    ///
    /// # Cancel safety
    /// Dropping the future loses no push.
    pub async fn next(&mut self) -> Option<Result<T, PushError>> {
        Some(decoded(self.pushes.next().await?))
    }
}

impl<T: DeserializeOwned> Stream for PushesOf<T> {
    type Item = Result<T, PushError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.pushes).poll_next(cx).map(|next| next.map(decoded))
    }
}

fn decoded<T: DeserializeOwned>(push: Result<Push, Missed>) -> Result<T, PushError> {
    let push = push?;
    push.decode().map_err(|source| PushError::Body { source, push: Box::new(push) })
}
