//! The receiver of what an endpoint tells: the server's links, or its discovery.

use pomelo_core::cluster::{Member, Refused, Superseded};
use pomelo_core::value::{Error, Incarnation, ServerId};
use pomelo_core::wire::envelope::Envelope;

use crate::endpoint::Departure;

/// What a server does that is not taken.
pub(crate) enum Verdict {
    /// It waits, and tries again.
    Wait,
    /// It is this from now on, and tries again.
    Again(Box<Member>),
    /// It gives up.
    GiveUp(Error),
}

/// What is told of the others, one thing after the other. No method waits.
pub(crate) trait Receiver: Send + Sync + 'static {
    /// The first envelope of a new link; none where links carry none.
    fn greeting(&self, peer: &Member) -> Option<Envelope>;

    /// There is a new link.
    ///
    /// # Errors
    /// If a later process is known.
    fn joined(&self, member: Member) -> Result<(), Superseded>;

    fn receive(&self, from: &ServerId, envelope: Envelope);

    fn changed(&self, member: Member);

    fn unlinked(&self, server: &ServerId, unarrived: usize);

    fn left(&self, server: &ServerId, incarnation: Incarnation, departure: Departure);

    /// A server that fell silent is not expected back.
    fn forgotten(&self, server: &ServerId, incarnation: Incarnation);

    fn refused(&self, by: &ServerId, why: Refused) -> Verdict;

    fn failed(&self, error: Error);
}
