//! NATS between pomelo's servers: a [`Transport`](pomelo_core::cluster::Transport) over core NATS (no JetStream), and presence as a
//! [`Discovery`](pomelo_core::cluster::Discovery). [`Nats`] is both.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use pomelo_nats::Nats;
//!
//! # mod app { pub struct Builder; impl Builder {
//! #     pub fn cluster_transport<T>(self, _: T) -> Self { self }
//! #     pub fn cluster_discovery<T>(self, _: T) -> Self { self }
//! # } }
//! # let builder = app::Builder;
//! let nats = Arc::new(Nats::new("nats://127.0.0.1:4222").cluster("game"));
//! // What an application's `App::builder()` gets, for servers in processes of their own:
//! let builder = builder.cluster_transport(nats.clone()).cluster_discovery(nats);
//! ```
//!
//! # What it keeps
//!
//! NATS delivers at most once and says nothing of what it drops. This crate numbers what one server sends another: a gap is a link
//! that broke, which servers mend as they mend a broken tcp link, and what may not have arrived is counted. Each server hears its own
//! heartbeat; while it doesn't, the bus is away, calls fail at once, and nobody is taken for dead.
//!
//! The README has what happens while the bus is away, which permissions servers need, and which versions this was tried with.

mod endpoint;
mod engine;
mod error;
mod options;
mod presence;
mod subject;
mod transport;
mod wire;

pub use error::NatsError;
pub use options::Nats;
