//! Admin modules: what a server answers operators, by name.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;

use crate::runtime::boundary::Site;
use crate::runtime::{Within, boundary};
use crate::server::Server;
use crate::value::{Error, ErrorKind, Level, Result};
use crate::wire::envelope::Ask;

/// Answers an ask on a server.
type Answer = dyn Fn(Arc<Server>, Ask) -> BoxFuture<'static, Result<Value>> + Send + Sync;

/// An admin module: answers what operators ask of a server by its name. Cheap to clone.
///
/// An application adds its own by [`Configure::admin`](crate::app::Configure::admin), which names the application's type; this is for
/// what doesn't know it, such as a platform or a library.
#[derive(Clone)]
pub struct AdminModule {
    /// What operators ask it by.
    name: Arc<str>,
    /// What an operator needs.
    level: Level,
    /// Whether it is code of the application, which runs where all of that does.
    is_application: bool,
    answer: Arc<Answer>,
}

impl AdminModule {
    /// A module that answers with what can be JSON.
    ///
    /// It runs beside the application's code and not with it, so that a server whose threads are held up by that still answers.
    pub fn new<F, Fut, T>(name: &str, level: Level, answer: F) -> Self
    where
        F: Fn(Arc<Server>, Ask) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Serialize,
    {
        let answer = move |server: Arc<Server>, ask: Ask| -> BoxFuture<'static, Result<Value>> {
            let answering = answer(server, ask);
            Box::pin(async move { Ok(serde_json::to_value(answering.await?)?) })
        };
        Self { name: name.into(), level, is_application: false, answer: Arc::new(answer) }
    }

    /// A module that is code of the application.
    pub(crate) fn of_application<F, Fut, T>(name: &str, level: Level, answer: F) -> Self
    where
        F: Fn(Arc<Server>, Ask) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Serialize,
    {
        Self { is_application: true, ..Self::new(name, level, answer) }
    }

    /// What operators ask it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What an operator needs.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Answers an ask. The time that it may take is the caller's to watch: it ends when this is dropped.
    pub(crate) async fn run(&self, server: &Arc<Server>, ask: Ask) -> Result<Value> {
        let (own, module) = (server.clone(), self.clone());
        let work = async move {
            let site = Site::new(&own.peers, "admin module").named(&module.name);
            let parts = (module.answer.clone(), own.clone(), ask);
            let run = boundary::run(site, parts, |(answer, server, ask)| answer(server, ask));
            Within::hook(&own.peers, &module.name).poll(run).await.flatten()
        };
        if !self.is_application {
            return work.await;
        }
        let mut task = Aborted(server.peers.executor.spawn(work));
        let ended = (&mut task.0).await;
        ended.unwrap_or_else(|_| Err(Error::of(ErrorKind::Closed, "the server has ended")))
    }
}

/// A task that ends with who waits for it.
struct Aborted<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
