//! The tables of floors: crates in their order, and each crate's top-level modules, the highest first.
//!
//! A module uses only floors below its own; modules of one floor don't use each other. The table of `pomelo-core` is also in its
//! `src/lib.rs`, for readers; a test compares the two.

use crate::rules::{Floors, Plan};

/// Crates by the names that code gives them; `tool` is the program `pomelo`.
pub const CRATES: Floors<'static> = &[
    &["tool"],
    &["pomelo"],
    &["pomelo_master"],
    &["pomelo_net"],
    &["pomelo_core"],
    &["pomelo_json", "pomelo_macros"],
];

/// The package of the facade; its library is `pomelo`.
pub const FACADE: &str = "pomelo_rs";

/// Crates whose documentation has examples that whoever reads it may copy, so that they import from the facade. Tests alone depend on
/// it, and cargo takes a dependency of tests that leads back; the crate that such an example names by the facade is the very one that
/// was built, without its own tests. The facade's own tests take it with all that tests of applications use.
pub const SHOWN_BY_FACADE: &[&str] = &["pomelo", "pomelo_core", "pomelo_net", "pomelo_macros"];

/// The folder and the root file of each crate's sources.
pub const SOURCES: &[(&str, &str, &str)] = &[
    ("tool", "src/bin/pomelo", "main.rs"),
    ("pomelo", "src", "lib.rs"),
    ("pomelo_master", "pomelo-master/src", "lib.rs"),
    ("pomelo_net", "pomelo-net/src", "lib.rs"),
    ("pomelo_core", "pomelo-core/src", "lib.rs"),
    ("pomelo_json", "pomelo-json/src", "lib.rs"),
    ("pomelo_macros", "pomelo-macros/src", "lib.rs"),
];

/// Members of the workspace that are no part of the house: they use it from above.
pub const GUESTS: &[&str] = &["benches", "examples", "fuzz", "tests"];

/// The floors of each crate.
pub const PLANS: &[Plan<'static>] = &[
    Plan {
        krate: "tool",
        floors: &[
            &["commands"],
            &["init", "locate"],
            &["cli"],
            &["operator"],
            &["failure"],
            &["admin", "endpoint", "init_error", "master", "output", "table", "units"],
        ],
        weighed: false,
    },
    Plan {
        krate: "pomelo",
        floors: &[
            &["renamed"],
            &[
                "__private",
                "admin",
                "app",
                "channel",
                "client",
                "config",
                "cron",
                "error",
                "ext",
                "filter",
                "master",
                "metrics",
                "net",
                "request",
                "router",
                "rpc",
                "server",
                "session",
                "testing",
            ],
            &["macros"],
        ],
        weighed: false,
    },
    Plan {
        krate: "pomelo_master",
        floors: &[
            &["platform"],
            &["run"],
            &["daemon", "join"],
            &["listen", "operations"],
            &["requests", "connection"],
            &["orders"],
            &["keeper"],
            &["hub"],
            &["children", "registry", "discovery", "admin", "operator", "reception", "replies"],
            &["wire"],
            &["guesses", "output", "process", "table", "token", "troubles"],
            &["config", "setup", "signal", "status"],
            &["orphans"],
        ],
        weighed: false,
    },
    Plan {
        krate: "pomelo_net",
        floors: &[
            &["testing"],
            &["defaults"],
            &["transport"],
            &["cluster"],
            &["client", "lobby", "connector", "port"],
            &["codec"],
            &["protocol", "address", "link"],
        ],
        weighed: false,
    },
    Plan {
        krate: "pomelo_core",
        floors: &[
            &["app"],
            &["server"],
            &["dispatch"],
            &["method"],
            &["frontend", "filter", "rpc"],
            &["request", "router", "event"],
            &["session", "channel", "context"],
            &["peers"],
            &["cluster", "outbox"],
            &["runtime"],
            &["wire", "metrics"],
            &["args", "inject"],
            &["value"],
        ],
        weighed: true,
    },
    Plan {
        krate: "pomelo_json",
        floors: &[&["deserialize", "parse", "plain"], &["text"], &["cursor"], &["error"], &["tree"]],
        weighed: false,
    },
    Plan {
        krate: "pomelo_macros",
        floors: &[
            &["servers", "error_code"],
            &["block"],
            &["attributes", "beside", "checked", "names"],
            &["errors"],
        ],
        weighed: false,
    },
];
