//! The wall clock of a server: what time it is for what runs by the calendar.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

/// What time it is. The default is the system's clock; one that is inserted into the application takes its place.
///
/// ```
/// # use pomelo_doc::App;
/// use std::time::{Duration, SystemTime};
///
/// use pomelo::testing::WallClock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // New Year's Eve, ten seconds before midnight in Greenwich; from then on it goes with the runtime's clock.
/// let eve = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_590);
/// let builder = App::builder().insert(WallClock::starting_at(eve));
/// # drop(builder);
/// # }
/// ```
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    /// A clock of your own.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// A clock that begins at a time and goes with the runtime's, so that a test that moves that one moves both.
    pub fn starting_at(time: SystemTime) -> Self {
        let began = Instant::now();
        Self::new(move || time + began.elapsed())
    }

    /// What time it is.
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WallClock").field(&self.now()).finish()
    }
}
