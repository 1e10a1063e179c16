//! The event queue: events in the order in which they happened, and the task that tells the listeners of them.
//!
//! Most events arise where the application's code must not run, in a transport's thread or under a lock. So they are queued, and a
//! task on the server's executor tells the listeners.
//!
//! Events are queued by whoever notices them, often under a lock, and told by one task on the server's
//! executor. [`heard`](Events::heard) is how a bind or a stop waits for that.

use std::pin::pin;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use super::Event;
use crate::metrics::Dropped;
use crate::peers::Peers;
use crate::runtime::{Added, Backlog, Within, boundary};

/// How many events are told before other tasks get their turn.
const EVENTS_PER_TURN: usize = 64;

/// Tells the application's listeners of an event.
type Listener = Box<dyn Fn(&Event) + Send + Sync>;

/// The events of one server that the application has not been told of.
pub(crate) struct Events {
    peers: Arc<Peers>,
    /// None where the application listens to nothing: then no event is queued.
    listener: OnceLock<Listener>,
    waiting: Backlog<Item>,
}

/// What waits its turn.
enum Item {
    Event(Event),
    /// Somebody waits until all before this are told.
    Heard(oneshot::Sender<()>),
}

impl Events {
    pub(crate) fn new(peers: Arc<Peers>) -> Arc<Self> {
        Arc::new(Self { peers, listener: OnceLock::new(), waiting: Backlog::default() })
    }

    /// Sets who is told of events from now on; only the first call counts.
    pub(crate) fn listen(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        // A server has one set of listeners, set when it is put together.
        let _ = self.listener.set(Box::new(listener));
    }

    /// Whether anybody is told of events.
    pub(crate) fn has_listener(&self) -> bool {
        self.listener.get().is_some()
    }

    /// Tells the application, soon.
    pub(crate) fn emit(self: &Arc<Self>, event: Event) {
        if self.has_listener() {
            self.add(Item::Event(event));
        }
    }

    /// Waits until the application has been told of all events before.
    ///
    /// # Cancel safety
    /// Nothing is lost: events are told whether somebody waits for that or not.
    pub(crate) async fn heard(self: &Arc<Self>) {
        if self.has_listener() && self.waiting.is_working() {
            let (told, heard) = oneshot::channel();
            self.add(Item::Heard(told));
            // Refused, or dropped with the runtime: there is nothing to wait for.
            let _ = heard.await;
        }
    }

    fn add(self: &Arc<Self>, item: Item) {
        let peers = &self.peers;
        match self.waiting.add(item, peers.limits.queued_events) {
            Added::Queued | Added::Idle(_) | Added::Full(Item::Heard(_)) => {}
            Added::First => drop(peers.executor.spawn(tell(self.clone()))),
            Added::Full(Item::Event(event)) => {
                peers.counters.add(Dropped::Event);
                if let Some(left_out) = peers.admit(format_args!("event")) {
                    let (server, event) = (&peers.info.id, event.name());
                    tracing::error!(%server, event, left_out, "too many events wait for the listeners");
                }
            }
        }
    }
}

async fn tell(events: Arc<Events>) {
    let Some(listener) = events.listener.get() else { return };
    let mut told = 0;
    while let Some(item) = events.waiting.next() {
        match item {
            Item::Event(event) => {
                let telling = pin!(async { listener(&event) });
                let telling = Within::hook(&events.peers, event.name()).poll(telling);
                // Each listener has a boundary of its own; this is for what nobody foresaw.
                let _ = boundary::survive(&events.peers, "event", telling).await;
            }
            // It may wait no longer.
            Item::Heard(waiting) => drop(waiting.send(())),
        }
        told += 1;
        if told % EVENTS_PER_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::peers::testing::{peers, peers_with};
    use crate::value::Limits;

    /// Has a listener write down what it is told.
    fn listening(events: &Events) -> Arc<Mutex<Vec<String>>> {
        let heard = Arc::new(Mutex::new(vec![]));
        let told = heard.clone();
        events.listen(move |event| {
            if let Event::RemoveServers(ids) = event {
                assert_ne!(&*ids[0], "chat-13", "an unlucky listener");
                told.lock().unwrap().push(ids[0].to_string());
            }
        });
        heard
    }

    fn gone(number: usize) -> Event {
        Event::RemoveServers(vec![format!("chat-{number}").into()])
    }

    #[tokio::test]
    async fn events_are_told_in_order_and_a_listener_that_panics_misses_one() {
        let events = Events::new(peers("gate-1", &[]).0);
        events.emit(gone(0));
        let heard = listening(&events);
        (1..200).for_each(|number| events.emit(gone(number)));
        assert!(heard.lock().unwrap().is_empty(), "not from within `emit`");
        events.heard().await;
        let expected: Vec<_> = (1..200).filter(|n| *n != 13).map(|n| format!("chat-{n}")).collect();
        assert_eq!(*heard.lock().unwrap(), expected);
        events.heard().await;
    }

    #[tokio::test]
    async fn events_for_which_there_is_no_room_are_counted() {
        let peers = peers_with("gate-1", &[], Limits { queued_events: 3, ..Limits::default() }).0;
        let events = Events::new(peers.clone());
        let heard = listening(&events);
        (0..10).for_each(|number| events.emit(gone(number)));
        events.heard().await;
        while events.waiting.is_working() {
            tokio::task::yield_now().await;
        }
        let told = heard.lock().unwrap().len();
        assert_eq!((told + peers.counters.dropped(Dropped::Event) as usize, told < 10), (10, true));
    }
}
