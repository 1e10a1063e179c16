//! Signals: what happens to the client's connection, and the client's complaints, which go to the log at a rate.

use std::time::Duration;

use async_nats::Event;
use pomelo_core::runtime::throttle::Throttle;
use pomelo_core::value::ServerId;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// What happened to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Connected,
    Disconnected,
    /// The NATS server is about to stop.
    LameDuck,
}

/// The signals of a client, in order: none if it has ended. There are few, one or two for each connection.
pub(super) type Signals = mpsc::UnboundedReceiver<Signal>;

/// How long the client waits after it has said that it dropped a message, before it says anything more. It writes a line of its own to
/// the log for each, and drops what it can't say meanwhile: the numbers of links show what is missing, and a look at the client
/// shows whether it is connected.
const DROPPED_PAUSE: Duration = Duration::from_millis(50);

/// Where the client's events go.
pub(super) struct Events {
    server: ServerId,
    sender: mpsc::UnboundedSender<Signal>,
    complaints: Throttle<&'static str>,
}

/// The two ends of what a client says.
pub(super) fn signals(server: &ServerId) -> (Events, Signals) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Events { server: server.clone(), sender, complaints: Throttle::default() }, receiver)
}

impl Events {
    /// Takes what the client says, which says nothing more until this has returned.
    pub(super) async fn take(&self, event: Event) {
        match event {
            Event::Connected => self.signal(Signal::Connected),
            Event::Disconnected => self.signal(Signal::Disconnected),
            Event::LameDuckMode => self.signal(Signal::LameDuck),
            Event::SlowConsumer(_) => {
                self.complain("more came from NATS than this server could take in", &"links are made anew");
                sleep(DROPPED_PAUSE).await;
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

    #[tokio::test(start_paused = true)]
    async fn a_client_that_drops_message_after_message_says_so_at_a_rate() {
        let (events, mut signals) = signals(&"chat-1".into());
        let began = tokio::time::Instant::now();
        for _ in 0..100 {
            events.take(Event::SlowConsumer(1)).await;
        }
        assert_eq!(began.elapsed(), 100 * DROPPED_PAUSE);
        events.take(Event::Disconnected).await;
        assert_eq!(
            (signals.recv().await, began.elapsed()),
            (Some(Signal::Disconnected), 100 * DROPPED_PAUSE)
        );
    }
}
