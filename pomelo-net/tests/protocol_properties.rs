//! Properties of the protocol: round trips, any chunking, hostile bytes.

#[path = "protocol_properties/clients.rs"]
mod clients;
#[path = "protocol_properties/hostile.rs"]
mod hostile;
#[path = "protocol_properties/peer.rs"]
mod peer;
#[path = "protocol_properties/round_trips.rs"]
mod round_trips;
#[path = "protocol_properties/schemas.rs"]
mod schemas;
