//! Nothing to build: the checks are the test `architecture` (`architecture.rs`).
