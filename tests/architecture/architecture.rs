//! The rules of the house that a machine can check, read from the sources of every crate.
//!
//! | file | noun |
//! |---|---|
//! | [`floors`] | the tables: crates in their order, and each crate's top-level modules by floor |
//! | [`workspace`] | the tests, run on the sources of this workspace |
//! | [`source`], [`imports`] | a crate's modules, their items and `use` declarations |
//! | [`mentions`], [`tokens`] | paths that a module's code names, in syntax and in the tokens of macros |
//! | [`resolve`] | where a path leads: re-exports and globs are followed to the definition |
//! | [`arrows`], [`rules`] | who uses whom, and what is wrong with it |
//! | [`manifest`] | crates' dependencies |
//! | [`docs`] | headers of files, docs of async functions |
//! | [`aliases`] | pomelo's names, by which its users search |
//! | [`fixtures`] | small crates that break one rule each, which prove that it is noticed |

mod aliases;
mod arrows;
mod docs;
mod fixtures;
mod floors;
mod imports;
mod manifest;
mod mentions;
mod only_tests;
mod resolve;
mod rules;
mod source;
mod tokens;
mod workspace;
