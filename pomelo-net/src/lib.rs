//! How bytes move.
pub mod protocol;
