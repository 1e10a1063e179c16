//! Questions to other servers, and answers to theirs.
//!
//! Each question ends once: by its answer, an error in its place, its deadline, or the loss of the link or the server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::Peers;
use super::pending::{Question, Waiter};
use crate::cluster::{Known, Member, Unsent};
use crate::metrics::Dropped;
use crate::runtime::origin;
use crate::value::{Error, ErrorKind, Result, ServerId};
use crate::wire::envelope::{Answer, Message};

/// A message that was not queued for its server: nothing of it is there, nor will be.
pub(crate) struct Unqueued {
    pub(crate) error: Error,
    /// The server is leaving, gone or not linked, so another one may take the message in its place.
    pub(crate) may_move: bool,
}

impl Unqueued {
    fn at(error: Error) -> Self {
        Self { error, may_move: true }
    }
}

/// Something other than the server is in the way.
impl From<Error> for Unqueued {
    fn from(error: Error) -> Self {
        Self { error, may_move: false }
    }
}

impl From<Unqueued> for Error {
    fn from(unqueued: Unqueued) -> Self {
        unqueued.error
    }
}

impl Peers {
    /// The number of a method at a server that is up.
    pub(crate) fn method(&self, server: &ServerId, service: &str, method: &str) -> Result<u32, Unqueued> {
        let known = self.view.known();
        let member = self.callee(&known, server)?;
        let unknown = || format!("{server} has no remote method {service}.{method}");
        let number = member.methods.number(service, method);
        Ok(number.ok_or_else(|| Error::of(ErrorKind::NoSuchMethod, unknown()))?)
    }

