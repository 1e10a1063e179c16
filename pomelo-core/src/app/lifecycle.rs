//! Lifecycle hooks: what the application runs when a server starts and before it stops, as pomelo's lifecycle.js has it.
//!
//! ```text
//!  before_startup ─▶ components, links ─▶ connectors ─▶ after_startup ─▶ registration ─▶ after_start_all
//!                                                       … before_shutdown ─▶ drain ─▶ clients go
//! ```
//!
//! Hooks of a kind run one after the other, in the order in which they were set. They run where the server's code runs, and have
//! names in logs.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::App;
use super::cluster::Cluster;
use super::configure::Configure;
use crate::value::Result;

/// A lifecycle hook.
pub(super) type Lifecycle<R> = Arc<dyn Fn(App<R>) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The lifecycle hooks of a server.
pub(super) struct LifecycleHooks<R> {
    pub(super) before_startup: Vec<Lifecycle<R>>,
    pub(super) after_startup: Vec<Lifecycle<R>>,
    pub(super) before_shutdown: Vec<Lifecycle<R>>,
    pub(super) after_start_all: Vec<Lifecycle<R>>,
}

impl<R> Default for LifecycleHooks<R> {
    fn default() -> Self {
        Self {
            before_startup: vec![],
            after_startup: vec![],
            before_shutdown: vec![],
            after_start_all: vec![],
        }
    }
}

impl<R: Cluster> Configure<R> {
    /// Runs before anything of the server is started; an error ends the start.
    ///
    /// It has [`component_timeout`](crate::value::Limits::component_timeout), as the other hooks that start have. Nothing
    /// can be called yet, and nothing comes in.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.before_startup(|app| async move {
    ///     let tables = app.config().load("items.json")?;
    ///     println!("{} has items: {}", app.server_id(), tables.is_some());
    ///     Ok(())
    /// });
    /// # }
    /// ```
    #[doc(alias = "beforeStartup")]
    pub fn before_startup<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks.before_startup.push(lifecycle(hook));
    }

    /// Runs once the server is up and takes clients; an error ends the start.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.after_startup(|app| async move {
    ///     // A lobby that is there from the first client on.
    ///     app.channels().create("lobby");
    ///     Ok(())
    /// });
    /// # }
    /// ```
    #[doc(alias = "afterStartup")]
    pub fn after_startup<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks.after_startup.push(lifecycle(hook));
    }

    /// Runs before the server stops.
    ///
    /// Clients are still connected and other servers can be called, but no new client is taken. Each hook has
    /// [`stop_timeout`](crate::value::Limits::stop_timeout); an error is logged, and the stop goes on. There is no
    /// counterpart of pomelo's `cancelShutDownTimer`, since nothing exits after 3 s.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # use serde_json::json;
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.before_shutdown(|app| async move {
    ///     app.channels().broadcast("connector", "onNotice", &json!({ "text": "back in a minute" }))
    /// });
    /// # }
    /// ```
    #[doc(alias = "beforeShutdown")]
    #[doc(alias = "beforeStopHook")]
    pub fn before_shutdown<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks.before_shutdown.push(lifecycle(hook));
    }

    /// Runs once all servers are up; an error ends the start.
    ///
    /// "All" are the servers that the discovery expects. Where some are missing when this server starts, the
    /// hook runs later, once they are up, and its error is only logged.
    ///
    /// ```
    /// # use pomelo::app::{Cluster, Configure};
    /// # fn example<R: Cluster>(app: &mut Configure<R>) {
    /// app.after_start_all(|app| async move {
    ///     println!("{} battle servers", app.servers("battle").len());
    ///     Ok(())
    /// });
    /// # }
    /// ```
    #[doc(alias = "afterStartAll")]
    pub fn after_start_all<F, Fut>(&mut self, hook: F)
    where
        F: Fn(App<R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks.after_start_all.push(lifecycle(hook));
    }
}

fn lifecycle<R, F, Fut>(hook: F) -> Lifecycle<R>
where
    F: Fn(App<R>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Arc::new(move |app| Box::pin(hook(app)))
}
