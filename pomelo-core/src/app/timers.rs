//! Timers of a server: what the application runs by the clock, as a game does with JavaScript's `setInterval` and `setTimeout`.
//!
//! ```text
//!  every, tick, after ─▶ waits until it is due ─▶ runs, where the server's code runs ─▶ waits again
//!                          │ cancelled, or the `before_shutdown` hooks have run: it is over
//! ```
//!
//! A timer has one run at a time. Times that pass meanwhile are merged: the next run begins at the next multiple of the interval,
//! and is told how many there were.

use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::App;
use super::cluster::Cluster;
use crate::peers::Peers;
use crate::runtime::boundary::{self, Site};
use crate::runtime::{TimersEnd, Within, Work};
use crate::server::Server;
use crate::value::{Error, Result};

/// Shorter intervals count as this one, as with JavaScript's `setInterval`: the clock of the runtime has no smaller unit.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Later times count as this one, which no server sees.
const FARTHEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A timer of a server. Cheap to clone; dropping it cancels nothing, so that who never cancels can forget it.
#[doc(alias = "clearInterval")]
#[doc(alias = "clearTimeout")]
#[derive(Debug, Clone)]
pub struct Timer(Arc<Notify>);

impl Timer {
    /// No run begins from now on; one that has begun goes on to its end. A timer may cancel itself in its run.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # use pomelo::app::Timer;
    /// # use std::sync::OnceLock;
    /// # use std::time::Duration;
    /// # fn example(app: &App) {
    /// let countdown = app.every(Duration::from_secs(1), |app| async move {
    ///     app.channels().create("lobby").push("onCountdown", &())
    /// });
    /// countdown.cancel();
    /// # }
    /// ```
    pub fn cancel(&self) {
        self.0.notify_one();
    }
}

/// What a run of [`App::tick`] is told of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// How many runs there were before this one.
    pub number: u64,
    /// How long ago the run before this one began; for the first one, how long ago the timer was started. What a simulation
    /// moves on by.
    pub elapsed: Duration,
    /// How much later than it was due this run begins. It grows when the server's threads are busy.
    pub lag: Duration,
    /// How many times passed without a run since the last one began, since that took too long or a thread was blocked.
    pub missed: u64,
}

impl<R: Cluster> App<R> {
    /// Runs something again and again, first when one interval has passed.
    ///
    /// It runs on the server's executor, so with [`one_thread`](super::Configure::one_thread) nothing else of the application
    /// runs between two awaits. A run that takes longer than the interval is never overlapped: what it missed is left out. An
    /// error or a panic costs one run, and is logged with the line that started the timer. The timer ends with its server: a
    /// server that stops first runs its [`before_shutdown`](super::Configure::before_shutdown) hooks, then begins no run any
    /// more, and waits for the one that has begun.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # use std::time::Duration;
    /// # fn example(app: &App) {
    /// // The room's clock, until the server stops.
    /// app.every(Duration::from_secs(1), |app| async move {
    ///     app.channels().create("lobby").push("onClock", &"a second")
    /// });
    /// # }
    /// ```
    #[doc(alias = "setInterval")]
    #[doc(alias = "scheduleJob")]
    #[track_caller]
    pub fn every<F, Fut>(&self, interval: Duration, mut run: F) -> Timer
    where
        F: FnMut(App<R>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.tick(interval, move |app, _| run(app))
    }

