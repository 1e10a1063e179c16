//! What servers do over a real NATS, of the tests' own: `nats-server` must be installed.

mod access;
mod batches;
mod conformance;
mod limits;
mod outages;
mod presence;
mod support;
mod tls;
