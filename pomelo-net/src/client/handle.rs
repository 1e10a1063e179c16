//! Client: the handle of a connection that a task keeps, for applications.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::command::{Command, Message, Status};
use super::readers::Readers;
use super::task::Task;
use super::{Agreement, ClientError, ClientOptions, Events, Pushes, PushesOf, Response, ServerUrl};

/// How many messages wait for the task before senders do.
const COMMANDS: usize = 64;

/// A client of a pomelo server.
///
/// A handle: clones are the same client, and a task of its own keeps the connection. It answers heartbeats, comes back when the connection
/// was lost, and ends when it is closed, kicked, or its last handle is dropped.
///
/// To the server every connection is a new session. After [`ClientEvent::Connected`](super::ClientEvent::Connected), log in again.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use pomelo_net::client::Client;
/// use serde::Deserialize;
/// use serde_json::json;
///
/// #[derive(Deserialize)]
/// struct Entered {
///     users: Vec<String>,
/// }
///
/// #[derive(Deserialize)]
/// struct Said {
///     from: String,
///     msg: String,
/// }
///
/// let client = Client::connect("ws://127.0.0.1:3050").await?;
/// let mut said = client.on::<Said>("onChat");
/// let entered: Entered = client.request("connector.entryHandler.enter", &json!({ "room": "r1" })).await?;
/// println!("{} are here", entered.users.len());
///
/// client.notify("chat.chatHandler.typing", &json!({})).await?;
/// while let Some(push) = said.next().await {
///     match push {
///         Ok(Said { from, msg }) => println!("{from}: {msg}"),
///         Err(error) => println!("{error}"),
///     }
/// }
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    readers: Arc<Readers>,
    options: Arc<ClientOptions>,
}

impl Client {
    /// Connects to `ws://host:port` or `tcp://host:port`, and does the handshake. [`ClientOptions`] say more: a gate, a token, how to
    /// come back.
    ///
    /// # Errors
    /// [`ClientError::Connect`] if nobody listens there, refuses, or takes too long.
    ///
    /// # Cancel safety
    /// Dropping the future closes what it has opened.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        ClientOptions::new().connect(url).await
    }

    pub(super) fn spawn(url: ServerUrl, options: ClientOptions) -> Self {
        let (readers, options) = (Arc::new(Readers::new(options.queue)), Arc::new(options));
        let (commands, received) = mpsc::channel(COMMANDS);
        let (status, watched) = watch::channel(Status::Connecting);
        tokio::spawn(Task::new(url, options.clone(), received, status, readers.clone()).run());
        Self { commands, status: watched, readers, options }
    }

    /// Waits until there is a connection, the first or the next one; gives what the server's handshake hook answered.
    ///
    /// # Errors
    /// [`ClientError`] if the client is over.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub async fn connected(&self) -> Result<Value, ClientError> {
        let mut status = self.status.clone();
        let settled = status.wait_for(|status| matches!(status, Status::Open(_) | Status::Over(_))).await;
        match settled.as_deref() {
            Ok(Status::Open(agreement)) => Ok(agreement.user().clone()),
            Ok(Status::Over(why)) => Err(why.error()),
            _ => Err(ClientError::Closed),
        }
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        matches!(*self.status.borrow(), Status::Open(_))
    }

    /// Sends a request and waits for its response.
    ///
    /// `T` is what the handler returns; a [`Value`] takes everything, also the `{}` of a handler that returns nothing.
    ///
    /// # Errors
    /// [`ClientError::Code`] if the server responds with an error's code: see [`Response::error_code`]. [`ClientError::Body`] if the
    /// response is no `T`. Both have the response. Else what kept it from coming: there is no connection, it was lost, it took too long.
    ///
    /// # Cancel safety
    /// The request may have been sent when the future is dropped; its response is dropped then.
    pub async fn request<T: DeserializeOwned>(
        &self,
        route: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, ClientError> {
        let response = self.response(route, body).await?;
        if let Some(code) = response.error_code() {
            return Err(ClientError::Code { code, response: Box::new(response) });
        }
        response.decode().map_err(|source| ClientError::Body { source, response: Box::new(response) })
    }

    /// Sends a request and waits for its response, whatever code that has.
    ///
    /// # Errors
    /// [`ClientError`]: there is no connection, it was lost, or the response took too long.
    ///
    /// # Cancel safety
    /// The request may have been sent when the future is dropped; its response is dropped then.
    pub async fn response(
        &self,
        route: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<Response, ClientError> {
        let message = self.message(route, body)?;
        let agreement = message.agreement.clone();
        let (respond, response) = oneshot::channel();
        let exchange = self.exchange(Command::Request { message, respond }, response);
        let after = self.options.request_timeout;
        let late = |_| ClientError::Deadline { route: route.to_owned(), after };
        let body: Bytes = timeout(after, exchange).await.map_err(late)??;
        Ok(Response { route: route.to_owned(), body, agreement })
    }

    /// Sends what needs no response; waits until it is given to the connection.
    ///
    /// # Errors
    /// [`ClientError`] if there is no connection, or the body can't be sent. That a connection was lost right after that, nobody says.
    ///
    /// # Cancel safety
    /// It may have been sent when the future is dropped.
    pub async fn notify(&self, route: &str, body: &(impl Serialize + ?Sized)) -> Result<(), ClientError> {
        let message = self.message(route, body)?;
        let (sent, is_sent) = oneshot::channel();
        self.exchange(Command::Notify { message, sent }, is_sent).await
    }

    /// Opens a stream of what happens to the connection from now on.
    pub fn events(&self) -> Events {
        self.readers.events()
    }

    /// Opens a stream of all pushes from now on.
    pub fn pushes(&self) -> Pushes {
        self.readers.pushes(None)
    }

    /// Opens a stream of the pushes of one route from now on, read as a type.
    pub fn on<T: DeserializeOwned>(&self, route: &str) -> PushesOf<T> {
        PushesOf::new(self.readers.pushes(Some(route)))
    }

    /// Closes the connection after what was sent, for good, and waits until that is done; does nothing if the client is over.
    ///
    /// # Cancel safety
    /// Dropping the future before its first await closes nothing, later it closes all the same.
    pub async fn close(&self) {
        // A task that takes no commands any more is over.
        let _ = self.commands.send(Command::Close).await;
        let mut status = self.status.clone();
        // So is one that has dropped its end of this.
        let _ = status.wait_for(|status| matches!(status, Status::Over(_))).await;
    }

    /// A message, written as the connection that there is now wants it.
    fn message(&self, route: &str, body: &(impl Serialize + ?Sized)) -> Result<Message, ClientError> {
        let agreement = self.agreement()?;
        let body = agreement.encode(route, body)?;
        Ok(Message { agreement, route: route.to_owned(), body })
    }

    fn agreement(&self) -> Result<Arc<Agreement>, ClientError> {
        match &*self.status.borrow() {
            Status::Open(agreement) => Ok(agreement.clone()),
            Status::Connecting => Err(ClientError::NotConnected),
            Status::Over(why) => Err(why.error()),
        }
    }

    /// Gives the task something to do, and waits for what comes of it.
    async fn exchange<T>(
        &self,
        command: Command,
        outcome: oneshot::Receiver<Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        // Only a task that is over takes no commands, or drops one.
        let over = || self.agreement().err().unwrap_or(ClientError::Closed);
        self.commands.send(command).await.map_err(|_| over())?;
        outcome.await.unwrap_or_else(|_| Err(over()))
    }
}
