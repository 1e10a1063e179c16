//! Progress as a line of text, where there is no terminal.

use super::Figures;
use crate::crowd::Phase;
use crate::report::grouped;

/// One line.
pub fn line(figures: &Figures) -> String {
    let Figures { connected, users, said_per_second, heard_per_second, latency, lost, .. } = figures;
    let doing = match figures.phase {
        Phase::Entering => "entering ",
        Phase::Talking => "talking  ",
        Phase::Listening => "listening",
        Phase::Over => "over     ",
    };
    let failed: u64 = figures.errors.iter().map(|(_, count)| count).sum();
    format!(
        "{doing} {connected}/{users} clients  {} sent/s  {} delivered/s  p50 {:.2} ms  p99 {:.2} ms  {lost} lost  {failed} errors",
        grouped(*said_per_second),
        grouped(*heard_per_second),
        latency.p50 as f64 / 1_000.0,
        latency.p99 as f64 / 1_000.0,
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::figures;
    use super::*;

    #[test]
    fn a_line_has_everything_that_changes() {
        let expected = "talking   198/200 clients  200 sent/s  2,000 delivered/s  p50 0.40 ms  p99 1.20 ms  2 lost  2 errors";
        assert_eq!(line(&figures()), expected);
    }
}
