//! Pending answers: every question that is out, with who waits for its answer.
//!
//! Whoever takes an entry out of the table ends it: its answer, its deadline, the loss of the link, the closing of its
//! session, or the guard of who asked. There is one entry, so exactly one of these happens.
//!
//! A question of a task has no timer of its own: one task looks for those whose deadline has passed ([`deadlines`](super::deadlines)),
//! and the table knows when it looks next. Nearly every deadline is later than that, so asking costs a comparison.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::value::{Error, ErrorKind, Result, ServerId};
use crate::wire::envelope::Answer;

/// Numbers of questions that are out, with who waits for each.
pub(crate) struct Pending {
    /// The last number that was given.
    serial: AtomicU64,
    /// How many may wait for one server, so that one which doesn't answer costs only those who ask it.
    limit: AtomicUsize,
    table: Mutex<Table>,
    /// Notified when something is due before the next look.
    sooner: Arc<Notify>,
}

#[derive(Default)]
struct Table {
    /// By number.
    waiting: HashMap<u64, Waiting, RandomState>,
    /// How many wait for each server.
    out: HashMap<ServerId, usize, RandomState>,
    /// When the deadlines are looked at next; none if nobody waits for that.
    next_look: Option<Instant>,
}

struct Waiting {
    /// Who was asked.
    server: ServerId,
    /// Who is told.
    waiter: Waiter,
}

/// Who waits.
pub(crate) enum Waiter {
    /// A task, until its deadline.
    Task(oneshot::Sender<Result<Answer>>, Instant),
    /// A session that closes, for the hooks there, until its deadline. It takes no place: sessions that close together, each of which
    /// was let in, must not keep others from calling.
    Closing(oneshot::Sender<Result<Answer>>, Instant),
    /// A client, for the response to a request that was forwarded and had arrived then.
    Client { session: Arc<dyn AwaitsReply>, arrived: Instant },
}

impl Waiter {
    /// When whoever waits is told that no answer came in time. Clients are told by the [sweep](Pending::remove_overdue).
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Task(_, deadline) | Self::Closing(_, deadline) => Some(*deadline),
            Self::Client { .. } => None,
        }
    }
}

/// A session whose requests are out. It knows by their numbers which.
pub(crate) trait AwaitsReply: Send + Sync {
    /// The question of that number has ended so. Whoever took its entry out of the table says it, so it is said once.
    fn replied(self: Arc<Self>, seq: u64, result: Result<Answer>);
}

/// A task's place in the table, and where its answer arrives. A task that stops waiting drops it, which makes room.
pub(crate) struct Question<'a> {
    pending: &'a Pending,
    seq: u64,
    answer: oneshot::Receiver<Result<Answer>>,
    is_over: bool,
}

impl Question<'_> {
    /// The number that its answer carries.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// Waits for the answer; none if there will be none, since the link is lost.
    ///
    /// # Cancel safety
    /// Nothing is lost: the answer can be awaited again.
    pub(crate) async fn answer(&mut self) -> Option<Result<Answer>> {
        let answer = (&mut self.answer).await.ok();
        // Whoever answered has taken the entry out.
        self.is_over = true;
        answer
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.pending.remove(self.seq);
        }
    }
}

/// A client's place in the table until its request is on its way; dropped before that, it is taken back.
#[must_use]
pub(crate) struct Entry<'a> {
    pending: &'a Pending,
    seq: u64,
}

impl Entry<'_> {
    /// The number that the answer carries.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// The request is on its way: from now on its answer, its deadline, the link or the session ends it.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }

    /// The request could not be sent; false if somebody has ended it meanwhile, and so answers it.
    pub(crate) fn withdraw(self) -> bool {
        let is_mine = self.pending.remove(self.seq).is_some();
        std::mem::forget(self);
        is_mine
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.pending.remove(self.seq);
    }
}

impl Pending {
    pub(crate) fn new(limit: usize) -> Self {
        let (serial, limit, sooner) = (AtomicU64::new(0), AtomicUsize::new(limit), Arc::default());
        Self { serial, limit, table: Mutex::default(), sooner }
    }

