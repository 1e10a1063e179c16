//! The keeper of a cron: waits until it is due, and runs it.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use futures::future::{BoxFuture, Either, select};
use tokio::time::{Instant, timeout_at};

use super::super::App;
use super::super::cluster::Cluster;
use super::super::timers::timed;
use super::schedule::Schedule;
use crate::method::CronRun;
use crate::runtime::boundary::{self, Site};
use crate::runtime::{CronEntry, TimersEnd, WallClock, Work};
use crate::server::Server;
use crate::value::Result;

/// The wall clock is looked at so often, since it may be set, and stands while a machine sleeps.
const CLOCK_POLL: Duration = Duration::from_secs(30);

/// A clock that was set back by more than this is believed: what was due by the old time is due again.
const CLOCK_SET_BACK: Duration = Duration::from_secs(60 * 60);

/// What a cron runs.
pub(super) enum Action<R> {
    /// A method of the server's, by its name.
    Method(String),
    Code(Box<dyn FnMut(App<R>) -> BoxFuture<'static, Result<()>> + Send>),
}

/// A cron and its time.
pub(super) struct Keeper<R> {
    /// Weak, so that a cron alone keeps no server.
    server: Weak<Server>,
    entry: Arc<CronEntry>,
    due: Due,
    /// Whether only the first server of the type that is up runs it.
    once: bool,
    action: Action<R>,
    end: TimersEnd,
}

/// When a cron is due, by its server's clock.
struct Due {
    schedule: Schedule,
    clock: WallClock,
}

impl<R: Cluster> Keeper<R> {
    pub(super) fn new(
        app: &App<R>,
        entry: Arc<CronEntry>,
        schedule: Schedule,
        once: bool,
        action: Action<R>,
    ) -> Self {
        let due = Due { schedule, clock: app.peers.clock.clone() };
        Self { server: Arc::downgrade(app), entry, due, once, action, end: app.peers.timers.subscribe() }
    }

    pub(super) fn start(self, app: &App<R>) {
        // It ends by itself, when it is removed or its server stops.
        drop(app.peers.executor.spawn(self.keep()));
    }

    async fn keep(mut self) {
        let mut next = self.due.after(None);
        while let Some(time) = next {
            self.entry.set_next(next);
            if !self.is_due(time).await {
                break;
            }
            let Some(server) = self.server.upgrade() else { break };
            next = match self.once && !is_first(&server) {
                true => self.due.after(Some(time)),
                false => self.run(server, time).await,
            };
        }
        self.entry.set_next(None);
    }

    /// Waits until it is that time; no, if the cron ends before.
    async fn is_due(&mut self, time: SystemTime) -> bool {
        let (removed, ending) = (pin!(self.entry.removed.notified()), pin!(self.end.ending()));
        let ended = select(removed, ending);
        matches!(select(ended, pin!(self.due.reached(time))).await, Either::Right(_))
    }

    /// Runs it, and says when it is due next: what is due before the run has ended is skipped.
    async fn run(&mut self, server: Arc<Server>, due: SystemTime) -> Option<SystemTime> {
        let Self { entry, action, end, due: times, .. } = self;
        entry.count_run();
        let mut next = times.after(Some(due));
        let mut running = pin!(run(server.clone(), entry, action, end, due));
        while let Some(time) = next {
            entry.set_next(next);
            match select(running.as_mut(), pin!(times.reached(time))).await {
                Either::Left(_) => return next,
                Either::Right(_) => skip(&server, entry),
            }
            next = times.after(Some(time));
        }
        running.await;
        None
    }
}

impl Due {
    /// When it is due next, after it was due then.
    fn after(&self, last: Option<SystemTime>) -> Option<SystemTime> {
        let now = self.clock.now();
        let last = last.filter(|last| *last < now + CLOCK_SET_BACK);
        self.schedule.next_after(last.map_or(now, |last| last.max(now)))
    }

    /// Waits until the clock says that it is that time.
    async fn reached(&self, time: SystemTime) {
        while let Ok(left) = time.duration_since(self.clock.now())
            && !left.is_zero()
        {
            // What is waited for here never comes: only the time passes.
            let _ = timeout_at(Instant::now() + left.min(CLOCK_POLL), std::future::pending::<()>()).await;
        }
    }
}

/// One run.
async fn run<R: Cluster>(
    server: Arc<Server>,
    entry: &CronEntry,
    action: &mut Action<R>,
    end: &mut TimersEnd,
    due: SystemTime,
) {
    let (peers, began) = (server.peers.clone(), Instant::now());
    let work = || Work::Cron(entry.id.clone());
    match action {
        Action::Code(code) => {
            let site = Site::new(&peers, "cron").named(&entry.id);
            let run = boundary::run(site, (code, App::new(server)), |(code, app)| code(app));
            // It is logged.
            drop(timed(&peers, site, work(), end, run).await);
        }
        Action::Method(action) => {
            let endpoints = server.dispatch.endpoints();
            let method = endpoints.as_ref().and_then(|endpoints| endpoints.cron(action));
            let Some(method) = method else { return no_more(&server, entry, action) };
            let (site, run) =
                (Site::new(&peers, "cron").named(action), CronRun { id: entry.id.clone(), due });
            let running = boundary::run(site, (method, &run), |(method, run)| method.run(run));
            let failed = timed(&peers, site, work(), end, running).await;
            method.stats().add(failed.as_ref(), began.elapsed());
        }
    }
}

/// It is due, and the server was reloaded without its method.
#[cold]
fn no_more(server: &Server, entry: &CronEntry, action: &str) {
    if let Some(left_out) = server.peers.admit(format_args!("cron {} without a method", entry.id)) {
        let (server, cron) = (&server.peers.info.id, &entry.id);
        tracing::warn!(%server, %cron, action, left_out, "a cron has no method any more: mount it at reload, or remove the cron");
    }
}

/// It is due, and its run before has not ended.
#[cold]
fn skip(server: &Server, entry: &CronEntry) {
    entry.count_skipped();
    let peers = &server.peers;
    if let Some(left_out) = peers.admit(format_args!("cron {}", entry.id)) {
        let (server, cron) = (&peers.info.id, &entry.id);
        tracing::warn!(%server, %cron, left_out, "a cron is due again before its run has ended: this one is skipped");
    }
}

/// Whether this is the first server of its type, by id, of those that are up.
fn is_first(server: &Server) -> bool {
    server.servers(server.server_type()).iter().next().is_none_or(|first| first.id == *server.server_id())
}
