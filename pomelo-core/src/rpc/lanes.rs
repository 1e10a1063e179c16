//! What starts calls and messages in the order in which they arrived.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::app::{Core, Task};
use crate::boundary::{self, Site};
use crate::envelope::Answer;
use crate::error::{Error, ErrorKind};
use crate::remote::Inbound;
use crate::server::ServerId;
use crate::session::{self, Forwarded, Origin};

/// Something that arrived and is to be run.
pub(crate) enum Job {
    /// A call of a remote.
    Call { from: ServerId, seq: u64, method: u32, origin: Origin, args: Bytes, task: Task },
    /// A client's message; with it those of its session that follow, unless it runs alone.
    Turn { message: Forwarded, alone: bool },
}

/// Queues by first argument. A lane polls each job once, in the order of arrival, and spawns it only if it is still
/// pending: short jobs never cost a task, long ones never hold up the lane.
pub(crate) struct Lanes {
    lanes: Vec<mpsc::Sender<Job>>,
    tasks: Vec<AbortHandle>,
}

impl Lanes {
    pub(crate) fn start(core: &Arc<Core>) -> Self {
        let mut lanes = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..core.limits.lanes.max(1) {
            let (sender, receiver) = mpsc::channel(core.limits.lane_queue.max(1));
            lanes.push(sender);
            tasks.push(core.executor.spawn(run(core.clone(), receiver)).abort_handle());
        }
        Self { lanes, tasks }
    }

    /// Queues a job in the lane of its key; false if that is full.
    pub(crate) fn push(&self, key: u64, job: Job) -> bool {
        let lane = key as usize % self.lanes.len();
        self.lanes[lane].try_send(job).is_ok()
    }

    pub(crate) fn stop(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn run(core: Arc<Core>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let mut work: BoxFuture<'static, ()> = match job {
            Job::Call { from, seq, method, origin, args, task } => {
                Box::pin(serve(core.clone(), from, seq, method, origin, args, task))
            }
            Job::Turn { message, alone } => Box::pin(session::turn(core.clone(), message, alone)),
        };
        let first = futures::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
        if first.is_pending() {
            core.executor.spawn(work);
        }
    }
}

/// Runs a call of a remote and answers it; whatever happens meanwhile, the lane goes on.
async fn serve(
    core: Arc<Core>,
    from: ServerId,
    seq: u64,
    method: u32,
    origin: Origin,
    args: Bytes,
    task: Task,
) {
    let answer = pin!(answer(&core, &from, seq, method, args));
    if let (Err(error), 1..) = (boundary::survive(&core, "call", origin.scope(answer)).await, seq) {
        core.reply(&from, seq, Err(error));
    }
    drop(task);
}

async fn answer(core: &Arc<Core>, from: &ServerId, seq: u64, method: u32, args: Bytes) {
    let began = Instant::now();
    let inbound = Inbound { core: core.clone(), from: from.clone(), args };
    let result = match core.node() {
        Some(node) => {
            let site = Site::new(core, "remote").method(method);
            boundary::run(site, || node.answer(method, &inbound)).await.flatten()
        }
        None => Err(Error::of(ErrorKind::Closed, "the server is stopping")),
    };
    core.tallies.called(core, method, result.is_err(), began.elapsed());
    if seq != 0 {
        core.reply(from, seq, result.map(Answer::Returned));
    } else if let Err(error) = result {
        tracing::warn!(%from, %error, "a notified remote failed");
    }
}
