//! A client's request, from its session to the answer.

use std::sync::Arc;

use bytes::Bytes;
use pomelo::Result;
use pomelo::app::{Builder, Running};
use pomelo::error::OrErr;
use pomelo::ext::connector::ClientSession;
use pomelo::ext::connector::Outbox;
use pomelo::filter::{Time, Timeout};
use pomelo::request::Body;

use crate::null::{NullSink, Tcp};
use crate::{Chat, Rpc, servers};

/// A client whose requests go through two filters, and whose answers nobody reads.
pub struct Client {
    session: Arc<ClientSession>,
    sink: NullSink,
    body: Bytes,
    _running: Running<Rpc>,
}

/// Handled at the connector.
pub const HERE: &str = "connector.entryHandler.echo";
/// Handled at the chat server, in the same process.
pub const AT_A_BACKEND: &str = "chat.chatHandler.echo";

impl Client {
    /// Connects it.
    ///
    /// # Errors
    /// If the servers don't start.
    pub async fn new() -> Result<Self> {
        Self::of(servers()).await
    }

    /// Connects one of these servers.
    ///
    /// # Errors
    /// If they don't start.
    pub async fn of(servers: Builder<Rpc>) -> Result<Self> {
        let running = servers.filter(Timeout::default()).filter(Time).start().await?;
        let (frontend, sink) =
            (running.app("connector-1").or_err(500, "no server")?.frontend(), NullSink::default());
        let format = frontend.add_format(Arc::new(Tcp))?;
        let outbox = Outbox::new(sink.clone(), frontend.flusher(), format, 1 << 20);
        let body = serde_json::to_vec(&Chat::sample())?.into();
        Ok(Self { session: frontend.open(&outbox, None), sink, body, _running: running })
    }

    /// Asks, and waits until the answer is written.
    pub async fn ask(&self, route: &str) {
        let before = self.sink.written();
        self.session.handle(Some(1), route, Body::json(self.body.clone()));
        self.sink.reaches(before + 1).await;
    }
}
