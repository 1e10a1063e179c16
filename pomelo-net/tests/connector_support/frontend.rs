//! The frontend behind the connectors: `connector-1` with the methods of `connector.entryHandler` that the tests call.
//!
//! | method | does |
//! |---|---|
//! | `echo` | answers with the body |
//! | `slow` `{ms}` | the same after that time |
//! | `push` `{route, body}` | pushes that to the client, then answers |
//! | `flood` `{count, size}` | pushes that many texts of that size, then answers |
//! | `kick` `{reason}` | kicks the client |

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pomelo_core::config::Config;
use pomelo_core::session::Frontend;
use serde_json::json;

const METHODS: [&str; 5] = ["echo", "push", "flood", "kick", "slow"];

/// A frontend that runs, with this dictionary and these protos.
pub fn frontend(config: Config) -> Arc<Frontend> {
    let info = serde_json::from_value(json!({ "id": "connector-1" })).unwrap();
    let routes = METHODS.map(|method| format!("connector.entryHandler.{method}"));
    Frontend::stub(info, config, routes.into())
}

/// How many sessions are open.
pub fn sessions(frontend: &Frontend) -> usize {
    frontend.open.load(Ordering::SeqCst)
}
