//! The live display while the bots run: a whole screen on a terminal, else a line each second.

mod figures;
mod lines;
mod screen;

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};

pub use figures::{Figures, Sampler};

use crate::crowd::Shared;
use crate::report::Report;

/// Where progress goes.
enum View {
    Screen(DefaultTerminal),
    Stdout,
    Stderr,
}

impl View {
    /// With JSON, stdout is for the report.
    fn new(json: bool) -> Self {
        match (json, io::stdout().is_terminal()) {
            (true, _) => Self::Stderr,
            (false, true) => Self::Screen(ratatui::init()),
            (false, false) => Self::Stdout,
        }
    }

    fn period(&self) -> Duration {
        match self {
            Self::Screen(_) => Duration::from_millis(200),
            Self::Stdout | Self::Stderr => Duration::from_secs(1),
        }
    }

    fn show(&mut self, figures: &Figures) -> io::Result<()> {
        match self {
            Self::Screen(terminal) => terminal.draw(|frame| screen::draw(frame, figures)).map(|_| ()),
            Self::Stdout => {
                println!("{}", lines::line(figures));
                Ok(())
            }
            Self::Stderr => {
                eprintln!("{}", lines::line(figures));
                Ok(())
            }
        }
    }

    /// Whether somebody asked to stop; on a screen, Ctrl-C is a key like others.
    fn stop_wanted(&self) -> io::Result<bool> {
        let Self::Screen(_) = self else { return Ok(false) };
        let mut wanted = false;
        while event::poll(Duration::ZERO)? {
            wanted |= matches!(event::read()?, Event::Key(key) if stops(key));
        }
        Ok(wanted)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Self::Screen(_) = self {
            ratatui::restore();
        }
    }
}

/// Shows how the bots are doing until their report comes; none if they died.
///
/// # Errors
/// If the terminal can't be used.
pub fn watch(shared: &Shared, report: &Receiver<Report>) -> io::Result<Option<Report>> {
    let mut view = View::new(shared.plan.args.json);
    let mut sampler = Sampler::new(Instant::now());
    loop {
        match report.recv_timeout(view.period()) {
            Ok(report) => return Ok(Some(report)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
        view.show(&sampler.sample(shared, Instant::now()))?;
        if view.stop_wanted()? {
            shared.stop();
        }
    }
}

fn stops(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crowd::Phase;
    use crate::tally::Percentiles;

    /// Somewhere in the middle of a run.
    pub(super) fn figures() -> Figures {
        Figures {
            phase: Phase::Talking,
            in_phase: Duration::from_secs(12),
            time: Duration::from_secs(30),
            connected: 198,
            users: 200,
            said: 2_400,
            said_per_second: 200,
            heard: 23_998,
            heard_per_second: 2_000,
            under_way: 2,
            latency: Percentiles { p50: 400, p99: 1_200, max: 3_000 },
            refused: 0,
            lost: 2,
            errors: vec![("kicked: too slow".into(), 2)],
            curve: vec![1_900, 2_100, 2_000],
        }
    }

    #[test]
    fn q_escape_and_control_c_stop_and_nothing_else_does() {
        let control = KeyModifiers::CONTROL;
        assert!(stops(KeyEvent::from(KeyCode::Char('q'))) && stops(KeyEvent::from(KeyCode::Esc)));
        assert!(stops(KeyEvent::new(KeyCode::Char('c'), control)));
        assert!(!stops(KeyEvent::from(KeyCode::Char('c'))) && !stops(KeyEvent::from(KeyCode::Enter)));
    }
}
