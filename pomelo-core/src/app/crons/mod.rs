//! Crons of a server: what the application runs by the calendar, as crons.json says or by code.
//!
//! ```text
//!  crons.json, add_cron ─▶ waits until it is due ─▶ runs, where the server's code runs ─▶ waits again
//!                             │ removed, or the server stops      │ due again meanwhile: skipped and counted
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `file` | crons.json |
//! | `schedule` | when a cron is due |
//! | `keeper` | what waits and runs |

mod file;
mod keeper;
mod schedule;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use self::file::FileCron;
use self::keeper::{Action, Keeper};
use self::schedule::Schedule;
use super::App;
use super::cluster::Cluster;
use super::start_error::StartError;
use crate::event::Event;
use crate::runtime::CronEntry;
use crate::value::{Error, ErrorKind, Result};

/// What crons.json has for a server that is about to start.
pub(super) struct FileSchedule(Vec<FileCron>);

/// Reads crons.json for a server, and checks it against the methods that the server has.
///
/// # Errors
/// Which entry is wrong, and what was expected.
pub(super) fn read<R: Cluster>(app: &App<R>) -> Result<FileSchedule, StartError> {
    let actions = app.dispatch.endpoints().map(|endpoints| endpoints.actions()).unwrap_or_default();
    let read = file::read(app.config(), app.server(), &actions)?;
    if app.config().servers.first().is_some_and(|first| first.id == *app.server_id()) {
        for note in file::unknown_types(app.config(), R::SERVERS.iter().map(|known| known.name))? {
            tracing::warn!("{note}");
        }
    }
    // All servers of the type read the same: one of them says it.
    let first = app.config().servers.iter().find(|info| info.server_type == app.server().server_type);
    if first.is_none_or(|first| first.id == *app.server_id()) {
        read.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    }
    Ok(FileSchedule(read.crons))
}

/// Starts what crons.json has for a server.
pub(super) fn start<R: Cluster>(app: &App<R>, schedule: &FileSchedule) {
    let mut added = vec![];
    for FileCron { id, time, schedule, action, once } in &schedule.0 {
        let entry = CronEntry::new(id.as_str().into(), time.clone(), Some(action.clone()));
        if app.peers.crons.add(&entry) {
            added.push(entry.id.clone());
            let action = Action::Method(action.clone());
            Keeper::new(app, entry, schedule.clone(), *once, action).start(app);
        }
    }
    if !added.is_empty() && app.events.has_listener() {
        app.events.emit(Event::AddCrons(added));
    }
}

/// A cron of a server, as operators see it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CronReport {
    /// Its id.
    pub id: Arc<str>,
    /// Its six fields, as they were given.
    pub time: String,
    /// What it runs, such as `chatCron.sendMoney`; none of one that was added in code.
    pub action: Option<String>,
    /// How many runs have begun.
    pub runs: u64,
    /// How often it was due while its run before had not ended.
    pub skipped: u64,
    /// When it is due next.
    pub next: Option<SystemTime>,
}

impl<R: Cluster> App<R> {
    /// Runs something by the calendar, until it is removed or the server stops.
    ///
    /// `time` has six fields in local time: second, minute, hour, day of the month, month from 1 to 12, day of the week from 0
    /// for Sunday. Both days must match. A run that has not ended when the next is due is not overlapped: that one is skipped
    /// and counted. An error or a panic costs one run. Changes to and from summer time are as
    /// `croner` has them: a fixed time in the hour that isn't there is due right after it, one in the hour that comes twice is due once.
    ///
    /// What is the same for all servers of a type is better written in config/crons.json, with methods of a
    /// `#[cron]` block; there months are from 0 to 11, as in pomelo.
    ///
    /// ```
    /// # use pomelo_doc::App;
    /// # fn example(app: &App) -> pomelo::Result<()> {
    /// // Every day at four in the morning.
    /// app.add_cron("ranking", "0 0 4 * * *", |app| async move {
    ///     app.channels().broadcast("connector", "onRanking", &())
    /// })?;
    /// assert!(app.remove_cron("ranking"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is a cron of that id, or `time` is none.
    #[doc(alias = "addCrons")]
    #[doc(alias = "scheduleJob")]
    pub fn add_cron<F, Fut>(&self, id: impl fmt::Display, time: &str, mut run: F) -> Result<()>
    where
        F: FnMut(App<R>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let wrong = |why: String| Error::of(ErrorKind::Config, format_args!("cron {id}: {why}"));
        let schedule = Schedule::read(time).map_err(wrong)?;
        let entry = CronEntry::new(id.to_string().into(), time.to_owned(), None);
        if !self.peers.crons.add(&entry) {
            return Err(wrong("there is one of that id".to_owned()));
        }
        let added = entry.id.clone();
        let action = Action::Code(Box::new(move |app| Box::pin(run(app))));
        Keeper::new(self, entry, schedule, false, action).start(self);
        if self.events.has_listener() {
            self.events.emit(Event::AddCrons(vec![added]));
        }
        Ok(())
    }

    /// Removes a cron of this server, whoever added it; a run that has begun goes on. Whether there was one.
    #[doc(alias = "removeCrons")]
    pub fn remove_cron(&self, id: impl fmt::Display) -> bool {
        let Some(removed) = self.peers.crons.remove(&id.to_string()) else { return false };
        if self.events.has_listener() {
            self.events.emit(Event::RemoveCrons(vec![removed.id.clone()]));
        }
        true
    }

    /// The crons of this server, in the order in which they were added.
    pub fn crons(&self) -> Vec<CronReport> {
        let report = |entry: Arc<CronEntry>| {
            let (runs, skipped) = entry.counts();
            let (id, time, action) = (entry.id.clone(), entry.time.clone(), entry.action.clone());
            CronReport { id, time, action, runs, skipped, next: entry.next() }
        };
        self.peers.crons.all().into_iter().map(report).collect()
    }
}
