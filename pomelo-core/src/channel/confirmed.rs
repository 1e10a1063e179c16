//! Confirmed pushes: frontends answer whom they did not reach.
//!
//! A confirmed push is sent as any other one, with a number for the answer. So it keeps its place in the
//! channel's order, and waiting for the answers is the caller's own affair.

use tokio::time::Instant;

use crate::metrics::Dropped;
use crate::peers::{Peers, Question};
use crate::value::Uid;
use crate::wire::envelope::Answer;

/// A frontend that was sent a push and asked whom it did not reach. Dropped, it is asked no more.
pub(super) struct Asked<'a> {
    /// None if it could not be sent the push.
    question: Option<Question<'a>>,
    uids: Vec<Uid>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(peers: &Peers, question: Option<Question<'a>>, uids: Vec<Uid>) -> Self {
        if question.is_none() {
            peers.counters.add(Dropped::Unreachable);
        }
        Self { question, uids }
    }
}

/// By when frontends must have answered: one deadline for all that are asked about one push.
pub(super) fn deadline(peers: &Peers) -> Instant {
    Instant::now() + peers.limits.rpc_timeout
}

/// Collects the users that frontends did not reach; of one that fails or has not answered by the deadline, every user.
pub(super) async fn missing(asked: Vec<Asked<'_>>) -> Vec<Uid> {
    let mut missing = Vec::new();
    for Asked { question, uids } in asked {
        let Some(mut question) = question else {
            missing.extend(uids);
            continue;
        };
        match question.answer().await {
            Some(Ok(Answer::Missing(not_reached))) => missing.extend(not_reached),
            _ => missing.extend(uids),
        }
    }
    missing
}
