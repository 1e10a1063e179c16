//! The agreement of client and server: how bodies and routes are written on one connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::routes::Routes;
use super::{BodyError, SendError};
use crate::protocol::protobuf::{Protos, Schema};
use crate::protocol::text;

/// What client and server agreed on in their handshake.
#[derive(Debug, Default)]
pub struct Agreement {
    pub(super) heartbeat: Option<Duration>,
    pub(super) routes: Arc<Routes>,
    pub(super) protos: Option<Arc<Protos>>,
    pub(super) user: Value,
}

impl Agreement {
    /// How often each side says that it is there; none if the server wants no heartbeats.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.heartbeat
    }

    /// What the server's handshake hook answered; null if it has none.
    pub fn user(&self) -> &Value {
        &self.user
    }

    /// Writes the body of a request or notify: by the schema of the route, or as JSON if it has none.
    ///
    /// # Errors
    /// [`SendError::Json`], [`SendError::Protobuf`].
    pub fn encode<T: Serialize + ?Sized>(&self, route: &str, body: &T) -> Result<Bytes, SendError> {
        match self.protos.as_ref().and_then(|protos| protos.client().message(route)) {
            Some(schema) => {
                schema.encode(body).map_err(|source| SendError::Protobuf { route: route.to_owned(), source })
            }
            None => match serde_json::to_vec(body) {
                Ok(json) => Ok(json.into()),
                Err(source) => Err(SendError::Json { route: route.to_owned(), source }),
            },
        }
    }

    /// Reads the body of a push, or of a response by the route of its request: by the schema of the route, or as JSON if it
    /// has none, all that JavaScript's `JSON.parse` takes. A body that is empty is `null`.
    ///
    /// # Errors
    /// [`BodyError`] if it is no `T`.
    pub fn decode<T: DeserializeOwned>(&self, route: &str, body: &[u8]) -> Result<T, BodyError> {
        if let Some(schema) = self.response_schema(route) {
            return by_schema(schema, route, body);
        }
        let body = null_if_empty(body);
        let read = pomelo_json::from_plain(body).or_else(|_| pomelo_json::from_str(&text::decode(body)));
        read.map_err(|source| BodyError::Json { route: route.to_owned(), source })
    }

    /// As [`decode`](Self::decode), for types that borrow from the body: reads it once, and refuses half an emoji.
    ///
    /// # Errors
    /// [`BodyError`] if it is no `T`.
    pub fn decode_borrowed<'a, T: Deserialize<'a>>(
        &self,
        route: &str,
        body: &'a [u8],
    ) -> Result<T, BodyError> {
        match self.response_schema(route) {
            Some(schema) => by_schema(schema, route, body),
            None => pomelo_json::from_plain(null_if_empty(body))
                .map_err(|source| BodyError::PlainJson { route: route.to_owned(), source }),
        }
    }

    fn response_schema(&self, route: &str) -> Option<&Schema> {
        self.protos.as_ref()?.server().message(route)
    }
}

fn by_schema<'a, T: Deserialize<'a>>(schema: &Schema, route: &str, body: &'a [u8]) -> Result<T, BodyError> {
    schema.decode(body).map_err(|source| BodyError::Protobuf { route: route.to_owned(), source })
}

fn null_if_empty(body: &[u8]) -> &[u8] {
    if body.is_empty() { b"null" } else { body }
}
