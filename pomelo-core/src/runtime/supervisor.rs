//! A server's supervisor: starts the tasks that must live as long as the server, begins them again after a panic, and ends
//! the server when that doesn't help.
//!
//! A supervised task keeps what it works on outside of its future: in what its closure holds, with guards that give back what
//! was taken out when the future is dropped on the way. So the next run finds all that the last one left.
//!
//! ```text
//!  spawn ─▶ running ── returns ──▶ over
//!              │ panics
//!              ▼
//!           paused (10 ms, doubled each time, at most 1 s) ─▶ running again
//!              │ the eighth panic in a row
//!              ▼
//!           the server fails: `failed` resolves, and whoever runs it ends it
//! ```

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use futures::FutureExt;
use futures::future::poll_fn;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, Timeout, timeout_at};

use crate::value::{Error, ErrorKind};

/// The pause before a task begins again; it doubles with each panic, up to [`LONGEST_PAUSE`]. Short, since a server without
/// one of its tasks doesn't serve; longer each time, so that a fault that stays doesn't fill the log.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A task that panics so often, with less than [`PANICS_FORGOTTEN_AFTER`] between two, ends its server: some three seconds of a fault that stays.
const MAX_PANICS: u32 = 8;

/// After so long a run the panics before it are forgotten.
const PANICS_FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// Starts tasks that live as long as one server. Clones are the same supervisor.
///
/// A server has one; a transport or a discovery makes one for each server that it serves, which reports to
/// [`LinkEvents::failed`](crate::cluster::LinkEvents::failed) or [`MembershipEvents::failed`](crate::cluster::MembershipEvents::failed).
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

struct Shared {
    /// The server's id, for logs.
    server: String,
    /// Where its tasks run.
    runtime: Handle,
    /// Told of every panic of a task.
    report: Box<dyn Fn(&Error) + Send + Sync>,
    /// Why the server can't go on, once it can't.
    failure: OnceLock<Error>,
    /// Wakes those who wait for a failure.
    failing: Notify,
    /// The tasks that run.
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    running: Vec<Running>,
    is_ended: bool,
}

struct Running {
    name: String,
    task: AbortHandle,
    trip: Arc<AtomicBool>,
}

/// Ends a supervised task, when it is dropped or told to.
#[derive(Debug)]
#[must_use = "the task ends when this is dropped"]
pub struct Supervised(JoinHandle<()>);

