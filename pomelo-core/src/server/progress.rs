//! The progress of a server's stop: which step it has come to, what that waits for, and which steps took too long.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::timeout;

use super::Server;
use crate::value::{Error, ErrorKind, ServerId};

/// So many of a kind are named; the rest is counted.
const MAX_NAMED: usize = 10;

/// How far a server's stop has come.
#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    /// The one that runs.
    step: Step,
    /// Servers that have not yet said that they heard of the stop.
    unheard: Vec<ServerId>,
    /// What was waited for when a step's time was up.
    overdue: Vec<String>,
}

/// A step of a stop. Each has a deadline of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Step {
    /// It has not begun, or is over.
    #[default]
    None,
    /// Connectors stop to accept clients.
    Connectors,
    /// Hooks run that the application registered with `before_shutdown`.
    Hooks,
    /// What clients and other servers have asked for is answered.
    Requests,
    /// Sessions close.
    Sessions,
    /// That component stops.
    Component(String),
    /// The transport and the discovery let the server go.
    Leave,
    /// Listeners are told of the last events.
    Listeners,
}

impl Progress {
    pub(crate) fn begin(&self, step: Step) {
        self.lock().step = step;
    }

    pub(crate) fn set_unheard(&self, servers: impl Iterator<Item = ServerId>) {
        self.lock().unheard = servers.collect();
    }

    pub(crate) fn heard(&self, server: &ServerId) {
        self.lock().unheard.retain(|unheard| unheard != server);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Server {
    /// Does a step of a stop within its limit. What doesn't end in time is dropped, said in the log and noted.
    pub(crate) async fn step<T>(
        &self,
        step: Step,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        self.progress.begin(step);
        let done = timeout(limit, work).await.ok();
        if done.is_none() {
            self.took_too_long(limit);
        }
        self.progress.begin(Step::None);
        done
    }

    /// The present step is over its limit.
    pub(crate) fn took_too_long(&self, limit: Duration) {
        let waited_for = self.waits_for();
        tracing::warn!(server = %self.peers.info.id, ?limit, waited_for, "a step of the stop took too long and is cut off");
        self.progress.lock().overdue.push(waited_for);
    }

    /// What the server's stop waits for at the moment.
    pub(crate) fn waits_for(&self) -> String {
        let step = self.progress.lock().step.clone();
        match step {
            Step::None => "nothing".to_owned(),
            Step::Connectors => "its connectors".to_owned(),
            Step::Hooks => "its before_shutdown hooks".to_owned(),
            Step::Requests => self.requests_under_way(),
            Step::Sessions => self.sessions_that_close(),
            Step::Component(name) => format!("component {name}"),
            Step::Leave => "its links, or its registration, to be closed".to_owned(),
            Step::Listeners => "listeners that are being told of events".to_owned(),
        }
    }

    fn requests_under_way(&self) -> String {
        let unheard = self.progress.lock().unheard.clone();
        let links = unheard.iter().map(|server| format!("the link to {server}"));
        let sessions = self.registry.all();
        let sessions = sessions.iter().filter_map(|session| session.unfinished());
        let frontends = self.leaving_frontends().into_iter().map(|id| format!("frontend {id}, which stops"));
        let mut all: Vec<String> =
            links.chain(self.peers.underway.names(&self.peers.method_names())).collect();
        all.extend(frontends);
        all.extend(listed(sessions));
        if all.is_empty() {
            // What keeps its thread has not had to wait for anything yet, so it isn't known by name.
            return format!("{} messages or calls that keep their threads", self.peers.busy.count());
        }
        all.join(", ")
    }

    fn sessions_that_close(&self) -> String {
        let mut all = self.peers.underway.names(&self.peers.method_names());
        let sessions = self.registry.sessions_that_close();
        all.extend(listed(sessions.iter().filter_map(|session| session.unfinished())));
        if all.is_empty() { "the last frames of clients to leave".to_owned() } else { all.join(", ") }
    }

    /// An error that says which steps of the stop took too long; none if all were in time.
    pub(crate) fn overdue(&self) -> Option<Error> {
        let overdue = std::mem::take(&mut self.progress.lock().overdue);
        let why =
            format_args!("{} stopped too slowly, it waited for {}", self.peers.info.id, overdue.join("; "))
                .to_string();
        (!overdue.is_empty()).then(|| Error::of(ErrorKind::Deadline, why))
    }
}

/// The first of them, and how many there are besides.
fn listed(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.collect();
    let rest = all.len().saturating_sub(MAX_NAMED);
    all.truncate(MAX_NAMED);
    all.extend((rest > 0).then(|| format!("{rest} more sessions")));
    all
}
