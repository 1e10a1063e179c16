//! Replication of a channel's membership to the frontends of its members. Sans-IO.
//!
//! The server that made a channel owns its membership ([`Owner`]); each frontend at which it has members keeps a copy of those
//! ([`Replica`]), so that a push is one message per frontend. Each change of a copy has a version, one more than the one before,
//! and a push carries the version that its members had. So a frontend sees what it has missed by the gap, and delivers no push
//! to members other than those that it was meant for.
//!
//! | message | from | says |
//! |---|---|---|
//! | `Group` [`Join`](GroupOp::Join), [`Leave`](GroupOp::Leave) | owner | the membership changed to this version; a join with version 1 begins a copy |
//! | `Group` [`Push`](GroupOp::Push) | owner | deliver this to the members of this version |
//! | `Group` [`Sync`](GroupOp::Sync) | owner | the whole membership of this version: asked for, or before anything else where something may not have arrived |
//! | `Group` [`Drop`](GroupOp::Drop) | owner | the copy has ended: its last member left, or the channel is no more |
//! | `Groups` | owner | the copies that have not ended: on each new link, and when the link has room again after an end found it full ([`Untold`]) |
//! | `FetchGroup` | frontend | something is missing: send the whole membership. Until it comes, pushes wait |
//!
//! The link keeps the order of what one side sends. It refuses what it has no room for; when it breaks, what is on the way is lost,
//! and a frontend that is short of room may drop joins, leaves and pushes (but no others). None of these is repeated as such: a
//! refused or missed change makes the copy stale, on the owner's side at once, on the frontend's by the next message's version.
//!
//! A version never stands for two memberships of one channel. Hence a copy that is out of date in a way that nobody has noticed
//! is never taken for a current one.
//!
//! | file | noun |
//! |---|---|
//! | `owner` | [`Owner`], the owner's side: takes joins, leaves, pushes, what frontends ask for, and news of links |
//! | `members` | the members in order of joining, of all frontends and of each |
//! | `copies` | what each frontend was told |
//! | `untold` | [`Untold`], the frontends that could not be told of an end |
//! | `replica` | [`Replica`], the frontend's side: takes what the owner sends, and holds pushes back |

mod copies;
mod members;
mod owner;
mod replica;
#[cfg(test)]
mod tests;
mod untold;

pub(crate) use self::owner::{Outgoing, Owner};
pub(crate) use self::replica::{Arrived, Replica, Users};
pub(crate) use self::untold::Untold;

#[cfg(doc)]
use crate::wire::envelope::GroupOp;
