//! The home of a server's code: anywhere, or, with `one_thread`, on the thread that it has for itself.

use std::pin::pin;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::span::Within;
use super::{Runtime, origin};
use crate::value::{Error, ErrorKind, Result};

impl Runtime {
    /// Whether the application's code must not run in this thread.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.thread.is_some_and(|thread| thread != std::thread::current().id())
    }

    /// Whether the application's code may run right here: in this thread, and within the runtime that its tasks run on.
    pub(crate) fn is_home(&self) -> bool {
        !self.is_elsewhere() && Handle::try_current().is_ok_and(|here| here.id() == self.executor.id())
    }

    /// Runs `work` where the server's code runs, until this is dropped.
    ///
    /// # Errors
    /// If the server has ended meanwhile.
    pub(crate) async fn at_home<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        if !self.is_elsewhere() {
            return Ok(work.await);
        }
        let (here, within) = (origin::here(), Within::current());
        let mut task = Guest(self.executor.spawn(async move { here.scope(pin!(work)).within(within).await }));
        (&mut task.0).await.map_err(|_| Error::of(ErrorKind::Closed, "the server is stopping"))
    }
}

/// A task that ends with whoever waits for it.
struct Guest<T>(JoinHandle<T>);

impl<T> Drop for Guest<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
