//! The runtime of a server: what runs its tasks and the application's code, and survives both.
//!
//! | file | noun |
//! |---|---|
//! | `supervisor` | [`Supervisor`]: tasks that must live as long as the server |
//! | `boundary`, `panics` | the bulkhead around the application's code, and where it panicked |
//! | `origin` | on whose behalf code runs |
//! | `span`, `failure`, `throttle` | what logs say: spans, lines, and no more of them than a rate |
//! | `underway`, `backlog` | what a stop waits for, by name; a queue that one task works off |
//! | `serial` | [`Turn`]: what runs one after the other, by a key |
//! | `clock`, `crons` | [`WallClock`]: what time it is; what runs by it |
//! | `timers` | when the application's timers end |
//! | `home` | where the application's code runs |

mod backlog;
pub(crate) mod boundary;
mod clock;
#[cfg(feature = "crons")]
mod crons;
pub(crate) mod failure;
mod home;
pub(crate) mod origin;
mod panics;
mod serial;
mod span;
mod supervisor;
pub mod throttle;
mod timers;
mod underway;

pub(crate) use self::backlog::{Added, Backlog};
pub use self::clock::WallClock;
#[cfg(feature = "crons")]
pub(crate) use self::crons::{CronEntry, Crons};
use self::serial::SerialTurns;
pub use self::serial::{NextTurn, Turn};
pub(crate) use self::span::Within;
pub use self::supervisor::{Supervised, Supervisor};
pub(crate) use self::timers::{Timers, TimersEnd};
pub(crate) use self::underway::{Underway, Work};

use std::sync::{Arc, RwLock};
use std::thread::ThreadId;

use tokio::runtime::Handle;

use crate::metrics::{Counters, ServerStats};
use crate::value::{Limits, RouteTable, ServerInfo};
use throttle::Throttle;

/// What runs a server's tasks and its application's code, and what it needs to say of them in logs.
pub struct Runtime {
    /// What servers.json says of the server.
    pub(crate) info: Arc<ServerInfo>,
    /// The server's bounds.
    pub(crate) limits: Limits,
    /// What was dropped, by reason.
    pub(crate) counters: Counters,
    pub(crate) stats: ServerStats,
    /// Runs the application's code.
    pub(crate) executor: Handle,
    /// Runs what must live as long as the server.
    pub(crate) tasks: Supervisor,
    /// The one thread on which the application's code runs, if there is one.
    pub(crate) thread: Option<ThreadId>,
    /// Holds log lines to a rate.
    pub(crate) lines: Throttle<String>,
    /// What had to wait for something, by name.
    pub(crate) underway: Underway,
    /// Who has the turn at each key of the application's, and who waits.
    pub(crate) serial: Arc<SerialTurns>,
    /// What time it is for crons.
    pub(crate) clock: WallClock,
    /// What runs by the calendar.
    #[cfg(feature = "crons")]
    pub(crate) crons: Crons,
    /// Ends the application's timers.
    pub(crate) timers: Timers,
    /// The routes that the application has handlers for: whatever else clients send, they have made up.
    pub(crate) routes: RouteTable,
    /// What the remote methods of this server are called, by number.
    pub(crate) method_names: RwLock<Arc<[String]>>,
}

impl Runtime {
    /// The runtime of a server whose application's code runs on `executor`; on `thread` alone, if that is one.
    pub(crate) fn new(
        info: Arc<ServerInfo>,
        limits: Limits,
        executor: Handle,
        tasks: Supervisor,
        thread: Option<ThreadId>,
        routes: RouteTable,
    ) -> Self {
        let serial = SerialTurns::new(&limits, tasks.clone());
        Self {
            info,
            limits,
            executor,
            tasks,
            thread,
            routes,
            counters: Counters::default(),
            stats: ServerStats::default(),
            lines: Throttle::default(),
            underway: Underway::default(),
            serial,
            clock: WallClock::default(),
            #[cfg(feature = "crons")]
            crons: Crons::default(),
            timers: Timers::default(),
            method_names: RwLock::default(),
        }
    }

    /// What the remote method of that number is called.
    pub(crate) fn method_name(&self, method: u32) -> Option<String> {
        self.method_names().get(method as usize).cloned()
    }

    /// What the remote methods of this server are called, by number.
    pub(crate) fn method_names(&self) -> Arc<[String]> {
        self.method_names.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    pub(crate) fn set_method_names(&self, names: Vec<String>) {
        *self.method_names.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = names.into();
    }
}
