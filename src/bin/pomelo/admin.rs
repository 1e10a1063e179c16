//! The connection to a master, and what it says.

pub use pomelo::master::{
    Admin, AdminError, Outcome, Replied, Reply, ServerState, ServerStatus, Which, troubles,
};