    /// Whether a server takes new work.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_working(&self, server: &ServerId) -> Result<(), Unqueued> {
        self.callee(&self.view.known(), server).map(drop)
    }

    /// A server that takes what this one sends. One that is about to stop takes nothing new; but what this server sends
    /// when it is about to stop itself belongs to what it has begun.
    fn callee<'a>(&self, known: &'a Known, server: &ServerId) -> Result<&'a Member, Unqueued> {
        let member = known.member(server).filter(|member| !member.leaving || self.is_leaving());
        member.ok_or_else(|| Unqueued::at(self.unreachable(server)))
    }

    fn unreachable(&self, server: &ServerId) -> Error {
        let known = self.view.known();
        if known.member(server).is_some_and(|member| member.leaving) {
            return Error::of(ErrorKind::Refused, format_args!("{server} is stopping"));
        }
        let Some(info) = known.expects(server) else {
            return Error::of(ErrorKind::NoServer, format_args!("there is no server `{server}`"));
        };
        if self.link_sender.get().is_some_and(|link_sender| !link_sender.can_reach(info)) {
            return Error::of(ErrorKind::NoServer, NoPort { from: &self.info.id, to: server });
        }
        Error::of(ErrorKind::Refused, format_args!("{server} is down"))
    }

    /// What it means that an envelope could not be sent.
    pub(crate) fn unsent(&self, server: &ServerId, reason: Unsent) -> Unqueued {
        let error = match reason {
            Unsent::Full => Error::of(ErrorKind::Overloaded, format_args!("the link to {server} is full")),
            Unsent::TooLong => {
                Error::of(ErrorKind::BadMessage, format_args!("what goes to {server} is too long"))
            }
            Unsent::NoPort => Error::of(ErrorKind::NoServer, NoPort { from: &self.info.id, to: server }),
            Unsent::NoLink => match self.unreachable(server) {
                // It is up, as far as anybody knows, and the link to it is being made again.
                error if self.view.known().working(server).is_some() => {
                    Error::of(error.kind(), format_args!("the link to {server} is down"))
                }
                error => error,
            },
        };
        Unqueued { error, may_move: reason == Unsent::NoLink }
    }

    /// Calls a remote's method by its number.
    pub(crate) async fn call(
        self: &Arc<Self>,
        server: &ServerId,
        method: u32,
        lane: u64,
        args: Bytes,
        timeout: Duration,
    ) -> Result<Bytes> {
        let (origin, deadline) = (origin::current(), Instant::now() + timeout);
        let call = |seq| Message::Call { seq, method, lane, origin, args };
        returned(self.answer(server, self.question(server, deadline, call)?).await?)
    }

    pub(crate) async fn ask(
        self: &Arc<Self>,
        server: &ServerId,
        timeout: Duration,
        message: impl FnOnce(u64) -> Message,
    ) -> Result<Answer> {
        self.answer(server, self.question(server, Instant::now() + timeout, message)?).await
    }

    /// Sends a question, to be [answered](Self::answer) until a deadline.
    ///
    /// # Errors
    /// If it could not be queued.
    pub(crate) fn question<'a>(
        self: &'a Arc<Self>,
        server: &ServerId,
        deadline: Instant,
        message: impl FnOnce(u64) -> Message,
    ) -> Result<Question<'a>, Unqueued> {
        let question = self.pending.add_task(server, deadline)?;
        self.send(server, message(question.seq())).map_err(|reason| self.unsent(server, reason))?;
        Ok(question)
    }

    /// Waits for the answer to a question that was sent, or its deadline.
    pub(crate) async fn answer(&self, server: &ServerId, mut question: Question<'_>) -> Result<Answer> {
        question.answer().await.unwrap_or_else(|| Err(self.unreachable(server)))
    }

    /// Answers a question. What can't be sent becomes an error that can, at once if the answer is too long, and as soon as
    /// there is room if the link is full: who asked doesn't wait for a deadline.
    pub(crate) fn reply(self: &Arc<Self>, server: &ServerId, seq: u64, result: Result<Answer>) {
        let length = result.as_ref().map_or(0, Answer::length);
        if let Err(reason) = self.send(server, Message::Reply { seq, result }) {
            self.unanswered(server, seq, length, reason);
        }
    }

    #[cold]
    fn unanswered(self: &Arc<Self>, server: &ServerId, seq: u64, length: usize, reason: Unsent) {
        self.counters.add(Dropped::Unanswered);
        if let Some(left_out) = self.admit(format_args!("answer {server} {reason:?}")) {
            let (own, to) = (&self.info.id, server);
            tracing::warn!(server = %own, %to, ?reason, length, left_out, "an answer could not be sent");
        }
        let error = match reason {
            // The link's loss ends the question at the other side.
            Unsent::NoLink | Unsent::NoPort => return,
            Unsent::TooLong => {
                let why = format!(
                    "the answer of {} ({length} bytes) is longer than a link to {server} carries (max_frame)",
                    self.info.id
                );
                Error::of(ErrorKind::BadMessage, why)
            }
            Unsent::Full => {
                let why = format!("the link from {} was full when it answered", self.info.id);
                return self.owed.add(server, seq, Error::of(ErrorKind::Overloaded, why));
            }
        };
        let mut error = error;
        error.set_logged();
        let message = Message::Reply { seq, result: Err(error.clone()) };
        if self.send(server, message) == Err(Unsent::Full) {
            self.owed.add(server, seq, error);
        }
    }

    /// Hands an answer to who waits for it.
    pub(crate) fn complete(&self, seq: u64, result: Result<Answer>) {
        match self.pending.remove(seq) {
            Some(waiter) => self.settle(seq, waiter, result),
            None => self.counters.add(Dropped::LateReply),
        }
    }

    /// Ends an entry that was taken out of the table.
    pub(crate) fn settle(&self, seq: u64, waiter: Waiter, result: Result<Answer>) {
        match waiter {
            Waiter::Task(task, _) | Waiter::Closing(task, _) => {
                if task.send(result).is_err() {
                    self.counters.add(Dropped::LateReply);
                }
            }
            Waiter::Client { session, .. } => session.replied(seq, result),
        }
    }

    /// Replies from a task of its own, where the caller may be inside the asker's locks.
    pub(crate) fn reply_later(self: &Arc<Self>, server: ServerId, seq: u64, result: Result<Answer>) {
        let peers = self.clone();
        self.executor.spawn(async move { peers.reply(&server, seq, result) });
    }
}

/// What a remote returned.
///
/// # Errors
/// If it is the answer to something else.
pub(crate) fn returned(answer: Answer) -> Result<Bytes> {
    match answer {
        Answer::Returned(bytes) => Ok(bytes),
        other => Err(Error::of(ErrorKind::BadMessage, format_args!("unexpected answer {other:?}"))),
    }
}

/// There can be no link between two servers.
struct NoPort<'a> {
    from: &'a ServerId,
    to: &'a ServerId,
}

impl std::fmt::Display for NoPort<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to } = self;
        write!(f, "{from} can't reach {to}: one of the two needs a `port` in servers.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::testing::peers;

    #[tokio::test]
    async fn a_reply_that_found_a_full_link_is_owed_as_an_error() {
        let (peers, sent) = peers("chat-1", &["gate-1"]);
        let gate = ServerId::from("gate-1");
        sent.refuse(Some(Unsent::Full));
        peers.reply(&gate, 7, Ok(Answer::Done(1)));
        assert_eq!(peers.counters.dropped(Dropped::Unanswered), 1);
        sent.refuse(None);
        peers.owed.pay(|server, message| peers.send(server, message));
        let sent = sent.take();
        let [(to, Message::Reply { seq: 7, result: Err(error) })] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!((to, error.kind()), (&gate, ErrorKind::Overloaded));
    }
}
