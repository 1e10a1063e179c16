//! The result of `docs/renames.txt` on `before/renamed.rs`.
#![allow(unused_imports, dead_code, reason = "an import that was rewritten may have more than is used")]

include!(concat!(env!("OUT_DIR"), "/renamed.rs"));
