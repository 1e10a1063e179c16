//! The CPU time that other processes have used, as Linux tells it.

use std::time::Duration;

use thiserror::Error;

/// Why it isn't known.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CpuError {
    /// The process is gone, or the system has no `/proc`.
    #[error("the CPU time of process {pid} can't be read: {source}")]
    Read {
        /// Of which.
        pid: u32,
        /// Why.
        source: std::io::Error,
    },
    /// It says something else.
    #[error("/proc/{0}/stat has no CPU time where it should be")]
    Format(u32),
}

/// What these processes have used together, in user and in system mode.
///
/// # Errors
/// If one of them is gone.
pub fn used(pids: &[u32]) -> Result<Duration, CpuError> {
    pids.iter().map(|pid| of(*pid)).sum()
}

fn of(pid: u32) -> Result<Duration, CpuError> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(|source| CpuError::Read { pid, source })?;
    let ticks = ticks(&text).ok_or(CpuError::Format(pid))?;
    let second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / second as f64))
}

/// The 14th and 15th word; the second one is the program's name in brackets, and may have blanks and brackets in it.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 105 0 0 0 250 50 3 4 20 0 1 0 100 0 0";
        assert_eq!(ticks(stat), Some(300));
    }

    #[test]
    fn what_is_no_stat_is_refused() {
        for text in ["", "7 (a", "7 (a) S 1 2", "7 (a) S 1 7 7 0 -1 4194560 105 0 0 0 x 50"] {
            assert_eq!(ticks(text), None, "{text}");
        }
    }

    #[test]
    fn this_process_has_used_some_and_one_that_is_not_there_none() {
        assert!(used(&[std::process::id()]).is_ok());
        assert!(matches!(used(&[u32::MAX]), Err(CpuError::Read { pid: u32::MAX, .. })));
    }
}
