//! The end of a server's timers: what tells them that no run may begin any more, and that none may go on.

use tokio::sync::watch;

/// How far the timers of one server may still go.
pub(crate) struct Timers(watch::Sender<Phase>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Runs begin when they are due.
    Running,
    /// What runs goes on, and no run begins.
    Ending,
    /// What still runs is dropped.
    Over,
}

/// What a timer hears of that.
#[derive(Clone)]
pub(crate) struct TimersEnd(watch::Receiver<Phase>);

impl Default for Timers {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Running))
    }
}

impl Timers {
    /// What one timer hears.
    pub(crate) fn subscribe(&self) -> TimersEnd {
        TimersEnd(self.0.subscribe())
    }

    /// No run begins from now on.
    pub(crate) fn begin_end(&self) {
        self.enter(Phase::Ending);
    }

    /// Whatever still runs is dropped where it waits.
    pub(crate) fn end(&self) {
        self.enter(Phase::Over);
    }

    fn enter(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let is_later = phase > *now;
            *now = phase.max(*now);
            is_later
        });
    }
}

impl TimersEnd {
    /// Resolves when no run may begin any more.
    pub(crate) async fn ending(&mut self) {
        self.reached(Phase::Ending).await;
    }

    /// Resolves when no run may go on.
    pub(crate) async fn over(&mut self) {
        self.reached(Phase::Over).await;
    }

    async fn reached(&mut self, phase: Phase) {
        // An error means that the server is gone, and with it all that its timers would do.
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }
}
