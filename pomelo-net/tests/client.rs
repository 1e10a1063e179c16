//! The client in its three layers: wire, connection, and the handle with its task.

#[path = "client/connection.rs"]
mod connection;
mod connector_support;
#[path = "client/reconnecting.rs"]
mod reconnecting;
#[path = "client/scripted.rs"]
mod scripted;
#[path = "client/sockets.rs"]
mod sockets;
