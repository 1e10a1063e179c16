//! Lanes: queues that start calls and messages in the order in which they arrived.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc};
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::app::{Core, Task, Work};
use crate::boundary::{self, Site};
use crate::envelope::Answer;
use crate::error::{Error, ErrorKind};
use crate::handling::at_once;
use crate::outbox::turn;
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
///
/// What waits in a lane is not the task's: one that is begun again after a panic goes on with it.
pub(crate) struct Lanes(Vec<mpsc::Sender<Job>>);

impl Lanes {
    pub(crate) fn start(core: &Arc<Core>) -> Self {
        let lanes = (0..core.limits.lanes.max(1)).map(|_| {
            let (sender, receiver) = mpsc::channel(core.limits.lane_queue.max(1));
            let (lane, receiver) = (core.clone(), Arc::new(Mutex::new(receiver)));
            core.tasks.spawn_on(&core.executor, "lane", move || run(lane.clone(), receiver.clone()));
            sender
        });
        Self(lanes.collect())
    }

    /// Queues a job in the lane of its key; false if that is full.
    pub(crate) fn push(&self, key: u64, job: Job) -> bool {
        self.0[key as usize % self.0.len()].try_send(job).is_ok()
    }
}

async fn run(core: Arc<Core>, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let mut jobs = jobs.lock().await;
    while let Some(job) = jobs.recv().await {
        let mut work: BoxFuture<'static, ()> = match job {
            Job::Call { from, seq, method, origin, args, task } => {
                Box::pin(serve(core.clone(), from, seq, method, origin, args, task))
            }
            Job::Turn { message, alone } => Box::pin(session::turn(core.clone(), message, alone)),
        };
        if at_once(work.as_mut()).await.is_pending() {
            core.executor.spawn(work);
        }
        if turn::is_over() {
            yield_now().await;
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
    let mut result = match core.node() {
        Some(node) => {
            let site = Site::new(core, "remote").method(method);
            let mut run = pin!(boundary::run(site, || node.answer(method, &inbound)));
            let ended = match at_once(run.as_mut()).await {
                Poll::Ready(ended) => ended,
                Poll::Pending => {
                    let _entered = core.underway.enter(Work::Call { method, from: from.clone() });
                    run.await
                }
            };
            ended.flatten()
        }
        None => Err(Error::of(ErrorKind::Closed, "the server is stopping")),
    };
    core.tallies.called(core, method, result.as_ref().err(), began.elapsed());
    if let Err(error) = &mut result {
        Site::new(core, "remote").method(method).failed_for(Some(from), error);
    }
    if seq != 0 {
        core.reply(from, seq, result.map(Answer::Returned));
    }
}
