//! The executor: lanes, queues that start calls and messages in the order in which they arrived.
//!
//! ```text
//!  links ──▶ push(key) ──▶ lane 0: [call, call, turn]  ──▶ polled once, in order ──▶ ready: answered
//!                          lane 1: [turn]                                        └─▶ pending: a task of its own
//! ```
//!
//! Calls with the same first argument have the same key, and so start in the order in which one task made
//! them. They may end in another order. A link's reader never waits here: a full lane gives the job back, and
//! the caller gets `Overloaded`.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::{BoxFuture, poll_fn};
use tokio::task::{coop, yield_now};
use tokio::time::Instant;

use super::Dispatch;
use super::jobs::{Queue, Taker};
use super::pipeline::{at_once, stopping};
use super::queues::Forwarded;
use crate::method::Inbound;
use crate::outbox::turn;
use crate::peers::Task;
use crate::runtime::boundary::Site;
use crate::runtime::{Within, Work, boundary, origin};
use crate::value::{Error, ErrorKind, ServerId};
use crate::wire::envelope::{Answer, Origin};

/// After so many jobs at once a lane lets others have their turn: those that are ready at once cost a microsecond each.
const JOBS_PER_TURN: usize = 64;

/// Something that arrived and is to be run.
pub(crate) enum Job {
    /// A call of a remote.
    Call { from: ServerId, seq: u64, method: u32, origin: Origin, args: Bytes, task: Task },
    /// A client's message; with it those of its session that follow, unless it is concurrent.
    Turn { message: Forwarded, concurrent: bool },
}

/// Queues by first argument. A lane polls each job once, in the order of arrival, and spawns it only if it is still
/// pending: short jobs never cost a task, long ones never hold up the lane.
///
/// What waits in a lane is not the task's: one that is begun again after a panic goes on with it.
pub(crate) struct Executor(Vec<Arc<Queue<Job>>>);

impl Executor {
    pub(crate) fn start(dispatch: &Arc<Dispatch>) -> Self {
        let lanes = (0..dispatch.limits.lanes.max(1)).map(|_| {
            let (queue, taker) = Queue::new(dispatch.limits.lane_queue.max(1));
            let (lane, taker) = (dispatch.clone(), Arc::new(taker));
            dispatch
                .tasks
                .spawn_on(&dispatch.peers.executor, "lane", move || run(lane.clone(), taker.clone()));
            queue
        });
        Self(lanes.collect())
    }

    /// Queues a job in the lane of its key; gives it back if that is full.
    pub(crate) fn push(&self, key: u64, job: Job) -> Option<Job> {
        self.0[key as usize % self.0.len()].push(job)
    }
}

async fn run(dispatch: Arc<Dispatch>, jobs: Arc<Taker<Job>>) {
    loop {
        for _ in 0..JOBS_PER_TURN {
            poll_fn(|cx| poll_job(&dispatch, &jobs, cx)).await;
            if turn::is_over() || !coop::has_budget_remaining() {
                break;
            }
        }
        yield_now().await;
    }
}

/// Takes the next job and polls it.
fn poll_job(dispatch: &Arc<Dispatch>, jobs: &Taker<Job>, cx: &mut Context<'_>) -> Poll<()> {
    let mut work = ready!(jobs.poll(cx, |job| begin(dispatch, job)));
    if work.as_mut().poll(cx).is_pending() {
        dispatch.peers.executor.spawn(work);
    }
    Poll::Ready(())
}

fn begin(dispatch: &Arc<Dispatch>, job: Job) -> BoxFuture<'static, ()> {
    match job {
        Job::Call { from, seq, method, origin, args, task } => {
            let inbound = Inbound { from, args };
            Box::pin(serve(dispatch.clone(), inbound, seq, method, origin, task))
        }
        Job::Turn { message, concurrent } => Box::pin(super::queues::turn(dispatch, message, concurrent)),
    }
}

/// Runs a call of a remote and answers it; whatever happens meanwhile, the lane goes on.
async fn serve(dispatch: Arc<Dispatch>, inbound: Inbound, seq: u64, method: u32, origin: Origin, task: Task) {
    let answer = pin!(answer(&dispatch, &inbound, seq, method));
    let answer = origin::scope(origin, answer).within(Within::call(&dispatch, &inbound.from, method, origin));
    if let (Err(error), 1..) = (boundary::survive(&dispatch, "call", answer).await, seq) {
        dispatch.reply(&inbound.from, seq, Err(error));
    }
    drop(task);
}

async fn answer(dispatch: &Arc<Dispatch>, inbound: &Inbound, seq: u64, method: u32) {
    let (from, began) = (&inbound.from, Instant::now());
    let endpoints = dispatch.endpoints();
    let endpoint = endpoints.as_ref().and_then(|endpoints| endpoints.remote(method));
    let mut result = match endpoint {
        Some(endpoint) => {
            let site = Site::new(dispatch, "remote").method(method);
            let answer =
                boundary::run(site, (endpoint, inbound), |(endpoint, inbound)| endpoint.answer(inbound));
            let mut run = pin!(answer);
            let ended = match at_once(run.as_mut()).await {
                Poll::Ready(ended) => ended,
                Poll::Pending => {
                    let _entered = dispatch.underway.enter(Work::Call { method, from: from.clone() });
                    run.await
                }
            };
            ended.flatten()
        }
        None if endpoints.is_none() => Err(stopping()),
        None => Err(Error::of(ErrorKind::NoSuchMethod, format_args!("no method of number {method}"))),
    };
    let stats = endpoint.map_or_else(|| dispatch.stats.unknown(), |endpoint| endpoint.stats());
    stats.add(result.as_ref().err(), began.elapsed());
    if let Err(error) = &mut result {
        Site::new(dispatch, "remote").method(method).failed_for(Some(from), error);
    }
    if seq != 0 {
        dispatch.reply(from, seq, result.map(Answer::Returned));
    }
}
