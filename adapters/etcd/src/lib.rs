//! etcd for pomelo's servers: who is in the cluster, as a [`Discovery`](pomelo_core::cluster::Discovery).
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use pomelo_etcd::Etcd;
//!
//! # mod app { pub struct Builder; impl Builder {
//! #     pub fn cluster_discovery<T>(self, _: T) -> Self { self }
//! # } }
//! # let builder = app::Builder;
//! let etcd = Etcd::new(["http://127.0.0.1:2379"]).prefix("/game").ttl(Duration::from_secs(30));
//! // What an application's `App::builder()` gets, for servers in processes of their own:
//! let builder = builder.cluster_discovery(Arc::new(etcd));
//! ```
//!
//! # What it is, and what it isn't
//!
//! Each process has a key under a lease, and watches those of all others. A lease's TTL is how long it takes until rooms move that were on
//! a server that is no more. It is no failure detector: who is up is seen by links, within seconds, and calls to a server that is down fail
//! at once. So the TTL is generous, and an etcd that is away, slow or suspended moves nobody's room.
//!
//! The README has what happens while etcd is away, which permissions servers need, and which versions this was tried with.

mod discovery;
mod engine;
mod entry;
mod error;
mod keys;
mod options;
mod registrant;

pub use error::EtcdError;
pub use options::Etcd;