impl Supervised {
    /// Ends the task, and waits until it is gone with all that it held.
    ///
    /// # Cancel safety
    /// The task ends, also when this is dropped.
    pub async fn end(mut self) {
        self.0.abort();
        // It ends as cancelled, unless it had ended before.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Supervisor {
    /// A supervisor for `server` that starts tasks on `runtime`; `report` is told once, if one of them can't go on.
    pub fn new(
        runtime: Handle,
        server: impl fmt::Display,
        report: impl Fn(&Error) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            server: server.to_string(),
            runtime,
            report: Box::new(report),
            failure: OnceLock::new(),
            failing: Notify::new(),
            tasks: Mutex::default(),
        }))
    }

    /// The runtime that runs the tasks. It is the server's own also in threads that are no workers.
    pub fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// Gives `work` until `deadline`, also where whoever awaits it is in a thread that belongs to no runtime.
    pub(crate) fn by<F: Future>(&self, deadline: Instant, work: F) -> Timeout<F> {
        let is_elsewhere = tokio::runtime::worker_index().is_none();
        let _entered = is_elsewhere.then(|| self.0.runtime.enter());
        timeout_at(deadline, work)
    }

    /// Runs a task until the server ends, or the task returns. When it panics, it is made again after a pause.
    pub fn spawn<F>(&self, name: impl Into<String>, make: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_on(&self.0.runtime, name, make);
    }

    /// As [`spawn`](Self::spawn), on another runtime: that of a server which has one thread.
    pub fn spawn_on<F>(
        &self,
        runtime: &Handle,
        name: impl Into<String>,
        make: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.start(runtime, name.into(), make));
    }

    /// As [`spawn`](Self::spawn), for a task that ends earlier: when what is returned is dropped.
    pub fn spawn_guarded<F>(
        &self,
        name: impl Into<String>,
        make: impl FnMut() -> F + Send + 'static,
    ) -> Supervised
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Supervised(self.start(&self.0.runtime, name.into(), make))
    }

    fn start<F>(
        &self,
        runtime: &Handle,
        name: String,
        make: impl FnMut() -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let trip = Arc::new(AtomicBool::new(false));
        let task = keep(Arc::downgrade(&self.0), name.clone(), trip.clone(), make);
        let task = runtime.spawn(task);
        let mut tasks = self.0.tasks();
        if tasks.is_ended {
            task.abort();
        }
        tasks.running.retain(|running| !running.task.is_finished());
        tasks.running.push(Running { name, task: task.abort_handle(), trip });
        task
    }

    /// The server can't go on: its owner is told, and ends it. Only the first error counts.
    pub fn fail(&self, error: Error) {
        self.0.fail(error);
    }

    /// Why the server can't go on, once it can't.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn failed(&self) -> Error {
        loop {
            let failing = self.0.failing.notified();
            if let Some(error) = self.0.failure.get() {
                return error.clone();
            }
            failing.await;
        }
    }

    /// Ends all tasks; those that are started from now on end at once.
    pub fn end(&self) {
        let mut tasks = self.0.tasks();
        tasks.is_ended = true;
        tasks.running.drain(..).for_each(|running| running.task.abort());
    }

    /// Whether [`end`](Self::end) was called: the server is gone.
    pub fn is_ended(&self) -> bool {
        self.0.tasks().is_ended
    }

    /// The names of the tasks that run.
    pub fn running(&self) -> Vec<String> {
        let tasks = self.0.tasks();
        tasks
            .running
            .iter()
            .filter(|running| !running.task.is_finished())
            .map(|running| running.name.clone())
            .collect()
    }

    /// Makes the tasks of that name panic when they are polled next, and says how many there are: for tests of what becomes of
    /// the work that they held.
    #[doc(hidden)]
    pub fn trip(&self, name: &str) -> usize {
        let tasks = self.0.tasks();
        let named =
            tasks.running.iter().filter(|running| running.name == name && !running.task.is_finished());
        named.map(|running| running.trip.store(true, Ordering::Relaxed)).count()
    }
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn fail(&self, error: Error) {
        let mut is_first = false;
        let error = self.failure.get_or_init(|| {
            is_first = true;
            error
        });
        if is_first {
            survive(|| tracing::error!(server = self.server, %error, "the server can't go on"));
            survive(|| (self.report)(error));
            self.failing.notify_waiters();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tasks().running.drain(..).for_each(|running| running.task.abort());
    }
}

/// Runs a task again and again until it returns. It doesn't hold the supervisor, so that tasks end with the last owner.
async fn keep<F>(
    supervisor: Weak<Shared>,
    name: String,
    trip: Arc<AtomicBool>,
    mut make: impl FnMut() -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut panics, mut pause) = (0, FIRST_PAUSE);
    loop {
        let began = Instant::now();
        let Err(panic) = run(&trip, &mut make).await else { return };
        if began.elapsed() >= PANICS_FORGOTTEN_AFTER {
            (panics, pause) = (0, FIRST_PAUSE);
        }
        panics += 1;
        let Some(shared) = supervisor.upgrade() else { return };
        let why = text(&*panic);
        survive(|| {
            tracing::error!(server = shared.server, task = name, panics, panic = why, "a task panicked")
        });
        if panics >= MAX_PANICS {
            let why = format_args!("{}: the task `{name}` panicked {panics} times: {why}", shared.server);
            return shared.fail(Error::of(ErrorKind::Panic, why));
        }
        drop(shared);
        survive(|| drop(panic));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One run of a task.
async fn run<F: Future<Output = ()>>(
    trip: &AtomicBool,
    make: &mut impl FnMut() -> F,
) -> Result<(), Box<dyn Any + Send>> {
    let mut work = Box::pin(catch_unwind(AssertUnwindSafe(make))?);
    let polled = poll_fn(|cx| {
        if trip.load(Ordering::Relaxed) && trip.swap(false, Ordering::Relaxed) {
            panic!("tripped by a test");
        }
        work.as_mut().poll(cx)
    });
    let ended = AssertUnwindSafe(polled).catch_unwind().await;
    // What the task held is given back when it is dropped, before the next run.
    let given_back = catch_unwind(AssertUnwindSafe(|| drop(work)));
    ended.and(given_back)
}

/// What a panic says.
fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "?".to_owned())
}

