//! A process that wants the place of an id, and why it doesn't get it.

use pomelo_core::cluster::Member;
use pomelo_core::metrics::MissingLink;
use pomelo_core::value::Incarnation;

use super::LinkId;
use crate::cluster::master::process::Process;
use crate::cluster::master::wire::server::{Occupant, Refusal};

/// A process that says what server it is.
#[derive(Debug)]
pub(in crate::cluster::master) struct Newcomer<'a> {
    pub(in crate::cluster::master) member: &'a Member,
    pub(in crate::cluster::master) pid: u32,
    /// Its process, if that is on this host.
    pub(in crate::cluster::master) process: Option<Process>,
    pub(in crate::cluster::master) link: LinkId,
    /// The links that it says are missing, if it says so.
    pub(in crate::cluster::master) missing_links: Option<&'a [MissingLink]>,
    /// The process that has the place, if that was asked and did not answer.
    pub(in crate::cluster::master) silent: Option<Incarnation>,
}

/// Why a newcomer doesn't get the place.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cluster::master) enum Denial {
    Refused(Refusal),
    /// An earlier process has it, and must be asked first whether it is there.
    Taken(Occupant),
}
