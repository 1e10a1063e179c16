//! The discovery: registers servers at etcd.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use pomelo_core::cluster::{Control, Discovery, Member, MembershipEvents, Registration};
use pomelo_core::runtime::Supervisor;
use pomelo_core::value::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, watch};

use crate::engine::{Engine, Registered, Server, Tell, say_goodbye};
use crate::error::EtcdError;
use crate::options::Etcd;

/// What a server wants to tell and couldn't yet. Updates are few.
const QUEUED_UPDATES: usize = 16;

impl Discovery for Etcd {
    /// As [`Discovery::register`]: expected are the servers that are registered, those of [`expecting`](Etcd::expecting), and the server
    /// itself. While etcd is away it is registered all the same, and known once that is back.
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        Box::pin(async move { self.begin(member, events, None).await })
    }

    /// As [`register`](Self::register). Nobody stops a server by etcd, nor looks at it: by `control` it is seen which links are missing,
    /// and so whether a server whose key has expired is more likely dead or cut off from etcd.
    fn register_controlled(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
        control: Arc<dyn Control>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        Box::pin(async move { self.begin(member, events, Some(control)).await })
    }
}

impl Etcd {
    async fn begin(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
        control: Option<Arc<dyn Control>>,
    ) -> Result<Arc<dyn Registration>> {
        let id = member.info.id.clone();
        let (tell, told) = mpsc::channel(QUEUED_UPDATES);
        let registered = watch::Sender::new(Registered::Waiting);
        let mut outcome = registered.subscribe();
        let failing = events.clone();
        let server = Server { id: id.clone(), events, control };
        let engine = Engine::new(self, member, server, told, registered).await;
        let engine = engine.map_err(EtcdError::into_error)?;
        let tasks = Supervisor::new(Handle::current(), id, move |error| failing.failed(error.clone()));
        // Outside of the task, which finds it again when it had to begin again.
        let engine = Arc::new(Mutex::new(engine));
        tasks.spawn("etcd", move || {
            let engine = engine.clone();
            async move { engine.lock().await.run().await }
        });
        // What is written is taken back when it is dropped on the way.
        let place = Place { tell, tasks, has_left: AtomicBool::new(false) };
        let known = outcome.wait_for(|outcome| !matches!(outcome, Registered::Waiting)).await;
        match known.map(|outcome| outcome.clone()) {
            Ok(Registered::No(error)) => Err(error),
            Ok(Registered::Yes | Registered::Away | Registered::Waiting) => Ok(Arc::new(place)),
            // Its task is over, which it is only after an outcome.
            Err(_) => Err(Error::of(ErrorKind::Refused, "the registration with etcd has ended")),
        }
    }
}

/// A server's place.
struct Place {
    tell: mpsc::Sender<Tell>,
    tasks: Supervisor,
    has_left: AtomicBool,
}

impl Registration for Place {
    fn update(&self, member: Member) {
        if self.tell.try_send(Tell::Update(Box::new(member))).is_err() {
            tracing::warn!("etcd is not told of a change: too many wait, or the server has left");
        }
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        self.has_left.store(true, Ordering::Release);
        Box::pin(async {
            say_goodbye(&self.tell).await;
            self.tasks.end();
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.has_left.load(Ordering::Acquire) {
            let (tell, tasks) = (self.tell.clone(), self.tasks.clone());
            self.tasks.runtime().spawn(async move {
                say_goodbye(&tell).await;
                drop(tasks);
            });
        }
    }
}
