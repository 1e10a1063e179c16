//! Configuration: what is read, and what is said of a mistake in it or in how an application is put together: each message
//! whole, with `<dir>` for the directory.

#[path = "configuration/application.rs"]
mod application;
#[path = "configuration/environments.rs"]
mod environments;
#[path = "configuration/neighbours.rs"]
mod neighbours;
#[path = "configuration/reading.rs"]
mod reading;
#[path = "configuration/servers.rs"]
mod servers;
#[path = "configuration/world.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod world;
