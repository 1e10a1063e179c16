//! Envelopes: the messages that servers send each other.
//!
//! ```text
//!  Call, Forward ─────────▶            work for the receiver: a remote, a handler
//!  Session, Abandon ──────▶            something about a session of the receiver
//!  Group, Groups, FetchGroup ◀──────▶  copies of channels
//!  PushUids, Broadcast ───▶            pushes without a channel
//!  SessionClosed, SessionGone ──────▶  the end of a session
//!  Greeting, Settled ◀────▶            two servers that lost each other
//!  Ask ──────────────────▶            an operator's question to an admin module of the receiver
//!  Reply ◀────────────────            the answer to whatever has a `seq`
//! ```
//!
//! A `seq` is the sender's number of a question. It is answered or fails once; 0 asks for no answer. Bodies
//! of clients travel undecoded, as an encoding and bytes, and are shared with what was read.

mod ask;
mod codec;
mod origin;
mod payload;
mod settlement;

pub use self::ask::{Ask, AskError};
pub use self::codec::EnvelopeError;
pub(crate) use self::origin::Origin;
pub(crate) use self::payload::Payload;
pub(crate) use self::settlement::{Batch, Greeting, Settled};

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body::{Body, Encoding};
use crate::value::{Error, Incarnation, Route, ServerId, SessionId, Settings, Uid};

/// A message from one server to another. To a [`Transport`](crate::cluster::Transport) it is opaque.
#[derive(Debug)]
pub struct Envelope(pub(crate) Message);

impl Envelope {
    /// What a process that has nothing to settle with another says first on a link: see
    /// [`LinkEvents::greeting`](crate::cluster::LinkEvents::greeting).
    pub fn greeting() -> Self {
        Self(Message::Greeting(Greeting::default()))
    }
}

/// A session as it is at its frontend at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Which session.
    pub(crate) id: SessionId,
    /// Who owns it.
    pub(crate) frontend: ServerId,
    /// The user that it is bound to.
    pub(crate) uid: Option<Uid>,
    /// Shared with other snapshots of the same version.
    pub(crate) settings: Arc<Settings>,
    /// Counts the changes at the frontend.
    pub(crate) version: u64,
}

/// A push on its way to frontends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Push {
    /// What clients listen to.
    pub(crate) route: Arc<str>,
    /// The message, in every encoding that a receiver needs.
    pub(crate) payload: Payload,
    /// Dropped where more than the limit of an outbox waits for a client already.
    pub(crate) volatile: bool,
}

/// A channel, as frontends know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct GroupKey {
    /// The server that made the channel.
    pub(crate) backend: ServerId,
    /// The process of it; a channel ends with that.
    pub(crate) incarnation: Incarnation,
    /// The channel's number in that process.
    pub(crate) group: u64,
}

/// What a server says to another one, or to itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// A call of a remote's method, by its number in the callee's table; `seq` 0 wants no reply.
    Call { seq: u64, method: u32, lane: u64, origin: Origin, args: Bytes },
    /// A client's message for a handler.
    Forward { seq: u64, session: Snapshot, route: Route, id: Option<u64>, body: Body, accept: Encoding },
    /// The answer to anything that has a `seq`.
    Reply { seq: u64, result: Result<Answer, Error> },
    /// Something about a session, at its frontend.
    Session { seq: u64, origin: Origin, op: SessionOp },
    /// Whoever asked that of a session waits for it no more.
    Abandon { seq: u64 },
    /// A session that the receiver subscribed to is closed. Wants an answer once its hooks there have run; `seq` 0 wants none.
    SessionClosed { seq: u64, session: Snapshot, reason: Arc<str> },
    /// Membership of a channel, and its pushes.
    Group { key: GroupKey, version: u64, op: GroupOp },
    /// The channels of that incarnation of the sender which have members at the receiver: copies of others are out of date.
    Groups { incarnation: Incarnation, alive: Vec<u64> },
    /// A frontend has missed something of a channel and wants the whole membership.
    FetchGroup { group: u64 },
    /// A push to users by name.
    PushUids { seq: u64, push: Push, uids: Vec<Uid> },
    /// A push to all clients of a frontend.
    Broadcast { push: Push, bound_only: bool, filter: Option<Value> },
    /// Wants an answer, once all that was sent before it is taken in.
    Barrier { seq: u64 },
    /// A session whose messages the receiver was sent is closed: those that it has not begun need not be handled.
    SessionGone { id: SessionId },
    /// What an operator asks an admin module: of the receiver, or of a server that the sender can't be linked with, to which the
    /// receiver passes it on.
    Ask { seq: u64, to: Option<ServerId>, ask: Ask },
    /// The first of every link: how often the sender declared the receiver gone, and what it dropped of it.
    Greeting(Greeting),
    /// The sender has settled what a greeting said.
    Settled(Settled),
}

/// What a [`Reply`](Message::Reply) says where all went well.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Nothing to say but that it is done; of a session, the version it has now.
    Done(u64),
    /// What a remote returned.
    Returned(Bytes),
    /// A handler's response; none to a notify.
    Response(Option<Body>),
    /// Sessions that were asked for.
    Sessions(Vec<Snapshot>),
    /// Users that were not reached.
    Missing(Vec<Uid>),
    /// What an admin module answered, as JSON.
    Told(Result<Bytes, AskError>),
}

impl Answer {
    /// How many bytes of the application's are in it.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Returned(bytes) | Self::Told(Ok(bytes)) => bytes.len(),
            Self::Response(Some(body)) => body.bytes.len(),
            Self::Missing(uids) => uids.iter().map(|uid| uid.len()).sum(),
            Self::Done(_) | Self::Response(None) | Self::Sessions(_) | Self::Told(Err(_)) => 0,
        }
    }
}

/// What a server wants of a session, at the frontend that owns it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum SessionOp {
    /// To a user; `unique` refuses one that another session of the frontend has.
    Bind { id: SessionId, uid: Uid, unique: bool },
    /// From its user, which must be this one.
    Unbind { id: SessionId, uid: Uid },
    /// Settings change; those that are `null` are removed.
    Set { id: SessionId, changes: Settings },
    /// As it is now, if it is open.
    Get { id: SessionId },
    /// All sessions of a user.
    GetByUid { uid: Uid },
    /// Close it, with a kick for that reason.
    Kick { id: SessionId, reason: Option<String> },
    /// Close all sessions of a user.
    KickUid { uid: Uid, reason: Option<String> },
    /// Tell this server when the session closes.
    Subscribe { id: SessionId },
}

/// A change of a channel's copy at a frontend, or a push to its members.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum GroupOp {
    /// A user is a member there.
    Join(Uid),
    /// A user is none any more.
    Leave(Uid),
    /// The whole membership.
    Sync(Vec<Uid>),
    /// `seq` other than 0 wants to know who was not reached.
    Push { seq: u64, push: Push },
    /// The channel is no more.
    Drop,
}