    /// What waits already stays, also if it is more.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Adds a task that waits until a deadline.
    ///
    /// # Errors
    /// `Overloaded`, if too many wait for that server.
    pub(crate) fn add_task(&self, server: &ServerId, deadline: Instant) -> Result<Question<'_>> {
        let (sender, answer) = oneshot::channel();
        let seq = self.add(server, Waiter::Task(sender, deadline))?;
        Ok(Question { pending: self, seq, answer, is_over: false })
    }

    /// Adds a session that closes, and waits until a deadline.
    pub(crate) fn add_closing(&self, server: &ServerId, deadline: Instant) -> Question<'_> {
        let (sender, answer) = oneshot::channel();
        let seq = self.insert(self.lock(), server, Waiter::Closing(sender, deadline));
        Question { pending: self, seq, answer, is_over: false }
    }

    /// # Errors
    /// As [`add_task`](Self::add_task).
    pub(crate) fn add_client(
        &self,
        server: &ServerId,
        session: Arc<dyn AwaitsReply>,
        arrived: Instant,
    ) -> Result<Entry<'_>> {
        let seq = self.add(server, Waiter::Client { session, arrived })?;
        Ok(Entry { pending: self, seq })
    }

    fn add(&self, server: &ServerId, waiter: Waiter) -> Result<u64> {
        let limit = self.limit.load(Ordering::Relaxed);
        let mut table = self.lock();
        if !table.count(server, limit) {
            let why = format!("{limit} calls to {server} wait for an answer (pending_calls)");
            return Err(Error::of(ErrorKind::Overloaded, why));
        }
        Ok(self.insert(table, server, waiter))
    }

    fn insert(&self, mut table: MutexGuard<'_, Table>, server: &ServerId, waiter: Waiter) -> u64 {
        let seq = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        let is_sooner = waiter.deadline().is_some_and(|deadline| table.look_by(deadline));
        table.waiting.insert(seq, Waiting { server: server.clone(), waiter });
        drop(table);
        if is_sooner {
            self.sooner.notify_one();
        }
        seq
    }

    /// Takes an entry out; none if somebody was faster.
    pub(crate) fn remove(&self, seq: u64) -> Option<Waiter> {
        self.lock().remove(seq).map(|waiting| waiting.waiter)
    }

    /// Compares servers by how many wait for each, all at one moment.
    pub(crate) fn with_out<T>(&self, compare: impl FnOnce(&dyn Fn(&ServerId) -> usize) -> T) -> T {
        let table = self.lock();
        compare(&|server| table.out.get(server).copied().unwrap_or(0))
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Takes out those of these entries that are still there; each with what it was given with, and the server that was asked.
    pub(crate) fn remove_all<T>(&self, entries: impl IntoIterator<Item = (u64, T)>) -> Vec<(ServerId, T)> {
        let mut table = self.lock();
        let removed = entries.into_iter().map(|(seq, of)| Some((table.remove(seq)?.server, of)));
        removed.flatten().collect()
    }

    /// All that wait for a server that is gone, each with its number.
    pub(crate) fn remove_server(&self, server: &ServerId) -> Vec<(u64, Waiter)> {
        self.lock().remove_where(|waiting| waiting.server == *server)
    }

    /// Clients that have waited longer than `limit`, each with its number: the server is up and doesn't answer.
    pub(crate) fn remove_overdue(&self, limit: Duration) -> Vec<(u64, Waiter)> {
        let now = Instant::now();
        self.lock().remove_where(|waiting| match &waiting.waiter {
            Waiter::Client { arrived, .. } => now.duration_since(*arrived) > limit,
            Waiter::Task(..) | Waiter::Closing(..) => false,
        })
    }

    /// When the deadlines are to be looked at next; none while no question has one.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.lock().next_look
    }

    /// Notified when that is sooner than it was.
    pub(super) fn sooner(&self) -> &Arc<Notify> {
        &self.sooner
    }

    /// Takes out those whose deadline has passed, each with the server that was asked; the others are looked at when the first of
    /// them is due.
    pub(super) fn remove_late(&self) -> Vec<(ServerId, u64, Waiter)> {
        let (now, mut table) = (Instant::now(), self.lock());
        let is_late = |waiting: &Waiting| waiting.waiter.deadline().is_some_and(|deadline| deadline <= now);
        let late: Vec<_> = table.waiting.extract_if(|_, waiting| is_late(waiting)).collect();
        late.iter().for_each(|(_, waiting)| table.uncount(waiting));
        table.next_look = table.waiting.values().filter_map(|waiting| waiting.waiter.deadline()).min();
        late.into_iter().map(|(seq, Waiting { server, waiter })| (server, seq, waiter)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Table {
    /// Has the deadlines looked at by then; true if that is sooner than planned.
    fn look_by(&mut self, deadline: Instant) -> bool {
        let is_sooner = self.next_look.is_none_or(|next| deadline < next);
        if is_sooner {
            self.next_look = Some(deadline);
        }
        is_sooner
    }

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

    fn remove(&mut self, seq: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&seq)?;
        self.uncount(&waiting);
        Some(waiting)
    }

    fn remove_where(&mut self, wanted: impl Fn(&Waiting) -> bool) -> Vec<(u64, Waiter)> {
        let removed: Vec<_> = self.waiting.extract_if(|_, waiting| wanted(waiting)).collect();
        removed.iter().for_each(|(_, waiting)| self.uncount(waiting));
        self.out.retain(|_, out| *out > 0);
        removed.into_iter().map(|(seq, waiting)| (seq, waiting.waiter)).collect()
    }

    /// A server that nobody waits for is kept: it will be asked again, and this happens at every call.
    fn uncount(&mut self, Waiting { server, waiter }: &Waiting) {
        if matches!(waiter, Waiter::Closing(..)) {
            return;
        }
        if let Some(out) = self.out.get_mut(server) {
            *out -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[test]
    fn each_server_has_a_limit_of_its_own_and_who_stops_waiting_makes_room() {
        let (pending, one, two) = (Pending::new(2), ServerId::from("chat-1"), ServerId::from("chat-2"));
        let first = pending.add_task(&one, soon()).unwrap();
        let _second = pending.add_task(&one, soon()).unwrap();
        let error = pending.add_task(&one, soon()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        assert!(error.message().contains("chat-1") && error.message().contains("pending_calls"), "{error}");
        let _other = pending.add_task(&two, soon()).unwrap();
        drop(first);
        let _third = pending.add_task(&one, soon()).unwrap();
        assert!(pending.add_task(&one, soon()).is_err());
        assert_eq!(pending.remove_server(&one).len(), 2);
        assert_eq!(pending.len(), 1);
        assert!(pending.add_task(&one, soon()).is_ok());
    }

    #[test]
    fn sessions_that_close_take_no_place() {
        let (pending, one) = (Pending::new(1), ServerId::from("chat-1"));
        let closing: Vec<_> = (0..3).map(|_| pending.add_closing(&one, soon())).collect();
        let call = pending.add_task(&one, soon()).unwrap();
        drop(closing);
        assert!(pending.add_task(&one, soon()).is_err(), "it has the only place");
        drop(call);
        assert!(pending.add_task(&one, soon()).is_ok());
        let _closing = pending.add_closing(&one, soon());
        assert_eq!(pending.remove_server(&one).len(), 1);
    }

    #[tokio::test]
    async fn an_answered_question_is_out_of_the_table_once() {
        let (pending, one) = (Pending::new(2), ServerId::from("chat-1"));
        let mut question = pending.add_task(&one, soon()).unwrap();
        let Some(Waiter::Task(task, _)) = pending.remove(question.seq()) else { panic!("it is there") };
        assert!(pending.remove(question.seq()).is_none(), "nobody else can end it");
        let later = pending.add_task(&one, soon()).unwrap();
        task.send(Ok(Answer::Done(7))).unwrap();
        assert!(matches!(question.answer().await, Some(Ok(Answer::Done(7)))));
        drop(question);
        assert_eq!(pending.len(), 1);
        drop(later);
        assert_eq!(pending.len(), 0);
    }

    #[tokio::test]
    async fn a_question_whose_entry_is_dropped_gets_no_answer() {
        let (pending, one) = (Pending::new(2), ServerId::from("chat-1"));
        let mut question = pending.add_task(&one, soon()).unwrap();
        drop(pending.remove_server(&one));
        assert!(question.answer().await.is_none());
    }

    /// The answer, the loss of the link, the closing of a session and whoever asked all want to end it at the same time.
    #[test]
    fn of_all_that_may_end_a_question_exactly_one_does() {
        for _ in 0..200 {
            let (pending, one) = (Pending::new(100), ServerId::from("chat-1"));
            let questions: Vec<_> = (0..20).map(|_| pending.add_task(&one, soon()).unwrap()).collect();
            let seqs: Vec<_> = questions.iter().map(Question::seq).collect();
            let entries = || seqs.iter().map(|seq| Entry { pending: &pending, seq: *seq });
            let (start, ended) = (std::sync::Barrier::new(4), AtomicUsize::new(0));
            let end = |how: &dyn Fn() -> usize| {
                start.wait();
                ended.fetch_add(how(), Ordering::Relaxed);
            };
            std::thread::scope(|threads| {
                threads.spawn(|| end(&|| seqs.iter().filter_map(|seq| pending.remove(*seq)).count()));
                threads.spawn(|| end(&|| pending.remove_server(&one).len()));
                threads.spawn(|| end(&|| pending.remove_all(seqs.iter().map(|seq| (*seq, ()))).len()));
                threads.spawn(|| end(&|| entries().map(Entry::withdraw).filter(|is_mine| *is_mine).count()));
            });
            assert_eq!((ended.into_inner(), pending.len()), (20, 0));
        }
    }
}
