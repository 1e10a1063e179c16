//! Backend request queues: run the forwarded messages of one session one at a time, in order of arrival.
//!
//! ```text
//!           Forward                 Forward, while one runs
//!  none ──────────────▶ running ──────────────────────────▶ running, with some that wait
//!   ▲    a lane's turn     │ ended, none waits                 │ ended
//!   └──────────────────────┘◀──────────────────────────────────┘ the next one, with the overlay applied
//! ```
//!
//! A session takes a place in a lane for its first message only; those that come meanwhile are handled in the
//! same turn. So a session that floods holds one place, and what bounds its waiting messages is the frontend,
//! which reads no more of a client with `queued_requests` unanswered.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;

use super::executor::Job;
use super::pipeline::ReplyTo;
use super::{Dispatch, pipeline};
use crate::metrics::Dropped;
use crate::peers::Task;
use crate::request::Request;
use crate::session::{Change, ClosedSession, Overlay, Session, SessionHandling};
use crate::value::{Error, ErrorKind, Incarnation, Route, ServerId, SessionId};
use crate::wire::envelope::Snapshot;
use crate::wire::{Body, Encoding};

/// Sessions are spread over so many tables, so that workers rarely meet at a lock.
const SHARDS: usize = 16;

/// A client's message that a frontend forwarded here.
pub(crate) struct Forwarded {
    /// The frontend, which the answer goes to.
    pub(crate) from: ServerId,
    /// By what number the frontend knows its question.
    pub(crate) seq: u64,
    /// The session when the message was sent on.
    pub(crate) session: Snapshot,
    /// The method that is to run.
    pub(crate) route: Route,
    /// The client's number; none of a notify.
    pub(crate) id: Option<u64>,
    pub(crate) body: Body,
    /// How the client takes its response.
    pub(crate) accept: Encoding,
    /// Keeps a stop waiting until the message is answered.
    pub(crate) task: Task,
}

/// The sessions that have messages being handled here, each with those that wait.
///
/// A session is in the table as long as one of its messages is running or waiting. That is also how long changes
/// that were pushed from here must be laid over the snapshots of messages: a frontend answers a push after all
/// messages that it forwarded with an older snapshot, on the same ordered link, so once the queue is empty no older
/// snapshot can arrive.
pub(crate) struct SessionQueues([Shard; SHARDS]);

type Shard = Mutex<HashMap<SessionId, Queue, RandomState>>;

/// Nearly every one is empty when it is put into the table and when it is taken out, so it is small.
#[derive(Default)]
struct Queue {
    /// Those that come after the one that runs.
    waiting: VecDeque<Forwarded>,
    /// What handlers here have changed, as long as older snapshots may come.
    overlay: Option<Box<Overlay>>,
    /// The session has closed: its hooks run after the message that runs.
    closed: Option<Box<ClosedSession>>,
}

impl SessionHandling for Dispatch {
    fn note(&self, id: SessionId, change: Change, version: u64) {
        self.queues.note(id, change, version);
    }

    fn close(self: Arc<Self>, closed: ClosedSession) {
        self.queues.close(&self, closed);
    }
}

impl Default for SessionQueues {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl SessionQueues {
    /// Takes a message in: it runs now if its session is idle here, or when those before it have ended.
    pub(crate) fn add(&self, dispatch: &Arc<Dispatch>, message: Forwarded) {
        let id = message.session.id;
        if dispatch.is_concurrent(&message.route) {
            let refused = dispatch.executor().push(id.serial, Job::Turn { message, concurrent: true });
            return refused.into_iter().for_each(|job| refuse(dispatch, job));
        }
        // The lock is held until the lane has taken the message or not: what closes the session meanwhile finds either a queue
        // that has a turn, or none.
        let mut shard = self.shard(id);
        let vacant = match shard.entry(id) {
            Entry::Occupied(queue) => return queue.into_mut().waiting.push_back(message),
            Entry::Vacant(vacant) => vacant,
        };
        match dispatch.executor().push(id.serial, Job::Turn { message, concurrent: false }) {
            None => drop(vacant.insert(Queue::default())),
            Some(job) => {
                drop(shard);
                refuse(dispatch, job);
            }
        }
    }

    /// Lays a change that was made from here over the messages of that session that follow.
    fn note(&self, id: SessionId, change: Change, version: u64) {
        if let Some(queue) = self.shard(id).get_mut(&id) {
            queue.overlay.get_or_insert_default().note(change, version);
        }
    }

    /// The session is closed: what waits is dropped and counted, and once the running message has ended, the hooks run.
    pub(crate) fn close(&self, dispatch: &Arc<Dispatch>, mut closed: ClosedSession) {
        let id = closed.session.id;
        let mut shard = self.shard(id);
        if let Some(queue) = shard.get_mut(&id) {
            dispatch.counters.add_many(Dropped::SessionClosed, queue.waiting.len());
            queue.waiting.clear();
            queue.closed.take().into_iter().for_each(|before| closed.join(*before));
            queue.closed = Some(Box::new(closed));
            return;
        }
        drop(shard);
        dispatch.peers.executor.spawn(dispatch.sessions.clone().run_hooks(closed));
    }

