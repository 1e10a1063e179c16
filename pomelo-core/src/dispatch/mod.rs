//! Dispatch: how messages and calls that arrived are run.

mod endpoints;
mod executor;
mod jobs;
pub mod pipeline;
mod queues;

pub(crate) use self::endpoints::{Installed, Listener, Mounted, Names, Node, Parts};
pub(crate) use self::executor::{Job, Lanes};
pub(crate) use self::queues::{Forwarded, SessionQueues};
