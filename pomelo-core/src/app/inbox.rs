//! What a server does with an envelope that arrives.

use std::sync::{Arc, Weak};

use super::Core;
use crate::channel;
use crate::cluster::Member;
use crate::envelope::{Answer, Envelope, Message};
use crate::error::{Error, ErrorKind, Result};
use crate::handling;
use crate::message::Body;
use crate::rpc::{Job, Waiter};
use crate::server::ServerId;
use crate::session::{ClosedSession, Forwarded, Incarnation};
use crate::transport::{Inbox, Outcast};

/// The receiving side of a server. It runs no code of the application, and takes no channel's lock: the sender may
/// hold one, and may be in this very thread.
pub(crate) struct CoreInbox(pub(crate) Weak<Core>);

impl Inbox for CoreInbox {
    fn receive(&self, from: &ServerId, envelope: Envelope) {
        if let Some(core) = self.0.upgrade() {
            take_in(&core, from, envelope.0);
        }
    }

    fn joined(&self, member: Member) -> Result<(), Outcast> {
        self.0.upgrade().map_or(Ok(()), |core| core.joined(member))
    }

    fn unlinked(&self, server: &ServerId, lost: usize) {
        if let Some(core) = self.0.upgrade() {
            core.unlinked(server, lost);
        }
    }

    fn left(&self, server: &ServerId, incarnation: Incarnation) {
        if let Some(core) = self.0.upgrade() {
            core.left(server, incarnation);
        }
    }

    fn outcast(&self, declared: Outcast) {
        if let Some(core) = self.0.upgrade() {
            core.outcast(declared);
        }
    }

    fn failed(&self, error: Error) {
        if let Some(core) = self.0.upgrade() {
            core.tasks.fail(error);
        }
    }
}

fn take_in(core: &Arc<Core>, from: &ServerId, message: Message) {
    match message {
        Message::Call { seq, method, lane, args } => {
            let job = Job::Call { from: from.clone(), seq, method, args, task: core.busy.begin() };
            if !core.lanes().push(lane, job) && seq != 0 {
                let error = Error::of(
                    ErrorKind::Overloaded,
                    format_args!("{} has too many calls queued", core.info.id),
                );
                core.reply_later(from.clone(), seq, Err(error));
            }
        }
        Message::Forward { seq, session, route, id, body, accept } => {
            let task = core.busy.begin();
            let message = Forwarded { from: from.clone(), seq, session, route, id, body, accept, task };
            core.queues.add(core, message);
        }
        Message::Reply { seq, result } => complete(core, seq, result),
        Message::Session { seq, op } => {
            let (owner, from) = (core.clone(), from.clone());
            let mut act = Box::pin(async move {
                let result = owner.edge.act(&owner, &from, op).await;
                owner.reply(&from, seq, result);
            });
            // Nearly every operation is ready at once.
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            if act.as_mut().poll(&mut cx).is_pending() {
                core.executor.spawn(act);
            }
        }
        Message::SessionClosed { session, reason } => {
            tracing::debug!(session = %session.id, reason = &*reason, "a session closed");
            core.queues.close(core, ClosedSession { session, reason });
        }
        Message::Group { key, version, op } => channel::deliver(core, from, key, version, op),
        Message::Groups { incarnation, alive } => {
            let groups = core.edge.tables().groups_of(from, incarnation);
            for key in groups.into_iter().filter(|key| !alive.contains(&key.group)) {
                channel::drop_group(core, &key);
            }
        }
        Message::FetchGroup { group } => {
            let (core, from) = (core.clone(), from.clone());
            core.executor.clone().spawn(async move { core.channels.resync(&from, group) });
        }
        Message::PushUids { seq, push, uids } => channel::deliver_to_uids(core, from, seq, &push, uids),
        Message::Broadcast { push, bound_only, filter } => {
            channel::broadcast(core, &push, bound_only, filter.as_ref());
        }
        Message::Fence { seq } => core.reply(from, seq, Ok(Answer::Done(0))),
    }
}

/// Hands an answer to who waits for it.
pub(crate) fn complete(core: &Arc<Core>, seq: u64, result: Result<Answer>) {
    if let Some(waiter) = core.pending.remove(seq) {
        settle(core, waiter, result);
    }
}

pub(crate) fn settle(core: &Arc<Core>, waiter: Waiter, result: Result<Answer>) {
    match waiter {
        // Whoever asked may have stopped waiting.
        Waiter::Task(task) => drop(task.send(result)),
        Waiter::Client { session, request } => {
            let outcome = result.map(|answer| match answer {
                Answer::Response(Some(body)) => body,
                _ => Body::json(&b"{}"[..]),
            });
            let route = request.route().as_str();
            session.respond(request.id(), route, outcome.as_ref().map(Some));
            session.answered();
            if !core.global_filters.is_empty() {
                let core = core.clone();
                core.executor
                    .clone()
                    .spawn(async move { handling::after_global(&core, &request, &outcome).await });
            }
        }
    }
}
