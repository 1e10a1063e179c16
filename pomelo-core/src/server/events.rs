//! Telling the application of events: in the order in which they happened, where its code runs.
//!
//! Most events arise where that code must not run, in a transport's thread or under a lock. So they are queued, and a task on the
//! server's executor tells the listeners.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Server;
use crate::event::Event;
use crate::metrics::Dropped;
use crate::runtime::{Added, Backlog, Within, boundary};

/// How many events are told before other tasks get their turn.
const TURN: usize = 64;

/// What waits to be told.
pub(crate) enum Item {
    Event(Event),
    /// Somebody waits until all before this are told.
    Heard(oneshot::Sender<()>),
}

impl Server {
    /// Tells the application, soon.
    pub(crate) fn emit(self: &Arc<Self>, event: Event) {
        if self.listens {
            self.queue_event(Item::Event(event));
        }
    }

    /// Waits until the application has been told of all events before.
    pub(crate) async fn heard(self: &Arc<Self>) {
        if self.listens && self.events.is_working() {
            let (told, heard) = oneshot::channel();
            self.queue_event(Item::Heard(told));
            // Refused, or dropped with the runtime: there is nothing to wait for.
            let _ = heard.await;
        }
    }

    fn queue_event(self: &Arc<Self>, item: Item) {
        match self.events.add(item, self.limits.queued_events) {
            Added::Queued | Added::Idle(_) | Added::Full(Item::Heard(_)) => {}
            Added::First => drop(self.executor.spawn(tell(self.clone()))),
            Added::Full(Item::Event(event)) => {
                self.counters.add(Dropped::Event);
                if let Some(left_out) = self.admit(format_args!("event")) {
                    let (server, event) = (&self.info.id, event.name());
                    tracing::error!(%server, event, left_out, "too many events wait for the listeners");
                }
            }
        }
    }
}

/// What waits to be told, and the task that tells it.
pub(crate) type Events = Backlog<Item>;

async fn tell(core: Arc<Server>) {
    let mut told = 0;
    while let Some(item) = core.events.next() {
        match item {
            Item::Event(event) => {
                let telling =
                    pin!(async { core.dispatch.endpoints().map(|endpoints| endpoints.emit(&event)) });
                let telling = Within::hook(&core, event.name()).poll(telling);
                // Each listener has a boundary of its own; this is for what nobody foresaw.
                let _ = boundary::survive(&core, "event", telling).await;
            }
            // It may wait no longer.
            Item::Heard(waiting) => drop(waiting.send(())),
        }
        told += 1;
        if told % TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
}
