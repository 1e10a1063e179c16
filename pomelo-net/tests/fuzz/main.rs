//! Fuzz targets of what clients send (packages, messages, websocket frames, upgrade requests, handshakes, protobuf, whole connections), and of
//! what servers send to clients.
//!
//! Properties: no panic and no memory that the input doesn't account for, which [`pomelo_fuzz::fuzz`] looks after; what is read and
//! written again is read alike; bytes in pieces are read like bytes at once.

mod bodies;
mod clients;
mod connections;
mod frames;
mod upgrades;
