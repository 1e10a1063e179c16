//! The client protocol, sans-IO.
