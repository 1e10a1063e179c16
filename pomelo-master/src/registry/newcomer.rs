//! A process that wants the place of an id, and why it doesn't get it.

use pomelo_core::cluster::Member;
use pomelo_core::metrics::MissingLink;
use pomelo_core::value::Incarnation;

use super::LinkId;
use crate::process::Process;
use crate::wire::server::{Occupant, Refusal};

/// A process that says what server it is.
#[derive(Debug)]
pub(crate) struct Newcomer<'a> {
    pub(crate) member: &'a Member,
    pub(crate) pid: u32,
    /// Its process, if that is on this host.
    pub(crate) process: Option<Process>,
    pub(crate) link: LinkId,
    /// The links that it says are missing, if it says so.
    pub(crate) missing_links: Option<&'a [MissingLink]>,
    /// The process that has the place, if that was asked and did not answer.
    pub(crate) silent: Option<Incarnation>,
}

/// Why a newcomer doesn't get the place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    Refused(Refusal),
    /// An earlier process has it, and must be asked first whether it is there.
    Taken(Occupant),
}
