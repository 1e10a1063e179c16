//! The receiver of a server: takes in the envelopes that arrive on its links.

use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use smallvec::SmallVec;

use super::Server;
use crate::cluster::{LinkEvents, Member, Refused, Superseded};
use crate::dispatch::{Forwarded, Job, pipeline};
use crate::frontend;
use crate::frontend::Waits;
use crate::metrics::Dropped;
use crate::request::Request;
use crate::runtime::Within;
use crate::session::ClosedSession;
use crate::value::{Error, ErrorKind, Incarnation, Result, ServerId, SessionId};
use crate::wire::Body;
use crate::wire::envelope::{Answer, Envelope, Message, Origin, SessionOp};

/// The receiving side of a server. It runs no code of the application, and takes no channel's lock: the sender may
/// hold one, and may be in this very thread.
pub(crate) struct LinkReceiver(pub(crate) Weak<Server>);

impl LinkEvents for LinkReceiver {
    fn receive(&self, from: &ServerId, envelope: Envelope) {
        let Some(core) = self.0.upgrade() else { return };
        if core.view.lacks(from) {
            return core.counters.add(Dropped::Outdated);
        }
        take_in(&core, from, envelope.0);
    }

    fn greeting(&self, peer: &Member) -> Envelope {
        self.0.upgrade().map_or_else(Envelope::greeting, |core| core.greeting(peer))
    }

    fn joined(&self, member: Member) -> Result<(), Superseded> {
        self.0.upgrade().map_or(Ok(()), |core| core.joined(member))
    }

    fn changed(&self, member: Member) {
        if let Some(core) = self.0.upgrade() {
            core.changed(member);
        }
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

    fn refused(&self, by: &ServerId, why: Refused) {
        if let Some(core) = self.0.upgrade() {
            // What it is now is announced.
            let _ = core.refused(by, why);
        }
    }

    fn failed(&self, error: Error) {
        if let Some(core) = self.0.upgrade() {
            core.tasks.fail(error);
        }
    }
}

fn take_in(core: &Arc<Server>, from: &ServerId, message: Message) {
    match &core.detours {
        Some(detours) => detours.receive(core, from, message),
        None => take_in_directly(core, from, message),
    }
}

/// Takes a message in whose turn it is: if there is a broadcast filter, it has decided on all before.
pub(crate) fn take_in_directly(core: &Arc<Server>, from: &ServerId, message: Message) {
    match message {
        Message::Call { seq, method, lane, origin, args } => {
            let job = Job::Call { from: from.clone(), seq, method, origin, args, task: core.busy.begin() };
            if core.executor().push(lane, job).is_some() {
                refuse_call(core, from, seq);
            }
        }
        Message::Forward { seq, session, route, id, body, accept } => {
            let task = core.busy.begin();
            let message = Forwarded { from: from.clone(), seq, session, route, id, body, accept, task };
            core.dispatch.queues.add(core, message);
        }
        Message::Reply { seq, result } => core.complete(seq, result),
        Message::Session { seq, origin, op } => act(core, from, seq, origin, op),
        Message::Abandon { seq } => core.registry.waits.abandon(from, seq),
        Message::SessionGone { id } => core.dispatch.queues.drop_waiting(core, id),
        Message::SessionClosed { seq, session, reason } => {
            tracing::debug!(session = %session.id, reason = &*reason, "a session closed");
            core.dispatch.queues.close(core, ClosedSession::new(session, reason).asked_by(from, seq));
        }
        Message::Group { key, version, op } => frontend::deliver(core, from, key, version, op),
        Message::Groups { incarnation, alive } => {
            let groups = core.registry.tables().groups_of(from, incarnation);
            for key in groups.into_iter().filter(|key| !alive.contains(&key.group)) {
                frontend::drop_group(core, &key);
            }
        }
        Message::FetchGroup { group } => {
            let (core, from) = (core.clone(), from.clone());
            core.executor.clone().spawn(async move { core.channels.asked(&from, group) });
        }
        Message::PushUids { seq, push, uids } => frontend::deliver_to_uids(core, from, seq, &push, uids),
        Message::Broadcast { push, bound_only, .. } => frontend::broadcast(core, &push, bound_only),
        Message::Barrier { seq } => core.reply(from, seq, Ok(Answer::Done(0))),
        Message::Greeting(greeting) => core.greeted(from, greeting),
        Message::Settled(settled) => core.settled(from, settled),
    }
}

/// A lane is full; who wants no answer can't be told.
#[cold]
fn refuse_call(core: &Arc<Server>, from: &ServerId, seq: u64) {
    if seq == 0 {
        return core.counters.add(Dropped::LaneFull);
    }
    let why = format_args!("{} has too many calls queued", core.info.id);
    core.reply_later(from.clone(), seq, Err(Error::of(ErrorKind::Overloaded, why)));
}

/// Does what another server wants of a session.
fn act(core: &Arc<Server>, from: &ServerId, seq: u64, origin: Origin, op: SessionOp) {
    let (owner, asker) = (core.clone(), from.clone());
    let mut act = origin.scope(Box::pin(async move {
        let result = owner.registry.act(&owner, &asker, op).await;
        owner.reply(&asker, seq, result);
    }));
    // Nearly every operation is ready at once.
    let mut cx = Context::from_waker(Waker::noop());
    if Pin::new(&mut act).poll(&mut cx).is_pending() {
        Waits::start(core, from, seq, act);
    }
}

/// The outcome of a message that was out, from what its server answered.
pub(crate) fn outcome(core: &Server, request: &Request, result: Result<Answer>) -> Result<Body> {
    match result {
        Ok(Answer::Response(Some(body))) => Ok(body),
        Ok(_) => Ok(Body::json(&b"{}"[..])),
        Err(error) => Err(not_handled(core, request, error)),
    }
}

/// The error of a message that was out, which is logged and counted here unless the other server has done that.
#[cold]
fn not_handled(core: &Server, request: &Request, mut error: Error) -> Error {
    if !error.was_logged() {
        pipeline::not_handled(core, request, &mut error);
    }
    error
}

/// Ends the entries of a session that has closed: nobody is answered, and the servers that were asked, which are given back,
/// stop what they have not begun.
pub(crate) fn abandon(
    core: &Arc<Server>,
    session: SessionId,
    out: SmallVec<[(u64, Request); 1]>,
) -> SmallVec<[ServerId; 1]> {
    let mut asked = SmallVec::<[ServerId; 1]>::new();
    if out.is_empty() {
        return asked;
    }
    for (server, request) in core.pending.remove_all(out) {
        if !asked.contains(&server) {
            asked.push(server);
        }
        let why = format_args!("session {session} is closed");
        after_global(core, request, Err(Error::of(ErrorKind::Closed, why)));
    }
    for server in &asked {
        // One that can't be told does work that nobody waits for, and no harm.
        let _ = core.send(server, Message::SessionGone { id: session });
    }
    asked
}

/// Runs the global after filters, if there are any.
pub(crate) fn after_global(core: &Arc<Server>, request: Request, outcome: Result<Body>) {
    if !core.dispatch.global_filters.is_empty() {
        let core = core.clone();
        core.executor.clone().spawn(async move {
            let after = pin!(pipeline::after_global(&core, &request, &outcome));
            Within::request(&core, &request).poll(after).await
        });
    }
}
