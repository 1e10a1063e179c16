//! The connection to a master, and what it says.

pub use pomelo::net::cluster::master::{
    Admin, AdminError, Outcome, ServerState, ServerStatus, Which, troubles,
};
