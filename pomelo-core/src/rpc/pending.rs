//! What waits for an answer from another server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::envelope::Answer;
use crate::error::{Error, ErrorKind, Result};
use crate::message::Request;
use crate::server::ServerId;
use crate::session::ClientSession;

/// Numbers of questions that are out, with who waits for each.
pub(crate) struct Pending {
    serial: AtomicU64,
    /// How many may wait for one server, so that one which doesn't answer costs only those who ask it.
    limit: AtomicUsize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    waiting: HashMap<u64, Waiting, RandomState>,
    /// How many wait for each server.
    out: HashMap<ServerId, usize, RandomState>,
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
    pub(crate) fn new(limit: usize) -> Self {
        Self { serial: AtomicU64::new(0), limit: AtomicUsize::new(limit), table: Mutex::default() }
    }

    /// What waits already stays, also if it is more.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// # Errors
    /// `Overloaded`, if too many wait for that server.
    pub(crate) fn add_task(&self, server: &ServerId) -> Result<(u64, oneshot::Receiver<Result<Answer>>)> {
        let (sender, receiver) = oneshot::channel();
        Ok((self.add(server, Waiter::Task(sender))?, receiver))
    }

    /// # Errors
    /// As [`add_task`](Self::add_task).
    pub(crate) fn add_client(
        &self,
        server: &ServerId,
        session: Arc<ClientSession>,
        request: Request,
    ) -> Result<u64> {
        self.add(server, Waiter::Client { session, request })
    }

    fn add(&self, server: &ServerId, waiter: Waiter) -> Result<u64> {
        let limit = self.limit.load(Ordering::Relaxed);
        let mut table = self.lock();
        if !table.count(server, limit) {
            let why = format!("{limit} calls to {server} wait for an answer (pending_calls)");
            return Err(Error::of(ErrorKind::Overloaded, why));
        }
        let seq = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        table.waiting.insert(seq, Waiting { server: server.clone(), waiter });
        Ok(seq)
    }

    pub(crate) fn remove(&self, seq: u64) -> Option<Waiter> {
        self.lock().remove(seq)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// All that wait for a server that is gone.
    pub(crate) fn remove_server(&self, server: &ServerId) -> Vec<Waiter> {
        self.lock().remove_where(|waiting| waiting.server == *server)
    }

    /// Clients that have waited longer than `limit`: the server is up and doesn't answer.
    pub(crate) fn remove_overdue(&self, limit: Duration) -> Vec<Waiter> {
        let now = Instant::now();
        self.lock().remove_where(|waiting| match &waiting.waiter {
            Waiter::Client { request, .. } => now.duration_since(request.arrived()) > limit,
            Waiter::Task(_) => false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Table {
    /// Counts one more that waits for a server; false if it would be one too many.
    fn count(&mut self, server: &ServerId, limit: usize) -> bool {
        match self.out.get_mut(server) {
            Some(out) if *out >= limit => return false,
            Some(out) => *out += 1,
            None if limit == 0 => return false,
            None => drop(self.out.insert(server.clone(), 1)),
        }
        true
    }

    fn remove(&mut self, seq: u64) -> Option<Waiter> {
        let Waiting { server, waiter } = self.waiting.remove(&seq)?;
        self.uncount(&server);
        Some(waiter)
    }

    fn remove_where(&mut self, wanted: impl Fn(&Waiting) -> bool) -> Vec<Waiter> {
        let removed: Vec<_> = self.waiting.extract_if(|_, waiting| wanted(waiting)).collect();
        removed.iter().for_each(|(_, waiting)| self.uncount(&waiting.server));
        self.out.retain(|_, out| *out > 0);
        removed.into_iter().map(|(_, waiting)| waiting.waiter).collect()
    }

    /// A server that nobody waits for is kept: it will be asked again, and this happens at every call.
    fn uncount(&mut self, server: &ServerId) {
        if let Some(out) = self.out.get_mut(server) {
            *out -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_a_limit_of_its_own_and_who_stops_waiting_makes_room() {
        let (pending, one, two) = (Pending::new(2), ServerId::from("chat-1"), ServerId::from("chat-2"));
        let first = pending.add_task(&one).unwrap();
        let _second = pending.add_task(&one).unwrap();
        let error = pending.add_task(&one).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        assert!(error.message().contains("chat-1") && error.message().contains("pending_calls"), "{error}");
        assert!(pending.add_task(&two).is_ok());
        assert!(pending.remove(first.0).is_some() && pending.remove(first.0).is_none());
        assert!(pending.add_task(&one).is_ok() && pending.add_task(&one).is_err());
        assert_eq!(pending.remove_server(&one).len(), 2);
        assert!(pending.add_task(&one).is_ok());
        assert_eq!(pending.len(), 2);
    }
}