/// Does what may panic and must not end who does it: a log that can't be written, a panic's payload that can't be dropped.
fn survive(act: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(act)) {
        std::mem::forget(panic);
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("server", &self.0.server).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::mpsc;

    use super::*;

    fn supervisor() -> (Supervisor, Arc<Mutex<Vec<String>>>) {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let report = reported.clone();
        let report = move |error: &Error| report.lock().unwrap().push(error.message().to_owned());
        (Supervisor::new(Handle::current(), "chat-1", report), reported)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_begins_again_with_what_it_left() {
        let (supervisor, reported) = supervisor();
        let (sender, receiver) = mpsc::channel(10);
        let (receiver, sum) = (Arc::new(tokio::sync::Mutex::new(receiver)), Arc::new(AtomicUsize::new(0)));
        let total = sum.clone();
        supervisor.spawn("adder", move || {
            let (receiver, total) = (receiver.clone(), total.clone());
            async move {
                while let Some(number) = receiver.lock().await.recv().await {
                    assert_ne!(number, 3, "a number that it can't add");
                    total.fetch_add(number, Ordering::SeqCst);
                }
            }
        });
        for number in 1..=5 {
            sender.send(number).await.unwrap();
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
        assert_eq!(sum.load(Ordering::SeqCst), 1 + 2 + 4 + 5);
        assert_eq!(supervisor.running(), ["adder"]);
        assert!(reported.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_again_and_again_ends_its_server_with_a_reason() {
        let (supervisor, reported) = supervisor();
        supervisor.spawn("hopeless", || async { panic!("no") });
        let error = supervisor.failed().await;
        assert_eq!(error.message(), "chat-1: the task `hopeless` panicked 8 times: no");
        supervisor.fail(Error::new(500, "a later reason"));
        assert_eq!(*reported.lock().unwrap(), [error.message()]);
    }

    #[tokio::test(start_paused = true)]
    async fn panics_that_lie_far_apart_end_nothing() {
        let (supervisor, reported) = supervisor();
        supervisor.spawn("rare", || async {
            tokio::time::sleep(PANICS_FORGOTTEN_AFTER).await;
            panic!("now and then");
        });
        tokio::time::sleep(PANICS_FORGOTTEN_AFTER * 3 * MAX_PANICS).await;
        assert_eq!(supervisor.running(), ["rare"]);
        assert!(reported.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_end_with_their_supervisor_their_guard_or_when_told() {
        let held = Arc::new(());
        let hold = |held: &Arc<()>| {
            let held = held.clone();
            move || {
                let held = held.clone();
                async move {
                    std::future::pending::<()>().await;
                    drop(held);
                }
            }
        };
        let soon = || tokio::time::sleep(Duration::from_millis(1));
        let (supervisor, _) = supervisor();
        let guard = supervisor.spawn_guarded("guarded", hold(&held));
        supervisor.spawn("told", hold(&held));
        soon().await;
        assert_eq!(Arc::strong_count(&held), 5);
        drop(guard);
        soon().await;
        assert_eq!(Arc::strong_count(&held), 3);
        supervisor.end();
        supervisor.spawn("late", hold(&held));
        soon().await;
        assert_eq!(Arc::strong_count(&held), 1);
        let (another, _) = self::supervisor();
        another.spawn("dropped", hold(&held));
        soon().await;
        drop(another);
        soon().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_whose_end_panics_begins_again_too() {
        struct Bad(Arc<AtomicUsize>);
        impl Drop for Bad {
            fn drop(&mut self) {
                assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the first drop");
            }
        }
        let (supervisor, _) = supervisor();
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = drops.clone();
        supervisor.spawn("bad", move || {
            let bad = Bad(counted.clone());
            async move {
                tokio::task::yield_now().await;
                assert!(bad.0.load(Ordering::SeqCst) > 0, "the first run");
                std::future::pending::<()>().await;
            }
        });
        assert_eq!(supervisor.trip("bad"), 1);
        tokio::time::sleep(PANICS_FORGOTTEN_AFTER).await;
        assert_eq!((drops.load(Ordering::SeqCst), supervisor.running()), (1, vec!["bad".to_owned()]));
    }
}
