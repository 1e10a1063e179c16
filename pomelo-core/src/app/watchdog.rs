//! The watchdog of a program: ends the process when a stop takes too long, from a thread of its own.
//!
//! Threads that the application blocks run nothing else: no timer, no signal handler, no stop. So the thread of the watchdog has a
//! runtime of its own, hears the signal itself, and knows how long the stop may take at most.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::platform::Platform;
use crate::value::{Error, ErrorKind, Result};

/// How often it is looked whether the program's runtime still runs tasks.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// What the longest stop may take beyond the sum of its steps: the way from one to the next, on a busy machine.
const STOP_SLACK: Duration = Duration::from_secs(2);

/// How long the last words may take to be written: a log that nobody reads must not keep the process alive.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);

/// What the stop of a program may take.
pub(super) struct Patience {
    /// All of it.
    pub(super) longest: Duration,
    /// How long the runtime may run nothing at all meanwhile, since then no step has a deadline any more.
    pub(super) blocked: Duration,
    /// Says what the stop waits for.
    pub(super) waits_for: Box<dyn Fn() -> String + Send>,
}

/// Watches over the stop of a program; dropped when that is over.
pub(super) struct Watchdog {
    /// Tells the thread that the stop has begun.
    began: Option<oneshot::Sender<()>>,
    /// Dropped, it ends the thread.
    _over: oneshot::Sender<()>,
}

impl Watchdog {
    /// Starts the thread; the future that comes with it resolves with the signal to stop, or with nothing, if the thread is gone.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub(super) fn start(
        platform: &'static dyn Platform,
        patience: Patience,
    ) -> Result<(Self, BoxFuture<'static, ()>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let program = Handle::current();
        let (heard, hears) = oneshot::channel();
        let (began, begins) = oneshot::channel();
        let (over, ends) = oneshot::channel::<()>();
        std::thread::Builder::new().name("pomelo-watchdog".into()).spawn(move || {
            let late = runtime.block_on(async {
                // The program is told by a signal, or has begun to stop by itself.
                let watch = async {
                    drop(select(platform.stop_signal(), Box::pin(begins)).await);
                    // It may have begun already, and hear nothing any more.
                    let _ = heard.send(());
                    patience.exhausted(&program).await
                };
                match select(Box::pin(watch), ends).await {
                    Either::Left((late, _)) => Some(late),
                    Either::Right(_) => None,
                }
            });
            if let Some(late) = late {
                end_process(&late);
            }
        })?;
        let signal = Box::pin(async move {
            if hears.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        Ok((Self { began: Some(began), _over: over }, signal))
    }

    /// The stop has begun, whatever the reason.
    pub(super) fn begin(&mut self) {
        if let Some(began) = self.began.take() {
            // The thread may have heard the signal before.
            let _ = began.send(());
        }
    }
}

impl Patience {
    /// Waits until the stop has taken too long, and says why.
    async fn exhausted(&self, program: &Handle) -> Error {
        let longest = self.longest + STOP_SLACK;
        let blocked = Box::pin(self.until_blocked(program));
        let why = match select(Box::pin(sleep(longest)), blocked).await {
            Either::Left(_) => format!("the stop took longer than {longest:?}"),
            Either::Right(_) => format!("all threads of the program were blocked for {:?}", self.blocked),
        };
        Error::of(ErrorKind::Deadline, format_args!("{why}; it waited for {}", (self.waits_for)()))
    }

    /// Waits until the program's runtime has run nothing for so long.
    async fn until_blocked(&self, program: &Handle) {
        loop {
            let (done, ran) = oneshot::channel();
            program.spawn(async move {
                // A timer shows that the runtime's clock is driven, too.
                sleep(Duration::from_millis(1)).await;
                // The watchdog may have ended.
                let _ = done.send(());
            });
            match timeout(self.blocked, ran).await {
                Ok(Ok(())) => sleep(PROBE_INTERVAL).await,
                // The runtime is gone, and the program about to end.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => return,
            }
        }
    }
}

/// Ends the process for a reason, which it says in the log and on the standard error output.
pub(super) fn end_process(reason: &Error) -> ! {
    let (said, says) = mpsc::channel::<()>();
    let words = reason.to_string();
    let saying = std::thread::Builder::new().name("pomelo-last-words".into()).spawn(move || {
        // Whoever blocks the process may hold what the log needs, and the log may be full.
        let _ = catch_unwind(AssertUnwindSafe(|| tracing::error!(reason = words, "the process ends")));
        let _ = writeln!(std::io::stderr(), "{words}");
        drop(said);
    });
    if saying.is_ok() {
        // It ends with an error, which is what it ends with when all is said.
        let _ = says.recv_timeout(LOG_TIMEOUT);
    }
    std::process::exit(1)
}
