//! Task of a client: owns the connection, carries out commands, and connects again.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::command::{Command, Message, Over, Status};
use super::readers::Readers;
use super::{
    Agreement, ClientError, ClientEvent, ClientOptions, Connection, ConnectionError, ConnectionOptions,
    Event, Push, ServerUrl,
};

/// The task, and all that it has.
pub(super) struct Task {
    url: ServerUrl,
    options: Arc<ClientOptions>,
    commands: mpsc::Receiver<Command>,
    status: watch::Sender<Status>,
    readers: Arc<Readers>,
    /// Who waits for a response, by the number of the request.
    requests: HashMap<u64, oneshot::Sender<Result<Bytes, ClientError>>>,
}

impl Task {
    pub(super) fn new(
        url: ServerUrl,
        options: Arc<ClientOptions>,
        commands: mpsc::Receiver<Command>,
        status: watch::Sender<Status>,
        readers: Arc<Readers>,
    ) -> Self {
        Self { url, options, commands, status, readers, requests: HashMap::new() }
    }

    pub(super) async fn run(mut self) {
        let over = self.live().await;
        self.status.send_replace(Status::Over(over));
        self.readers.end();
    }

    /// One connection after the other, until the client is over.
    async fn live(&mut self) -> Over {
        let mut options = self.options.connection.clone();
        let mut connection = match self.open(&options).await {
            Ok(connection) => connection,
            Err(over) => return over,
        };
        loop {
            options = options.known(connection.known().clone());
            self.announce(connection.agreement());
            let Err(reason) = self.drive(&mut connection).await else {
                self.lose(&Arc::new(ConnectionError::Closed));
                connection.close().await;
                return Over::Closed;
            };
            let reason = Arc::new(reason);
            self.lose(&reason);
            connection = match self.come_back(&options, &reason).await {
                Ok(connection) => connection,
                Err(over) => return over,
            };
        }
    }

    /// Says that there is a connection, to all at the same time: whoever hears the event can send, and a stream that is opened by who
    /// has seen the status doesn't have the event any more.
    fn announce(&self, agreement: &Arc<Agreement>) {
        self.status.send_modify(|status| {
            self.readers.event(&ClientEvent::Connected { user: agreement.user().clone() });
            *status = Status::Open(agreement.clone());
        });
    }

    /// Carries out commands and takes what the server sends, until the connection is lost, or closed by a command.
    async fn drive(&mut self, connection: &mut Connection) -> Result<(), ConnectionError> {
        loop {
            tokio::select! {
                event = connection.next() => self.take(event?, connection.agreement()),
                command = self.commands.recv() => match command {
                    Some(Command::Request { message, respond }) => self.request(connection, &message, respond),
                    Some(Command::Notify { message, sent }) => {
                        // Whoever has given up needs no answer.
                        let _ = sent.send(notify(connection, &message));
                    }
                    Some(Command::Close) | None => return Ok(()),
                },
            }
        }
    }

    fn take(&mut self, event: Event, agreement: &Arc<Agreement>) {
        match event {
            Event::Response { id, body, .. } => {
                if let Some(respond) = self.requests.remove(&id) {
                    // Whoever has given up needs no answer.
                    let _ = respond.send(Ok(body));
                }
            }
            Event::Push { route, body } => {
                self.readers.push(&Push { route, body, agreement: agreement.clone() });
            }
            Event::Ignored(reason) => self.readers.event(&ClientEvent::Ignored(reason)),
            // There is one, before the connection is open.
            Event::Ready { .. } => {}
        }
    }

    fn request(
        &mut self,
        connection: &mut Connection,
        message: &Message,
        respond: oneshot::Sender<Result<Bytes, ClientError>>,
    ) {
        self.make_room(connection);
        let most = self.options.max_requests;
        let sent = match self.requests.len() < most {
            true => fits(connection, message)
                .and_then(|()| Ok(connection.protocol().request_encoded(&message.route, &message.body)?)),
            false => Err(ClientError::TooManyRequests(most)),
        };
        match sent {
            Ok(id) => {
                self.requests.insert(id, respond);
            }
            // Whoever has given up needs no answer.
            Err(error) => drop(respond.send(Err(error))),
        }
    }

