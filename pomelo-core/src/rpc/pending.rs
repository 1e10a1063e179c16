//! What waits for an answer from another server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::envelope::Answer;
use crate::error::Result;
use crate::message::Request;
use crate::server::ServerId;
use crate::session::ClientSession;

/// Numbers of questions that are out, with who waits for each.
#[derive(Default)]
pub(crate) struct Pending {
    serial: AtomicU64,
    waiting: Mutex<HashMap<u64, Waiting, RandomState>>,
}

struct Waiting {
    server: ServerId,
    waiter: Waiter,
}

/// Who waits.
pub(crate) enum Waiter {
    /// A task.
    Task(oneshot::Sender<Result<Answer>>),
    /// A client, for the response to a request that was forwarded.
    Client { session: Arc<ClientSession>, request: Request },
}

impl Pending {
    pub(crate) fn add_task(&self, server: ServerId) -> (u64, oneshot::Receiver<Result<Answer>>) {
        let (sender, receiver) = oneshot::channel();
        (self.add(server, Waiter::Task(sender)), receiver)
    }

    pub(crate) fn add_client(&self, server: ServerId, session: Arc<ClientSession>, request: Request) -> u64 {
        self.add(server, Waiter::Client { session, request })
    }

    fn add(&self, server: ServerId, waiter: Waiter) -> u64 {
        let seq = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        self.lock().insert(seq, Waiting { server, waiter });
        seq
    }

    pub(crate) fn remove(&self, seq: u64) -> Option<Waiter> {
        self.lock().remove(&seq).map(|waiting| waiting.waiter)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// All that wait for a server that is gone.
    pub(crate) fn remove_server(&self, server: &ServerId) -> Vec<Waiter> {
        self.lock()
            .extract_if(|_, waiting| waiting.server == *server)
            .map(|(_, waiting)| waiting.waiter)
            .collect()
    }

    /// Clients that have waited longer than `limit`: the server is up and doesn't answer.
    pub(crate) fn remove_overdue(&self, limit: Duration) -> Vec<Waiter> {
        let now = Instant::now();
        let overdue = |waiting: &Waiting| match &waiting.waiter {
            Waiter::Client { request, .. } => now.duration_since(request.arrived()) > limit,
            Waiter::Task(_) => false,
        };
        self.lock().extract_if(|_, waiting| overdue(waiting)).map(|(_, waiting)| waiting.waiter).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Waiting, RandomState>> {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
