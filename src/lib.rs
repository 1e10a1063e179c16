//! Pomelo.
