//! The exchange with etcd: requests, their replies, and the changes that a watch tells.

use std::time::Duration;

use pomelo_core::value::ServerId;

use crate::entry::Entry;

/// What is asked of etcd.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// A lease that lives so long: [`Reply::Granted`].
    Grant(Duration),
    /// That the lease lives on: [`Reply::Kept`] or [`Reply::LeaseLost`].
    KeepAlive(i64),
    /// All keys: [`Reply::Snapshot`].
    Range,
    /// What changes from that revision on: [`Reply::Watching`].
    Watch {
        /// The first revision.
        from: i64,
    },
    /// To write the own key with that lease, if its last change was at revision `over`, which is 0 for none:
    /// [`Reply::Written`], [`Reply::Taken`] or [`Reply::LeaseLost`].
    Write {
        /// What it is to hold.
        entry: Box<Entry>,
        /// With which it goes.
        lease: i64,
        /// What it must not have changed since.
        over: i64,
    },
    /// To ask the process that has that id whether it is there: [`Reply::Done`] or [`Reply::LeaseLost`].
    Ask {
        /// Whose process is asked.
        id: ServerId,
        /// Of the one that asks.
        lease: i64,
    },
    /// To take that question back: [`Reply::Done`].
    Withdraw {
        /// Of the one that asked.
        lease: i64,
    },
    /// That the lease ends, with all keys that go with it: [`Reply::Done`].
    Revoke(i64),
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// There is a lease.
    Granted {
        /// Its number.
        lease: i64,
    },
    /// The lease lives on.
    Kept,
    /// There is no such lease any more.
    LeaseLost,
    /// All that there is.
    Snapshot(Snapshot),
    /// Changes are told.
    Watching,
    /// The key is written.
    Written {
        /// Since then it holds that.
        revision: i64,
    },
    /// The key is another one's, or not as it was thought to be.
    Taken {
        /// When that was seen.
        revision: i64,
        /// What it holds, if anything.
        found: Option<Found>,
    },
    /// It is done.
    Done,
}

/// All keys at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The moment.
    pub(crate) revision: i64,
    /// The keys of servers.
    pub(crate) found: Vec<Found>,
    /// The ids whose processes are asked.
    pub(crate) asked: Vec<ServerId>,
}

/// The key of a server.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Whose it is.
    pub(crate) id: ServerId,
    /// Its last change.
    pub(crate) revision: i64,
    /// With which it goes; 0 if with none.
    pub(crate) lease: i64,
    /// What it holds; none if that can't be read.
    pub(crate) entry: Option<Entry>,
}

/// What a watch tells.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// A key of a server was written.
    Put(Found),
    /// A key of a server is gone.
    Deleted {
        /// Whose it was.
        id: ServerId,
        /// When.
        revision: i64,
    },
    /// The process of that id is asked whether it is there.
    Asked {
        /// Which one.
        id: ServerId,
    },
}
