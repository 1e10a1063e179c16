//! Signals: what happens to the client's connection, and the client's complaints, which go to the log at a rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::Event;
use pomelo_core::runtime::throttle::Throttle;
use pomelo_core::value::ServerId;
use tokio::sync::mpsc;

/// What happened to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Connected,
    Disconnected,
    /// The NATS server is about to stop.
    LameDuck,
    /// The client dropped messages that had come: there were too many.
    Dropped,
}

/// The signals of a client, in order.
pub(super) struct Signals {
    receiver: mpsc::UnboundedReceiver<Signal>,
    is_dropping: Arc<AtomicBool>,
}

impl Signals {
    /// The next one; none if the client has ended.
    pub(super) async fn next(&mut self) -> Option<Signal> {
        let signal = self.receiver.recv().await;
        if signal == Some(Signal::Dropped) {
            // From now on another one is news.
            self.is_dropping.store(false, Ordering::Release);
        }
        signal
    }
}

/// Where the client's events go.
pub(super) struct Events {
    server: ServerId,
    sender: mpsc::UnboundedSender<Signal>,
    /// A signal of it is on its way: there is an event for each message that is dropped.
    is_dropping: Arc<AtomicBool>,
    complaints: Throttle<&'static str>,
}

/// The two ends of what a client says. It is bounded: there is one signal for each connection, and one for what is dropped.
pub(super) fn signals(server: &ServerId) -> (Events, Signals) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let is_dropping = Arc::new(AtomicBool::new(false));
    let events = Events {
        server: server.clone(),
        sender,
        is_dropping: is_dropping.clone(),
        complaints: Throttle::default(),
    };
    (events, Signals { receiver, is_dropping })
}

impl Events {
    pub(super) fn take(&self, event: Event) {
        match event {
            Event::Connected => self.signal(Signal::Connected),
            Event::Disconnected => self.signal(Signal::Disconnected),
            Event::LameDuckMode => self.signal(Signal::LameDuck),
            Event::SlowConsumer(_) => {
                if !self.is_dropping.swap(true, Ordering::AcqRel) {
                    self.signal(Signal::Dropped);
                }
            }
            Event::ServerError(error) => self.complain("NATS says", &error),
            Event::ClientError(error) => self.complain("no connection to NATS", &error),
            Event::Draining | Event::Closed => {}
        }
    }

    fn signal(&self, signal: Signal) {
        // The server may be gone; then nobody needs to know.
        let _ = self.sender.send(signal);
    }

    fn complain(&self, what: &'static str, error: &dyn std::fmt::Display) {
        if let Some(left_out) = self.complaints.admit(&what) {
            tracing::warn!(server = %self.server, left_out, "{what}: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_that_are_dropped_are_one_signal_until_it_is_heard() {
        let (events, mut signals) = signals(&"chat-1".into());
        (0..1_000).for_each(|_| events.take(Event::SlowConsumer(1)));
        events.take(Event::Disconnected);
        assert_eq!(signals.next().await, Some(Signal::Dropped));
        assert_eq!(signals.next().await, Some(Signal::Disconnected));
        events.take(Event::SlowConsumer(1));
        assert_eq!(signals.next().await, Some(Signal::Dropped));
    }
}
