//! What servers do with a real etcd, of the tests' own: `etcd` must be installed.

mod access;
mod conformance;
mod membership;
mod outages;
mod support;
