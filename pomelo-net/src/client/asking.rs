//! Asking: requests of a connection whose responses are waited for, while other events are kept.

use std::future::poll_fn;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{AskError, Connection, Event};

impl Connection {
    /// Sends a request and waits for its response. Other events that come meanwhile are kept for [`next`](Self::next).
    ///
    /// The response is what the handler returned, or an error such as `{"code":500}`: what tells them apart is the application's, as `T`
    /// is. Whatever is no `T` is [`AskError::Body`], which has the body.
    ///
    /// # Errors
    /// [`AskError`] if it can't be sent, there is no response in time, or it is no `T`.
    ///
    /// # Cancel safety
    /// The request may have been sent when the future is dropped; its response then comes by `next`. No event is lost.
    pub async fn ask<T: DeserializeOwned>(
        &mut self,
        route: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, AskError> {
        let body = self.ask_bytes(route, body).await?;
        self.decode(route, &body).map_err(|source| AskError::Body { source, body })
    }

    /// As [`ask`](Self::ask), but gives the body of the response as it came.
    ///
    /// # Errors
    /// [`AskError`] if it can't be sent, or there is no response in time.
    ///
    /// # Cancel safety
    /// The request may have been sent when the future is dropped; its response then comes by `next`. No event is lost.
    pub async fn ask_bytes(
        &mut self,
        route: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<Bytes, AskError> {
        self.check_backlog()?;
        let asked = self.request(route, body)?;
        let after = self.ask_timeout;
        let Ok(response) = timeout(after, self.response(asked)).await else {
            self.protocol.forget(asked);
            return Err(AskError::Deadline { route: route.to_owned(), after });
        };
        response
    }

    async fn response(&mut self, asked: u64) -> Result<Bytes, AskError> {
        loop {
            self.check_backlog()?;
            match poll_fn(|cx| self.poll_next(cx)).await? {
                Event::Response { id, body, .. } if id == asked => return Ok(body),
                event => self.backlog.push_back(event),
            }
        }
    }

    fn check_backlog(&self) -> Result<(), AskError> {
        match self.backlog.len() {
            full if full >= self.max_backlog => Err(AskError::Backlog(full)),
            _ => Ok(()),
        }
    }
}
