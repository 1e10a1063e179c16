//! Bounds of options: which values one may have, and the error for one outside of them.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::time::Duration;

/// From a millisecond to a year: what a time limit may be where nothing else is said. A shorter one is a slip of the unit, and a clock
/// can't be set to `Duration::MAX`.
pub const TIME_LIMIT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(365 * SECONDS_PER_DAY);
/// As [`TIME_LIMIT`], where zero means something, too.
pub const TIME_LIMIT_OR_ZERO: RangeInclusive<Duration> = Duration::ZERO..=*TIME_LIMIT.end();
/// What a number may be of which 0 would let nothing through.
pub const SOME: RangeInclusive<usize> = 1..=usize::MAX;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// An option that is not within its bounds.
///
/// ```
/// use pomelo_core::value::bounds::{OutOfBounds, SOME, TIME_LIMIT};
/// use std::time::Duration;
///
/// assert!(OutOfBounds::check("heartbeat", Duration::from_secs(3), TIME_LIMIT).is_ok());
/// let error = OutOfBounds::check("max_connections", 0, SOME).unwrap_err();
/// assert_eq!(error.to_string(), "`max_connections` is 0, allowed is 1 or more");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{option}` is {found}, allowed is {allowed}")]
pub struct OutOfBounds {
    /// The option's name.
    pub option: &'static str,
    /// What it is.
    pub found: String,
    /// What it may be.
    pub allowed: String,
}

impl OutOfBounds {
    /// Checks that an option is within its bounds.
    ///
    /// # Errors
    /// If it isn't.
    pub fn check<T: Bounded>(option: &'static str, found: T, bounds: RangeInclusive<T>) -> Result<(), Self> {
        if bounds.contains(&found) {
            return Ok(());
        }
        let (least, most) = bounds.into_inner();
        let allowed = match most == T::MOST {
            true => format!("{} or more", Shown(&least)),
            false => format!("{} to {}", Shown(&least), Shown(&most)),
        };
        Err(Self { option, found: Shown(&found).to_string(), allowed })
    }
}

/// A number or a time that can be an option.
pub trait Bounded: PartialOrd + 'static {
    /// The most that there can be: a bound that is none.
    const MOST: Self;

    /// Writes it as a person would.
    ///
    /// # Errors
    /// If it can't be written.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Bounded for usize {
    const MOST: Self = Self::MAX;

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Bounded for Duration {
    const MOST: Self = Self::MAX;

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.as_secs() / SECONDS_PER_DAY;
        match self.is_zero() {
            true => f.write_str("0"),
            false if days > 1 => write!(f, "{days} days"),
            false => write!(f, "{self:?}"),
        }
    }
}

struct Shown<'a, T>(&'a T);

impl<T: Bounded> Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_named_with_what_it_is_and_may_be() {
        let said =
            |found| OutOfBounds::check("timeout", found, TIME_LIMIT).map_err(|error| error.to_string());
        let allowed = "allowed is 1ms to 365 days";
        assert_eq!(said(Duration::ZERO), Err(format!("`timeout` is 0, {allowed}")));
        assert_eq!(said(Duration::from_micros(3)), Err(format!("`timeout` is 3µs, {allowed}")));
        assert_eq!(said(Duration::MAX), Err(format!("`timeout` is 213503982334601 days, {allowed}")));
        assert_eq!(said(Duration::from_millis(1)), Ok(()));
        assert_eq!(OutOfBounds::check("timeout", Duration::ZERO, TIME_LIMIT_OR_ZERO), Ok(()));
        let few = OutOfBounds::check("fields", 3, 5..=4096).unwrap_err();
        assert_eq!(few.to_string(), "`fields` is 3, allowed is 5 to 4096");
    }
}