    /// As [`every`](Self::every), for a simulation: each run is told how much time has passed, how late it is and how many
    /// times it missed.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # use std::time::Duration;
    /// # fn example(app: &App) {
    /// let mut x = 0.0;
    /// app.tick(Duration::from_millis(50), move |app, tick| {
    ///     // Three units a second, whatever the lag is.
    ///     x += 3.0 * tick.elapsed.as_secs_f64();
    ///     let moved = app.channels().create("area").push("onMove", &x);
    ///     async move { moved }
    /// });
    /// # }
    /// ```
    #[track_caller]
    pub fn tick<F, Fut>(&self, interval: Duration, mut run: F) -> Timer
    where
        F: FnMut(App<R>, Tick) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let (alarm, timer) = self.alarm(Location::caller(), move |app, tick| Box::pin(run(app, tick)));
        // What is spawned ends by itself, when the timer or its server does.
        drop(self.peers.executor.spawn(alarm.ring_every(interval.clamp(SHORTEST_INTERVAL, FARTHEST))));
        timer
    }

    /// Runs something once, after a time.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # use std::time::Duration;
    /// # fn example(app: &App) {
    /// let ends = app.after(Duration::from_secs(180), |app| async move {
    ///     app.channels().create("battle-7").destroy();
    ///     Ok(())
    /// });
    /// // Both sides gave up: it has ended already.
    /// ends.cancel();
    /// # }
    /// ```
    #[doc(alias = "setTimeout")]
    #[track_caller]
    pub fn after<F, Fut>(&self, delay: Duration, run: F) -> Timer
    where
        F: FnOnce(App<R>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let mut run = Some(run);
        let (alarm, timer) = self.alarm(Location::caller(), move |app, _| match run.take() {
            Some(run) => Box::pin(run(app)),
            None => Box::pin(std::future::ready(Ok(()))),
        });
        drop(self.peers.executor.spawn(alarm.ring_once(delay.min(FARTHEST))));
        timer
    }

    /// A timer that was started there, and has yet to be set.
    fn alarm(&self, place: &'static Location<'static>, run: impl Run<R>) -> (Alarm<R>, Timer) {
        let timer = Timer(Arc::default());
        let alarm = Alarm {
            server: Arc::downgrade(self),
            place,
            cancelled: timer.0.clone(),
            end: self.peers.timers.subscribe(),
            run: Box::new(run),
        };
        (alarm, timer)
    }
}

/// What a timer runs.
trait Run<R>: FnMut(App<R>, Tick) -> BoxFuture<'static, Result<()>> + Send + 'static {}

impl<R, F> Run<R> for F where F: FnMut(App<R>, Tick) -> BoxFuture<'static, Result<()>> + Send + 'static {}

/// The side of a timer that waits and runs.
struct Alarm<R> {
    /// Weak, so that a timer alone keeps no server.
    server: Weak<Server>,
    /// Which line has started it.
    place: &'static Location<'static>,
    /// By its owner.
    cancelled: Arc<Notify>,
    /// By its server.
    end: TimersEnd,
    run: Box<dyn Run<R>>,
}

impl<R: Cluster> Alarm<R> {
    async fn ring_once(mut self, delay: Duration) {
        let began = Instant::now();
        let due = began + delay;
        if self.is_due(due).await {
            let now = Instant::now();
            self.ring(Tick { number: 0, elapsed: now - began, lag: now - due, missed: 0 }).await;
        }
    }

    async fn ring_every(mut self, interval: Duration) {
        let (mut last, mut due) = (Instant::now(), Instant::now() + interval);
        let (mut number, mut missed) = (0, 0);
        while self.is_due(due).await {
            let now = Instant::now();
            self.ring(Tick { number, elapsed: now - last, lag: now - due, missed }).await;
            missed = times(due.elapsed(), interval);
            due += interval * u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
            (last, number) = (now, number + 1);
        }
    }

    /// Waits for a time; no, if the timer ends before.
    async fn is_due(&mut self, due: Instant) -> bool {
        let (ending, cancelled) = (pin!(self.end.ending()), pin!(self.cancelled.notified()));
        timeout_at(due, select(ending, cancelled)).await.is_err()
    }

    /// One run, unless the server is gone.
    async fn ring(&mut self, tick: Tick) {
        let Some(server) = self.server.upgrade() else { return };
        let (peers, name) = (server.peers.clone(), self.place.to_string());
        let site = Site::new(&peers, "timer").named(&name);
        let args = (&mut self.run, App::new(server), tick);
        let run = boundary::run(site, args, |(run, app, tick)| run(app, tick));
        // It is logged.
        drop(timed(&peers, site, Work::Timer(self.place), &mut self.end, run).await);
    }
}

/// A run of something that waits for its time, and what it failed with: a server that stops waits for it, and can say what it waits
/// for.
pub(super) async fn timed(
    peers: &Peers,
    site: Site<'_>,
    work: Work,
    end: &mut TimersEnd,
    run: impl Future<Output = Result<Result<()>>> + Unpin,
) -> Option<Error> {
    let _busy = (peers.busy.begin(), peers.underway.enter(work));
    let run = Within::hook(peers, site.what()).poll(run);
    match select(run, pin!(end.over())).await {
        Either::Left((Ok(Err(mut error)), _)) => {
            site.failed(&mut error);
            Some(error)
        }
        // The boundary has logged a panic.
        Either::Left((Err(panicked), _)) => Some(panicked),
        Either::Left((Ok(Ok(())), _)) | Either::Right(_) => None,
    }
}

/// How many whole intervals a time has.
fn times(time: Duration, interval: Duration) -> u64 {
    u64::try_from(time.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u64::MAX)
}
