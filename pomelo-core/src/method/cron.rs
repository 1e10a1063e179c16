//! Crons: what the clock runs. `#[cron]` writes the implementations.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::SystemTime;

use futures::future::BoxFuture;

use super::handler::Method;
use crate::inject::{Context, Provider};
use crate::value::{ErrorCode, Result};

/// The name and the methods of a cron.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cron",
    label = "put `#[pomelo::cron::cron]` on its `impl` block, or take it out of `crons: […]`"
)]
pub trait CronContract {
    /// The first part of its actions, such as `chatCron`.
    const NAME: &'static str;
    /// What the clock can run.
    const METHODS: &'static [Method];
}

/// A cron in an application whose app type is `A`.
pub trait Cron<A>: CronContract + Send + Sync + 'static {
    /// Runs the method of that id.
    ///
    /// # Cancel safety
    /// It is dropped where it waits when the server is out of time to stop.
    fn call<'a>(&'a self, cx: Context<'a, A, CronRun>, method: u16) -> BoxFuture<'a, Result<()>>;
}

/// A run of a cron, as a cron's method may borrow it.
///
/// ```
/// use pomelo::cron::{CronRun, cron};
///
/// pomelo::servers! { area: { crons: [AreaCron] } }
///
/// struct AreaCron;
///
/// #[cron]
/// impl AreaCron {
///     pub async fn save(app: &App, run: &CronRun) {
///         println!("{}: {} was due at {:?}", app.server_id(), run.id(), run.due());
///     }
/// }
/// # fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct CronRun {
    pub(crate) id: Arc<str>,
    pub(crate) due: SystemTime,
}

impl CronRun {
    /// The cron's id, as crons.json or [`add_cron`](crate::app::App::add_cron) has it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it was due.
    pub fn due(&self) -> SystemTime {
        self.due
    }
}

impl Provider for CronRun {
    fn part(&self, id: TypeId) -> Option<&dyn Any> {
        (id == TypeId::of::<Self>()).then_some(self)
    }

    fn has(id: TypeId) -> bool {
        id == TypeId::of::<Self>()
    }
}

/// What a cron's method may return: `Result<(), E>` of an [`ErrorCode`], or `()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a return type for a method of a cron",
    label = "return `pomelo::Result<()>`, or nothing: nobody would get anything else"
)]
pub trait IntoOutcome {
    /// Whether it went well.
    ///
    /// # Errors
    /// The method's own, which is logged.
    fn into_outcome(self) -> Result<()>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<()> {
        Ok(())
    }
}

impl<E: ErrorCode> IntoOutcome for Result<(), E> {
    fn into_outcome(self) -> Result<()> {
        self.map_err(ErrorCode::into_error)
    }
}
