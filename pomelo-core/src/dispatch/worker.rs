//! The worker of a session at its frontend: handles the session's messages one after the other, and finishes it at the end.
//!
//! ```text
//!  receive ──▶ waiting: [m2, m3] ──▶ worker: m1 ── route ─┬─ here: run to its end ──▶ next
//!     │                                                   └─ elsewhere: sent, with a snapshot ──▶ next
//!     └─ no worker: one begins at once, and is spawned      no message left: the worker ends
//!        if it has to wait
//! ```
//!
//! An idle session has no task, and neither has one whose messages wait for nothing. Whatever its messages do, one worker
//! handles them, so that routing sees what handlers of earlier messages here have set.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::task::JoinHandle;

use super::pipeline::{ReplyTo, Routed};
use super::{Dispatch, pipeline};
use crate::frontend::{ClientSession, Dispatcher, Incoming, Next};
use crate::request::Request;
use crate::rpc::send_routed;
use crate::runtime::Within;
use crate::session::Session;
use crate::value::{Result, ServerId};
use crate::wire::Body;

/// A message that is being handled here: unanswered until this is dropped, also by a panic.
struct Unanswered<'a>(&'a ClientSession);

impl Unanswered<'_> {
    /// Somebody else counts it off.
    fn by_another(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.answered();
    }
}

impl Dispatcher for Arc<Dispatch> {
    fn work(&self, session: Arc<ClientSession>, first: Option<Incoming>) -> JoinHandle<()> {
        // In a box of its own: a task copies its future several times.
        self.peers.executor.spawn(Box::pin(work(self.clone(), session, first)))
    }

    fn begin(&self, session: Arc<ClientSession>, first: Incoming) {
        let mut work = Box::pin(work(self.clone(), session, Some(first)));
        // Nobody is woken by this poll: what isn't ready is polled again by its task, which is woken from then on.
        let mut cx = Context::from_waker(Waker::noop());
        if self.peers.is_home() && work.as_mut().poll(&mut cx).is_ready() {
            return;
        }
        self.peers.executor.spawn(work);
    }

    fn after_forwarding(&self, request: Request, outcome: Result<Body>) {
        if !self.global_filters.is_empty() {
            let dispatch = self.clone();
            self.peers.executor.spawn(async move {
                let after = pin!(pipeline::after_global(&dispatch, &request, &outcome));
                Within::request(&dispatch, &request).poll(after).await
            });
        }
    }
}

/// Handles messages until there is none, and closes the session if that is what comes last.
async fn work(dispatch: Arc<Dispatch>, session: Arc<ClientSession>, first: Option<Incoming>) {
    // Opened at once: a request is a pointer, and the future has room for all that it holds while a message is handled.
    let mut next = session.begin(first).map(|message| open(&dispatch, &session, message));
    loop {
        if let Some(request) = next {
            handle(&dispatch, &session, request).await;
        }
        match session.next() {
            Next::Message(message) => next = Some(open(&dispatch, &session, message)),
            Next::Idle => return,
            Next::Closing => return session.finish().await,
        }
    }
}

/// A message, with the session as it is when its turn has come.
fn open(dispatch: &Dispatch, session: &ClientSession, message: Incoming) -> Request {
    let Incoming { id, route, body } = message;
    let snapshot = Session::new(&dispatch.sessions, session.snapshot());
    Request::new(route, id, body, session.accept(), snapshot)
}

/// Handles a message; whatever happens meanwhile, it is answered and counted off, and the worker goes on.
async fn handle(dispatch: &Arc<Dispatch>, session: &Arc<ClientSession>, request: Request) {
    let handling = pin!(route_and_serve(dispatch, session, &request));
    if let Err(error) = pipeline::contained(dispatch, &request, handling).await {
        ReplyTo::Client(session).answer(dispatch, &request, &Err(error));
    }
}

/// Finds out where a message is handled, and has it handled there.
async fn route_and_serve(dispatch: &Arc<Dispatch>, session: &Arc<ClientSession>, request: &Request) {
    let unanswered = Unanswered(session);
    let reply_to = ReplyTo::Client(session);
    match pipeline::route(dispatch, request).await {
        Ok(Routed::Here { concurrent: false }) => pipeline::serve(dispatch, request, &reply_to).await,
        Ok(Routed::Here { concurrent: true }) => {
            unanswered.by_another();
            dispatch.peers.executor.spawn(serve(dispatch.clone(), session.clone(), request.clone()));
        }
        Ok(Routed::At(server)) => {
            let forward = |server: &ServerId| session.forward(request, server);
            let again = || Box::pin(pipeline::route_again(dispatch, request));
            match send_routed(server, forward, again).await {
                Ok(_) => unanswered.by_another(),
                Err(error) => Box::pin(pipeline::reject(dispatch, request, error, &reply_to)).await,
            }
        }
        Ok(Routed::Answered(body)) => Box::pin(pipeline::answer(dispatch, request, body, &reply_to)).await,
        Err(error) => Box::pin(pipeline::reject(dispatch, request, error, &reply_to)).await,
    }
}

/// Handles a message beside others.
async fn serve(dispatch: Arc<Dispatch>, session: Arc<ClientSession>, request: Request) {
    let _unanswered = Unanswered(&session);
    let reply_to = ReplyTo::Client(&session);
    let serve = pin!(pipeline::serve(&dispatch, &request, &reply_to));
    if let Err(error) = pipeline::contained(&dispatch, &request, serve).await {
        reply_to.answer(&dispatch, &request, &Err(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What glibc's malloc takes from a thread's own cache. Beyond it, an allocation costs as much as a filter, and a busy session
    /// makes one for each few messages.
    const MAX_CHEAP: usize = 1032;

    fn size<F>(_: impl FnOnce(Arc<Dispatch>, Arc<ClientSession>, Option<Incoming>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_workers_future_is_cheap_to_allocate() {
        let size = size(work);
        assert!(size <= MAX_CHEAP, "{size} bytes");
    }
}
