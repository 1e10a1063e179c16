//! The post between two servers: envelopes in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pomelo::ext::transport::{Bytes, Incarnation, LinkEvents, Member, ServerId};
use tokio::sync::{mpsc, oneshot};

/// How many bytes may wait.
const LIMIT: usize = 64 << 20;

/// Something that travels.
pub(crate) enum Item {
    /// An envelope's bytes.
    Envelope(Bytes),
    /// The sender is there, as that.
    Joined(Member),
    /// What the sender is now.
    Changed(Member),
    /// That incarnation of the sender is over; who waits is told once that has arrived.
    Left(Incarnation, oneshot::Sender<()>),
}

/// A queue, which a task empties.
#[derive(Clone)]
pub(crate) struct Post {
    items: mpsc::UnboundedSender<Item>,
    bytes: Arc<AtomicUsize>,
}

impl Post {
    /// A queue from a server to a receiver. Its task ends when it is dropped.
    pub(crate) fn start(from: ServerId, link_events: Arc<dyn LinkEvents>) -> Self {
        let (items, mut arriving) = mpsc::unbounded_channel();
        let bytes = Arc::<AtomicUsize>::default();
        let queued = bytes.clone();
        tokio::spawn(async move {
            while let Some(item) = arriving.recv().await {
                if let Item::Envelope(bytes) = &item {
                    queued.fetch_sub(bytes.len(), Ordering::AcqRel);
                }
                crate::bus::deliver(&*link_events, &from, item);
            }
        });
        Self { items, bytes }
    }

    /// Queues an item; false if there is no room for an envelope.
    pub(crate) fn put(&self, item: Item) -> bool {
        if let Item::Envelope(bytes) = &item {
            if self.bytes() >= LIMIT {
                return false;
            }
            self.bytes.fetch_add(bytes.len(), Ordering::AcqRel);
        }
        self.items.send(item).is_ok()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }
}
