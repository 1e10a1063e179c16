//! Levels: what an operator may do.

use serde::{Deserialize, Serialize};

/// What an operator may do, and what an admin module needs: the `level` of adminUser.json.
///
/// ```
/// use pomelo::admin::Level;
///
/// assert!(Level::Everything.allows(Level::Look));
/// assert!(!Level::Look.allows(Level::Everything));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Level 1: look, and change.
    Everything,
    /// Level 2: look, and change nothing.
    Look,
}

impl Level {
    /// The level's number in adminUser.json.
    pub fn number(self) -> u8 {
        match self {
            Self::Everything => 1,
            Self::Look => 2,
        }
    }

    /// Whether an operator of this level may do what needs the other one.
    pub fn allows(self, needed: Self) -> bool {
        self.number() <= needed.number()
    }
}
