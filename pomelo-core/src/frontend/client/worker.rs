//! The worker of a session: handles its messages one after the other, and closes it at the end.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{ClientSession, Incoming, Phase};
use crate::dispatch::pipeline;
use crate::dispatch::pipeline::{ReplyTo, Routed};
use crate::metrics::Dropped;
use crate::peers::Unqueued;
use crate::request::Request;
use crate::rpc::send_routed;
use crate::runtime::{Within, boundary};
use crate::session::{Session, no_session};
use crate::value::{Result, ServerId};
use crate::wire::envelope::{Message, Origin};

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

impl ClientSession {
    pub(super) fn start(self: &Arc<Self>, first: Option<Incoming>) -> JoinHandle<()> {
        // In a box of its own: a task copies its future several times.
        self.core.executor.spawn(Box::pin(self.clone().work(first)))
    }

    /// Handles the session's messages one after the other; at the end of a closing session runs its hooks.
    pub(super) async fn work(self: Arc<Self>, first: Option<Incoming>) {
        let mut next = self.begin(first);
        loop {
            if let Some(message) = next {
                self.handle(message).await;
            }
            let mut state = self.lock();
            next = state.waiting.pop_front();
            if next.is_none() {
                // An idle session keeps no memory for messages.
                state.waiting = VecDeque::new();
                if matches!(state.phase, Phase::Open | Phase::Leaving) {
                    state.working = false;
                    return;
                }
                break;
            }
        }
        // Once in a session's life, so its messages shall not carry it about.
        if boundary::survive(&self.core, "closing", Box::pin(self.finish())).await.is_err() {
            self.let_go();
        }
    }

    /// The message that a worker begins with, unless the session has begun to close meanwhile.
    pub(super) fn begin(&self, first: Option<Incoming>) -> Option<Incoming> {
        if first.is_some() && self.lock().phase != Phase::Open {
            self.core.counters.add(Dropped::SessionClosed);
            return None;
        }
        first
    }

    /// Handles a message; whatever happens meanwhile, it is answered and counted off, and the worker goes on.
    pub(super) async fn handle(self: &Arc<Self>, message: Incoming) {
        let Incoming { id, route, body } = message;
        let accept = self.format().map(|format| format.encoding()).unwrap_or_default();
        let session = Session::new(&self.core, self.snapshot());
        let request = Request::new(route, id, body, accept, session);
        let place = pin!(self.place(&request));
        let place = Origin::Handler(self.id).scope(place).within(Within::request(&self.core, &request));
        let handled = boundary::survive(&self.core, "message", place).await;
        if let Err(error) = handled {
            ReplyTo::Client(self.clone()).answer(&self.core, &request, &Err(error));
        }
    }

    /// Finds out where a message is handled, and has it handled there.
    pub(super) async fn place(self: &Arc<Self>, request: &Request) {
        let unanswered = Unanswered(self);
        let (core, reply_to) = (&self.core, || ReplyTo::Client(self.clone()));
        match pipeline::route(core, request).await {
            Ok(Routed::Here { concurrent: false }) => pipeline::serve(core, request, &reply_to()).await,
            Ok(Routed::Here { concurrent: true }) => {
                unanswered.by_another();
                self.core.executor.spawn(self.clone().serve(request.clone()));
            }
            Ok(Routed::At(server)) => {
                let forward = |server: &ServerId| self.forward(request, server);
                let again = || Box::pin(pipeline::route_again(core, request));
                match send_routed(server, forward, again).await {
                    Ok(_) => unanswered.by_another(),
                    Err(error) => Box::pin(pipeline::reject(core, request, error, &reply_to())).await,
                }
            }
            Ok(Routed::Answered(body)) => Box::pin(pipeline::answer(core, request, body, &reply_to())).await,
            Err(error) => Box::pin(pipeline::reject(core, request, error, &reply_to())).await,
        }
    }

    /// Handles a message beside others.
    pub(super) async fn serve(self: Arc<Self>, request: Request) {
        let _unanswered = Unanswered(&self);
        let reply_to = ReplyTo::Client(self.clone());
        let serve = pin!(pipeline::serve(&self.core, &request, &reply_to));
        let serve = Origin::Handler(self.id).scope(serve).within(Within::request(&self.core, &request));
        if let Err(error) = boundary::survive(&self.core, "message", serve).await {
            reply_to.answer(&self.core, &request, &Err(error));
        }
    }

    /// Sends a message on to the server that handles it, without waiting for the answer.
    ///
    /// # Errors
    /// If it can't be sent: nobody will answer it then.
    pub(super) fn forward(self: &Arc<Self>, request: &Request, server: &ServerId) -> Result<(), Unqueued> {
        self.core.check_working(server)?;
        // A change of the session that is not in the snapshot must not be answered before the message is on its way:
        // backends rely on it. Hence the snapshot is taken and the message sent under one lock.
        let mut state = self.lock();
        if state.phase != Phase::Open {
            self.core.counters.add(Dropped::SessionClosed);
            return Err(no_session(self.id).into());
        }
        let entry = self.core.pending.add_client(server, self.clone(), request.arrived())?;
        let seq = entry.seq();
        state.out.push((seq, request.clone()));
        let message = Message::Forward {
            seq,
            session: self.snapshot_of(&state),
            route: request.route().clone(),
            id: request.id(),
            body: request.body().clone(),
            accept: request.accept(),
        };
        match self.core.send(server, message) {
            Ok(()) => entry.keep(),
            Err(reason) if entry.withdraw() => {
                // It is withdrawn.
                drop(state.forget(seq));
                drop(state);
                return Err(self.core.unsent(server, reason));
            }
            // The link broke meanwhile, and who noticed answers.
            Err(_) => {}
        }
        Ok(())
    }
}
