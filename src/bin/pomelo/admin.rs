//! The connection to a master, and what it says.

pub use pomelo::master::{Admin, AdminError, Outcome, ServerState, ServerStatus, Which, troubles};
