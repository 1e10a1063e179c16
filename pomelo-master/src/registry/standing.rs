//! Standings: what the cluster makes of a server, apart from whether it runs now (a state machine: no I/O, no clock).
//!
//! ```text
//! servers.json ────▶ Untried ── up ──────────────┐
//!                       │ its start fails        ▼
//!                       ▼                      Member ◀─┐ it dies, and comes back:
//! pomelo add ──────▶ Candidate ── up ──────────▶ │ └────┘ nobody's room moves
//! came by itself ──▶    │  ▲                     │
//!                       │  │ start, restart      │ stop ID, kill ID
//!  taken back, stop ID  ▼  │                     ▼
//!                     Stopped ◀──────────────────┘
//!                       │ its process has ended
//!                       ▼
//!                   forgotten: not in `list`, and its id is free
//! ```
//!
//! *Up* is here: it is registered, and those who must have a link to it have one.
//!
//! | | routers expect it | `add` may replace it while it is down | when it is down |
//! |---|---|---|---|
//! | Untried | yes: the configuration does | no | it stays in `list` |
//! | Candidate | no | yes | of the configuration it stays in `list`, else it is forgotten |
//! | Member | yes, up or not | no | it stays in `list` |
//! | Stopped | no | yes | it is forgotten |

/// How the master came to know of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// servers.json has it.
    Configuration,
    /// An operator has added it.
    Operator,
    /// It came and said that it is there.
    Itself,
}

/// What the cluster makes of a server; see the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Untried,
    Candidate,
    Member,
    Stopped,
}

/// A server's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    source: Source,
    phase: Phase,
}

impl Standing {
    /// servers.json has it, and nobody has started it yet.
    pub(super) fn configured() -> Self {
        Self { source: Source::Configuration, phase: Phase::Untried }
    }

    /// servers.json has it, and it isn't to be expected before it is up.
    pub(super) fn configured_candidate() -> Self {
        Self { source: Source::Configuration, phase: Phase::Candidate }
    }

    /// An operator adds it.
    pub(super) fn added() -> Self {
        Self { source: Source::Operator, phase: Phase::Candidate }
    }

    /// It has come by itself.
    pub(super) fn come() -> Self {
        Self { source: Source::Itself, phase: Phase::Candidate }
    }

    /// A master before this one had servers expect it.
    pub(super) fn inherited() -> Self {
        Self { source: Source::Operator, phase: Phase::Member }
    }

    /// It is up.
    pub(super) fn up(&mut self) {
        if self.phase != Phase::Stopped {
            self.phase = Phase::Member;
        }
    }

    /// It could not be started.
    pub(super) fn failed(&mut self) {
        if self.phase == Phase::Untried {
            self.phase = Phase::Candidate;
        }
    }

    /// It is to be started.
    pub(super) fn wanted(&mut self) {
        if self.phase == Phase::Stopped {
            self.phase = Phase::Candidate;
        }
    }

    /// It is to end for good.
    pub(super) fn stopped(&mut self) {
        self.phase = Phase::Stopped;
    }

    /// What the master before this one had servers expect of the configuration, of which it knows no more.
    pub(super) fn recalled(&mut self, was_expected: bool) {
        if self.phase == Phase::Untried {
            self.phase = if was_expected { Phase::Member } else { Phase::Candidate };
        }
    }

    /// Whether routers are to expect it.
    pub(super) fn is_expected(self) -> bool {
        matches!(self.phase, Phase::Untried | Phase::Member)
    }

    /// Whether it was up once, and is not stopped for good.
    pub(super) fn is_member(self) -> bool {
        self.phase == Phase::Member
    }

    /// Whether another entry of its id may take its place while it is down.
    pub(super) fn may_be_replaced(self) -> bool {
        matches!(self.phase, Phase::Candidate | Phase::Stopped)
    }

    /// Whether an operator wants it to end for good.
    pub(super) fn is_stopped(self) -> bool {
        self.phase == Phase::Stopped
    }

    /// Whether nothing is kept of it once it is down. What an operator adds is looked after by that order, which takes it back.
    pub(super) fn ends_when_down(self) -> bool {
        self.is_stopped() || self.phase == Phase::Candidate && self.source == Source::Itself
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut standing: Standing, steps: &[fn(&mut Standing)]) -> Standing {
        steps.iter().for_each(|step| step(&mut standing));
        standing
    }

    #[test]
    fn what_was_never_up_is_expected_only_while_the_configuration_says_nothing_else_is_known() {
        assert!(Standing::configured().is_expected());
        for standing in [
            Standing::added(),
            Standing::come(),
            after(Standing::configured(), &[Standing::failed]),
            after(Standing::configured(), &[|it| it.recalled(false)]),
            after(Standing::added(), &[Standing::failed, Standing::wanted, |it| it.recalled(true)]),
        ] {
            assert!(!standing.is_expected() && standing.may_be_replaced(), "{standing:?}");
            assert!(after(standing, &[Standing::up]).is_expected());
        }
    }

    #[test]
    fn what_was_up_is_expected_whatever_becomes_of_it_but_a_stop_for_good() {
        let was_up = [Standing::configured(), Standing::added(), Standing::come()]
            .map(|standing| after(standing, &[Standing::up]));
        for standing in was_up
            .into_iter()
            .chain([Standing::inherited(), after(Standing::configured(), &[|it| it.recalled(true)])])
        {
            let standing = after(standing, &[Standing::failed, Standing::wanted, |it| it.recalled(false)]);
            assert!(standing.is_expected() && !standing.may_be_replaced(), "{standing:?}");
            assert!(!standing.ends_when_down());
            let stopped = after(standing, &[Standing::stopped]);
            assert!(!stopped.is_expected() && stopped.may_be_replaced() && stopped.ends_when_down());
            let still = after(stopped, &[Standing::up]);
            assert!(!still.is_expected(), "its process may be on its way out");
            let again = after(stopped, &[Standing::wanted]);
            assert!(!again.is_expected() && after(again, &[Standing::up]).is_expected());
        }
    }

    #[test]
    fn of_candidates_only_strangers_are_forgotten_by_themselves() {
        assert!(Standing::come().ends_when_down());
        assert!(!Standing::added().ends_when_down(), "the order that added it takes it back");
        assert!(!Standing::configured_candidate().ends_when_down());
    }
}
