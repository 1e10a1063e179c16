//! Readers: who takes a client's events and pushes, and where they are put for them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::queue::Queue;
use super::streams::{ClientEvent, Events, Push, Pushes};

/// The open streams of a client. One that was dropped is found out when something comes for it.
#[derive(Debug)]
pub(super) struct Readers {
    open: Mutex<Open>,
    /// How many items each stream keeps.
    capacity: usize,
}

#[derive(Debug, Default)]
struct Open {
    events: Vec<Weak<Queue<ClientEvent>>>,
    pushes: Vec<OfRoute>,
    /// The client is over: streams that are opened now end at once.
    is_over: bool,
}

/// A stream of pushes, and the route that it is for; all routes, if none.
#[derive(Debug)]
struct OfRoute {
    route: Option<String>,
    queue: Weak<Queue<Push>>,
}

impl Readers {
    pub(super) fn new(capacity: usize) -> Self {
        Self { open: Mutex::default(), capacity }
    }

    pub(super) fn events(&self) -> Events {
        let queue = self.queue();
        self.with(|open| {
            open.events.push(Arc::downgrade(&queue));
            end_if(open.is_over, &queue);
        });
        Events(queue)
    }

    pub(super) fn pushes(&self, route: Option<&str>) -> Pushes {
        let queue = self.queue();
        self.with(|open| {
            open.pushes.push(OfRoute { route: route.map(str::to_owned), queue: Arc::downgrade(&queue) });
            end_if(open.is_over, &queue);
        });
        Pushes(queue)
    }

    pub(super) fn event(&self, event: &ClientEvent) {
        self.with(|open| open.events.retain(|queue| put(queue, || event.clone())));
    }

    /// Nobody reads a push that no stream is open for: that is how an application says that it doesn't care.
    pub(super) fn push(&self, push: &Push) {
        self.with(|open| {
            open.pushes.retain(|reader| match reader.route.as_deref() {
                Some(route) if route != push.route() => reader.queue.strong_count() > 0,
                _ => put(&reader.queue, || push.clone()),
            });
        });
    }

    /// The client is over.
    pub(super) fn end(&self) {
        self.with(|open| {
            open.is_over = true;
            open.events.drain(..).filter_map(|queue| queue.upgrade()).for_each(|queue| queue.end());
            open.pushes.drain(..).filter_map(|of| of.queue.upgrade()).for_each(|queue| queue.end());
        });
    }

    fn queue<T>(&self) -> Arc<Queue<T>> {
        Arc::new(Queue::new(self.capacity))
    }

    fn with(&self, act: impl FnOnce(&mut Open)) {
        act(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn end_if<T>(is_over: bool, queue: &Queue<T>) {
    if is_over {
        queue.end();
    }
}

/// Says whether anybody reads the queue.
fn put<T>(queue: &Weak<Queue<T>>, item: impl FnOnce() -> T) -> bool {
    match queue.upgrade() {
        Some(queue) => {
            queue.push(item());
            true
        }
        None => false,
    }
}