    /// Forgets requests that nobody waits for any more, where there are as many as may be.
    fn make_room(&mut self, connection: &mut Connection) {
        if self.requests.len() < self.options.max_requests {
            return;
        }
        self.requests.retain(|id, respond| {
            if respond.is_closed() {
                connection.protocol().forget(*id);
            }
            !respond.is_closed()
        });
    }

    /// What a lost connection leaves behind.
    fn lose(&mut self, reason: &Arc<ConnectionError>) {
        self.status.send_replace(Status::Connecting);
        for (_, respond) in self.requests.drain() {
            // Whoever has given up needs no answer.
            let _ = respond.send(Err(ClientError::Disconnected { reason: reason.clone() }));
        }
        if let Some(why) = reason.kick_reason() {
            self.readers.event(&ClientEvent::Kicked { reason: why.to_owned() });
        }
        self.readers.event(&ClientEvent::Disconnected { reason: reason.clone() });
    }

    /// Connects again, and again, if the loss is one to come back from.
    async fn come_back(
        &mut self,
        options: &ConnectionOptions,
        reason: &Arc<ConnectionError>,
    ) -> Result<Connection, Over> {
        let mut over = Over::Lost(reason.clone());
        if !reason.may_reconnect() {
            return Err(over);
        }
        let waits = self.options.reconnect.waits();
        for (attempt, delay) in waits {
            self.readers.event(&ClientEvent::Waiting { attempt, delay });
            tokio::select! {
                () = sleep(delay) => {}
                () = refuse(&mut self.commands) => return Err(Over::Closed),
            }
            match self.open(options).await {
                Err(Over::Unreachable(error)) => {
                    self.readers.event(&ClientEvent::Failed { error: error.clone() });
                    if !error.may_retry() {
                        return Err(Over::Unreachable(error));
                    }
                    over = Over::Unreachable(error);
                }
                settled => return settled,
            }
        }
        Err(over)
    }

    /// Connects once, through the gate if there is one; commands are refused meanwhile.
    async fn open(&mut self, options: &ConnectionOptions) -> Result<Connection, Over> {
        let (url, gate) = (&self.url, self.options.gate.as_ref());
        let open = async {
            let Some(gate) = gate else { return Connection::open(url, options).await };
            let (frontend, known) = gate.ask(url, options).await?;
            Connection::open(&frontend, &options.clone().known(known)).await
        };
        tokio::select! {
            opened = open => opened.map_err(|error| Over::Unreachable(Arc::new(error))),
            () = refuse(&mut self.commands) => Err(Over::Closed),
        }
    }
}

/// Answers commands while there is no connection, until one says to close, or nobody can say anything any more.
async fn refuse(commands: &mut mpsc::Receiver<Command>) {
    loop {
        match commands.recv().await {
            // Whoever has given up needs no answer.
            Some(Command::Request { respond, .. }) => drop(respond.send(Err(ClientError::NotConnected))),
            Some(Command::Notify { sent, .. }) => drop(sent.send(Err(ClientError::NotConnected))),
            Some(Command::Close) | None => return,
        }
    }
}

fn notify(connection: &mut Connection, message: &Message) -> Result<(), ClientError> {
    fits(connection, message)?;
    Ok(connection.protocol().notify_encoded(&message.route, &message.body)?)
}

/// A body that was written for a connection before this one may be read otherwise here; and what was decided on for that session isn't
/// meant for this one.
fn fits(connection: &Connection, message: &Message) -> Result<(), ClientError> {
    match Arc::ptr_eq(connection.agreement(), &message.agreement) {
        true => Ok(()),
        false => Err(ClientError::NotConnected),
    }
}