    /// The session is gone: what waits is dropped and counted. Hooks run when its frontend says that it has closed.
    pub(crate) fn drop_waiting(&self, dispatch: &Dispatch, id: SessionId) {
        let waiting = self.shard(id).get_mut(&id).map(|queue| std::mem::take(&mut queue.waiting));
        if let Some(waiting) = waiting {
            dispatch.counters.add_many(Dropped::SessionClosed, waiting.len());
        }
    }

    /// That incarnation of a frontend counts as gone: nobody waits for what waits of its sessions, so it is dropped and counted.
    pub(crate) fn lose(&self, dispatch: &Dispatch, incarnation: Incarnation) {
        for shard in &self.0 {
            let mut shard = lock(shard);
            let lost = shard.iter_mut().filter(|(id, _)| id.incarnation == incarnation);
            let waiting: Vec<_> = lost.map(|(_, queue)| std::mem::take(&mut queue.waiting)).collect();
            drop(shard);
            dispatch.counters.add_many(Dropped::SessionClosed, waiting.iter().map(VecDeque::len).sum());
        }
    }

    /// The next message of a session, with the overlay applied; none ends the session's turn.
    fn next(&self, dispatch: &Arc<Dispatch>, id: SessionId) -> Next {
        let mut shard = self.shard(id);
        let Entry::Occupied(mut queue) = shard.entry(id) else { return Next::Idle };
        if let Some(mut message) = queue.get_mut().waiting.pop_front() {
            if let Some(overlay) = &queue.get().overlay {
                overlay.apply(&mut message.session);
            }
            drop(shard);
            return Next::Message(Opened::new(dispatch, message));
        }
        queue.remove().closed.map_or(Next::Idle, Next::Closed)
    }

    fn shard(&self, id: SessionId) -> MutexGuard<'_, HashMap<SessionId, Queue, RandomState>> {
        lock(&self.0[id.serial as usize % SHARDS])
    }
}

fn lock(shard: &Shard) -> MutexGuard<'_, HashMap<SessionId, Queue, RandomState>> {
    shard.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What follows a message of a session.
enum Next {
    Message(Opened),
    /// The session has closed meanwhile.
    Closed(Box<ClosedSession>),
    Idle,
}

/// The lane of a session is full; who wants no answer can't be told, so the log says it.
#[cold]
fn refuse(dispatch: &Arc<Dispatch>, job: Job) {
    let Job::Turn { message: Forwarded { from, seq, id, .. }, .. } = job else { return };
    if id.is_none() {
        dispatch.counters.add(Dropped::LaneFull);
        dispatch.note_lane_full("a client's notify", &from);
    }
    let error = Error::of(ErrorKind::Overloaded, "the server has too many messages queued");
    dispatch.reply_later(from, seq, Err(error));
}

/// A message whose turn it is.
struct Opened {
    /// What filters and the handler get.
    request: Request,
    /// The frontend's question.
    reply_to: ReplyTo<'static>,
    task: Task,
}

impl Opened {
    fn new(dispatch: &Arc<Dispatch>, message: Forwarded) -> Self {
        let Forwarded { from, seq, session, route, id, body, accept, task } = message;
        let request = Request::new(route, id, body, accept, Session::new(&dispatch.sessions, session));
        Self { request, reply_to: ReplyTo::Frontend { server: from, seq }, task }
    }
}

/// Handles `first` and, unless it is `concurrent`, all messages of its session that come meanwhile.
pub(crate) fn turn(
    dispatch: &Arc<Dispatch>,
    first: Forwarded,
    concurrent: bool,
) -> impl Future<Output = ()> + Send + 'static {
    // Opened at once: the future has room for whatever it is given.
    handle_all(dispatch.clone(), Opened::new(dispatch, first), concurrent)
}

async fn handle_all(dispatch: Arc<Dispatch>, first: Opened, concurrent: bool) {
    let id = first.request.session().id();
    let mut message = first;
    loop {
        handle(&dispatch, message).await;
        if concurrent {
            return;
        }
        match dispatch.queues.next(&dispatch, id) {
            Next::Message(next) => message = next,
            Next::Idle => return,
            Next::Closed(closed) => return dispatch.sessions.clone().run_hooks(*closed).await,
        }
    }
}

/// Handles a message and answers it; whatever happens meanwhile, the session's queue goes on.
async fn handle(dispatch: &Arc<Dispatch>, message: Opened) {
    let Opened { request, reply_to, task } = message;
    let serve = pin!(pipeline::serve(dispatch, &request, &reply_to));
    if let Err(error) = pipeline::contained(dispatch, &request, serve).await {
        reply_to.answer(dispatch, &request, &Err(error));
    }
    drop(task);
}
