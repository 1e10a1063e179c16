//! The driver of a test client: its task, which sends what it is told to, and keeps what comes.

use bytes::Bytes;
use serde_json::Value;
use tokio::select;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use super::received::{End, Received, Response};
use crate::client::{Connection, ConnectionError};
use crate::protocol::client::Event;

/// What a test wants of its client.
pub(super) enum Order {
    /// Send requests in one write; tells their numbers.
    Requests { requests: Vec<(String, Value)>, numbers: oneshot::Sender<Vec<u64>> },
    /// Send a notify.
    Notify { route: String, body: Value },
    /// Send bytes as they are.
    Raw(Bytes),
    /// Whether to read.
    Read(bool),
    /// Hang up, once all is sent.
    Close,
}

/// What the task does next.
enum Step {
    Order(Option<Order>),
    Came(Event),
    /// All is on its way.
    Flushed,
    Ended(ConnectionError),
}

/// The task's state.
pub(super) struct Driver {
    connection: Connection,
    received: Received,
    is_reading: bool,
    /// Something may not be on its way yet.
    is_unsent: bool,
}

impl Driver {
    pub(super) fn new(connection: Connection, received: Received) -> Self {
        Self { connection, received, is_reading: true, is_unsent: false }
    }

    /// Runs until the connection ends, or nobody gives orders any more.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub(super) async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        let end = loop {
            let step = select! {
                biased;
                order = orders.recv() => Step::Order(order),
                step = self.work() => step,
            };
            match step {
                Step::Order(Some(Order::Close)) => {
                    self.connection.close().await;
                    break own_end("the client has hung up".to_owned());
                }
                Step::Order(Some(order)) => {
                    if let Err(why) = self.carry_out(order) {
                        break own_end(why);
                    }
                }
                Step::Order(None) => break own_end("the client was dropped".to_owned()),
                Step::Came(event) => self.take_in(event),
                Step::Flushed => self.is_unsent = false,
                Step::Ended(error) => break end_of(&error),
            }
        };
        self.received.end(end);
    }

    /// Reads and writes, or only writes while the client is stuck.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    async fn work(&mut self) -> Step {
        match (self.is_reading, self.is_unsent) {
            (true, _) => self.connection.next().await.map_or_else(Step::Ended, Step::Came),
            (false, true) => self.connection.flush().await.map_or_else(Step::Ended, |()| Step::Flushed),
            (false, false) => std::future::pending().await,
        }
    }

    /// Carries out an order.
    ///
    /// # Errors
    /// Why a message can't be sent.
    fn carry_out(&mut self, order: Order) -> Result<(), String> {
        self.is_unsent = true;
        match order {
            Order::Requests { requests, numbers } => {
                let send = |(route, body): (String, Value)| {
                    self.connection
                        .request(&route, &body)
                        .map_err(|error| format!("can't send {route}: {error}"))
                };
                let sent: Result<Vec<u64>, String> = requests.into_iter().map(send).collect();
                // Whoever asked may have been dropped.
                let _ = numbers.send(sent?);
            }
            Order::Notify { route, body } => {
                let sent = self.connection.notify(&route, &body);
                sent.map_err(|error| format!("can't send {route}: {error}"))?;
            }
            Order::Raw(bytes) => self.connection.send_raw(bytes),
            Order::Read(on) => self.is_reading = on,
            Order::Close => {}
        }
        Ok(())
    }

    fn take_in(&self, event: Event) {
        match event {
            Event::Response { id, route, body } => {
                let response = Response { body: self.read(route.as_str(), &body), bytes: body };
                self.received.respond(id, response);
            }
            Event::Push { route, body } => {
                self.received.push(route.as_str(), self.read(route.as_str(), &body))
            }
            _ => {}
        }
    }

    /// A body by its schema, or as JSON. One that is neither is null: tests of bytes take them as they came.
    fn read(&self, route: &str, body: &[u8]) -> Value {
        self.connection.decode(route, body).unwrap_or_default()
    }
}

fn own_end(why: String) -> End {
    End { kick_reason: None, why }
}

fn end_of(error: &ConnectionError) -> End {
    End { kick_reason: error.kick_reason().map(str::to_owned), why: error.to_string() }
}
