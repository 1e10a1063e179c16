//! Components: parts of a server that start and stop with it.
//!
//! What pomelo's components are for, but written by the application alone: what pomelo itself is made of
//! (connection, session, channel, …) is no component here.
//!
//! ```text
//!  before_startup ─▶ start (in order) ─▶ links ─▶ after_start (in order) ─▶ clients … stop (in reverse)
//! ```

use std::future::{Future, ready};
use std::sync::Arc;

use futures::future::BoxFuture;

use super::App;
use super::cluster::Cluster;
use crate::runtime::boundary::Site;
use crate::runtime::{Within, boundary};
use crate::server::Step as StopStep;
use crate::value::{Error, ErrorKind, Result};

/// A part of a server that starts and stops with it, such as a database pool, a clock or a game world; `A` is
/// the application's `App`. [`Configure::component`](super::configure::Configure::component) loads it.
///
/// All methods have defaults. Those that are written run in this order; each has a limit of its own, after
/// which the start fails, or the stop goes on:
///
/// | method | other servers | clients |
/// |---|---|---|
/// | [`start`](Self::start) | can't be called yet | none |
/// | [`after_start`](Self::after_start) | can be called | none |
/// | [`stop`](Self::stop) | can still be called | gone |
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
/// use pomelo::{Component, Result};
///
/// pomelo::servers! { battle: {} }
///
/// /// Counts ticks; methods take it as `&Clock`.
/// struct Clock {
///     ticks: &'static AtomicU64,
/// }
///
/// impl Component<App> for Clock {
///     async fn start(&self, _: &App) -> Result<()> {
///         let ticks = self.ticks;
///         tokio::spawn(async move {
///             loop {
///                 tokio::time::sleep(Duration::from_millis(100)).await;
///                 ticks.fetch_add(1, Ordering::Relaxed);
///             }
///         });
///         Ok(())
///     }
/// }
///
/// # static TICKS: AtomicU64 = AtomicU64::new(0);
/// # fn main() {
/// let builder = App::builder().configure("all", "battle", |app| app.component(Clock { ticks: &TICKS }));
/// # }
/// ```
///
/// On a server with [`one_thread`](super::configure::Configure::one_thread) a task that it spawns by
/// `tokio::spawn` runs on that thread, too.
pub trait Component<A>: Send + Sync + 'static {
    /// What it is called in errors and logs, unique on its server; the default is its type's name.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }

    /// Runs before its server joins the cluster: nothing can be called yet, and no message comes in. It has
    /// [`component_timeout`](crate::value::Limits::component_timeout).
    ///
    /// # Cancel safety
    /// It is dropped where it waits when its time is up or another part of the start fails; its server then ends.
    ///
    /// # Errors
    /// An error ends the start.
    fn start(&self, app: &A) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        ready(Ok(()))
    }

    /// Runs when all components of all servers of this process have started and other servers can be called, before
    /// the server takes clients. It has [`component_timeout`](crate::value::Limits::component_timeout), too.
    ///
    /// # Cancel safety
    /// As [`start`](Self::start).
    ///
    /// # Errors
    /// An error ends the start.
    fn after_start(&self, app: &A) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        ready(Ok(()))
    }

    /// Runs when the server's clients are gone, while other servers can still be called. It has
    /// [`stop_timeout`](crate::value::Limits::stop_timeout).
    ///
    /// # Cancel safety
    /// It is dropped where it waits when its time is up: what must not be left half done belongs in a task of its own.
    ///
    /// # Errors
    /// An error is logged, and the others are stopped all the same.
    fn stop(&self, app: &A) -> impl Future<Output = Result<()>> + Send {
        let _ = app;
        ready(Ok(()))
    }
}

/// [`Component`] as what it can be behind a pointer.
///
/// It is an [`Arc`] so that a step may go on in a task of its own.
trait Part<R>: Send + Sync {
    /// Its name, unique on its server.
    fn name(&self) -> &str;
    /// Runs one of its three methods.
    fn run(self: Arc<Self>, step: Step, app: App<R>) -> BoxFuture<'static, Result<()>>;
}

/// One of the three methods, for errors and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Start,
    AfterStart,
    Stop,
}

impl<R: Cluster, C: Component<App<R>>> Part<R> for C {
    fn name(&self) -> &str {
        Component::name(self)
    }

    fn run(self: Arc<Self>, step: Step, app: App<R>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            match step {
                Step::Start => self.start(&app).await,
                Step::AfterStart => self.after_start(&app).await,
                Step::Stop => self.stop(&app).await,
            }
        })
    }
}

/// The components of a server, in the order in which they were loaded.
pub(super) struct Components<R> {
    /// All of them; the stop takes them out.
    loaded: Vec<Arc<dyn Part<R>>>,
    /// How many of them have begun to start.
    started: usize,
}

impl<R> Default for Components<R> {
    fn default() -> Self {
        Self { loaded: Vec::new(), started: 0 }
    }
}

impl<R: Cluster> Components<R> {
    /// Adds a component after the others; false if there is one of that name already.
    pub(super) fn load<C: Component<App<R>>>(&mut self, component: &Arc<C>) -> bool {
        if self.loaded.iter().any(|loaded| loaded.name() == Component::name(&**component)) {
            return false;
        }
        self.loaded.push(component.clone());
        true
    }

    /// Starts all in order, up to the first that fails.
    pub(super) async fn start(&mut self, app: &App<R>) -> Result<()> {
        for component in &self.loaded {
            // One that fails may have left something to stop.
            self.started += 1;
            run(component, Step::Start, app).await?;
        }
        Ok(())
    }

    /// Runs `after_start` of all in order, up to the first that fails.
    pub(super) async fn after_start(&self, app: &App<R>) -> Result<()> {
        for component in &self.loaded {
            run(component, Step::AfterStart, app).await?;
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.loaded.len()
    }

    /// Stops those that were started, the last one first: it may need those before it.
    pub(super) async fn stop(&mut self, app: &App<R>) {
        for component in self.loaded.drain(..).take(self.started).rev() {
            if let Err(error) = run(&component, Step::Stop, app).await {
                tracing::warn!(server = %app.server_id(), %error, "a component was not stopped in order");
            }
        }
    }
}

/// Runs a step where the server's code runs, for as long as it may take; an error says whose it is.
async fn run<R: Cluster>(component: &Arc<dyn Part<R>>, step: Step, app: &App<R>) -> Result<()> {
    let limit = match step {
        Step::Start | Step::AfterStart => app.peers.limits.component_timeout,
        Step::Stop => app.peers.limits.stop_timeout,
    };
    let (own, part) = (app.clone(), component.clone());
    let mut task = app.peers.executor.spawn(async move {
        let name = part.name().to_owned();
        let site = Site::new(&own.peers, "component").named(&name);
        let run = boundary::run(site, (part, step, own.clone()), |(part, step, app)| part.run(step, app));
        Within::hook(&own.peers, &name).poll(run).await.flatten()
    });
    if step == Step::Stop {
        app.progress.begin(StopStep::Component(component.name().to_owned()));
    }
    let outcome = match tokio::time::timeout(limit, &mut task).await {
        Ok(ended) => ended.unwrap_or_else(|_| Err(Error::of(ErrorKind::Panic, "panicked"))),
        Err(_) => {
            if step == Step::Stop {
                app.took_too_long(limit);
            }
            task.abort();
            Err(Error::of(ErrorKind::Deadline, format_args!("took longer than {limit:?}")))
        }
    };
    outcome.map_err(|error| error.context(format_args!("component {} ({step:?})", component.name())))
}
