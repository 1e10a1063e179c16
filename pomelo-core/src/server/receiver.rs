//! The receiver of a server: takes in the envelopes that arrive on its links.
//!
//! | message | goes to |
//! |---|---|
//! | a call; a client's message | the lanes of `dispatch` |
//! | an answer | who waits for it, by `peers` |
//! | something about a session | the frontend's registry, or, on a backend, the session's queue |
//! | a push, a membership, a broadcast | the frontend's groups and clients |
//! | what an owner is asked of a channel | the channel, in a task of its own |
//! | what an operator asks | an admin module, in a task of its own |
//! | a greeting | `settling` |
//!
//! At a frontend with a broadcast filter, what is for clients waits behind what the filter still decides on
//! (`frontend::detour`).

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use futures::future::Either;

use super::Server;
use crate::cluster::{LinkEvents, Member, Refused, Superseded};
use crate::dispatch::{Forwarded, Job};
use crate::frontend;
use crate::frontend::Waits;
use crate::metrics::Dropped;
use crate::runtime::origin;
use crate::session::{ClosedSession, SessionOwner};
use crate::value::{Error, ErrorKind, Incarnation, ServerId};
use crate::wire::envelope::{Answer, Envelope, Message, Origin, SessionOp};

/// The receiving side of a server. It runs no code of the application, and takes no channel's lock: the sender may
/// hold one, and may be in this very thread.
pub(crate) struct LinkReceiver(pub(crate) Weak<Server>);

impl LinkEvents for LinkReceiver {
    fn receive(&self, from: &ServerId, envelope: Envelope) {
        let Some(own) = self.0.upgrade() else { return };
        if own.peers.view.lacks(from) {
            return own.peers.counters.add(Dropped::Outdated);
        }
        take_in(&own, from, envelope.0);
    }

    fn greeting(&self, peer: &Member) -> Envelope {
        self.0.upgrade().map_or_else(Envelope::greeting, |own| own.greeting(peer))
    }

    fn joined(&self, member: Member) -> Result<(), Superseded> {
        self.0.upgrade().map_or(Ok(()), |own| own.joined(member))
    }

    fn changed(&self, member: Member) {
        if let Some(own) = self.0.upgrade() {
            own.changed(member);
        }
    }

    fn unlinked(&self, server: &ServerId, lost: usize) {
        if let Some(own) = self.0.upgrade() {
            own.unlinked(server, lost);
        }
    }

    fn left(&self, server: &ServerId, incarnation: Incarnation) {
        if let Some(own) = self.0.upgrade() {
            own.left(server, incarnation);
        }
    }

    fn refused(&self, by: &ServerId, why: Refused) {
        if let Some(own) = self.0.upgrade() {
            // What it is now is announced.
            let _ = own.refused(by, why);
        }
    }

    fn failed(&self, error: Error) {
        if let Some(own) = self.0.upgrade() {
            own.peers.tasks.fail(error);
        }
    }
}

fn take_in(server: &Arc<Server>, from: &ServerId, message: Message) {
    match &server.detours {
        None => take_in_directly(server, from, message),
        Some(detours) => {
            if let Some(message) = detours.receive(from, message) {
                take_in_directly(server, from, message);
            }
        }
    }
}

/// Takes a message in whose turn it is: if there is a broadcast filter, it has decided on all before.
pub(crate) fn take_in_directly(server: &Arc<Server>, from: &ServerId, message: Message) {
    match message {
        Message::Call { seq, method, lane, origin, args } => {
            let job =
                Job::Call { from: from.clone(), seq, method, origin, args, task: server.peers.busy.begin() };
            if server.dispatch.executor().push(lane, job).is_some() {
                refuse_call(server, from, seq);
            }
        }
        Message::Forward { seq, session, route, id, body, accept } => {
            let task = server.peers.busy.begin();
            let message = Forwarded { from: from.clone(), seq, session, route, id, body, accept, task };
            server.dispatch.queues.add(&server.dispatch, message);
        }
        Message::Reply { seq, result } => server.peers.complete(seq, result),
        Message::Session { seq, origin, op } => act(server, from, seq, origin, op),
        Message::Abandon { seq } => server.registry.waits.abandon(from, seq),
        Message::SessionGone { id } => server.dispatch.queues.drop_waiting(&server.dispatch, id),
        Message::SessionClosed { seq, session, reason } => {
            tracing::debug!(session = %session.id, reason = &*reason, "a session closed");
            server.sessions.close(ClosedSession::new(session, reason).asked_by(from, seq));
        }
        Message::Group { key, version, op } => frontend::deliver(&server.registry, from, key, version, op),
        Message::Groups { incarnation, alive } => {
            frontend::keep_groups(&server.registry, from, incarnation, |group| alive.contains(&group));
        }
        Message::FetchGroup { group } => {
            // Not here: the sender may hold the channel's lock, and be in this very thread.
            let (channels, from) = (server.channels.clone(), from.clone());
            server.peers.executor.spawn(async move { channels.asked(&from, group) });
        }
        Message::PushUids { seq, push, uids } => {
            frontend::deliver_to_uids(&server.registry, from, seq, &push, uids)
        }
        Message::Broadcast { push, bound_only, .. } => {
            frontend::broadcast(&server.registry, &push, bound_only)
        }
        Message::Barrier { seq } => server.peers.reply(from, seq, Ok(Answer::Done(0))),
        Message::Ask { seq, to, ask } => server.asked(from, seq, to, ask),
        Message::Greeting(greeting) => server.greeted(from, greeting),
        Message::Settled(settled) => server.settled(from, settled),
    }
}

/// A lane is full; who wants no answer can't be told, so the log says it.
#[cold]
fn refuse_call(server: &Arc<Server>, from: &ServerId, seq: u64) {
    if seq == 0 {
        server.peers.counters.add(Dropped::LaneFull);
        return server.peers.note_lane_full("a call without an answer", from);
    }
    let why = format_args!("{} has too many calls queued", server.peers.info.id);
    server.peers.reply_later(from.clone(), seq, Err(Error::of(ErrorKind::Overloaded, why)));
}

/// Does what another server wants of a session.
fn act(server: &Arc<Server>, from: &ServerId, seq: u64, origin: Origin, op: SessionOp) {
    let acting = match server.registry.clone().act(from, op) {
        Either::Left(done) => return server.peers.reply(from, seq, done.into_inner()),
        Either::Right(acting) => acting,
    };
    let (peers, asker) = (server.peers.clone(), from.clone());
    let mut answering = origin::scope(
        origin,
        Box::pin(async move {
            let result = acting.await;
            peers.reply(&asker, seq, result);
        }),
    );
    // It may be ready all the same.
    let mut cx = Context::from_waker(Waker::noop());
    if Pin::new(&mut answering).poll(&mut cx).is_pending() {
        Waits::start(&server.registry, from, seq, answering);
    }
}
