//! Servers that lose each other: what that costs, and whom.
//!
//! Everything runs in one process, on virtual time: links are those of the memory transport, which tests break, clients are sessions
//! of the test kit.

#[path = "support/faulty.rs"]
mod faulty;
#[path = "partitions/identity.rs"]
mod identity;
#[path = "partitions/late.rs"]
mod late;
#[path = "partitions/lost.rs"]
mod lost;
#[path = "partitions/members.rs"]
mod members;
#[path = "partitions/one_sided.rs"]
mod one_sided;
#[path = "partitions/storm.rs"]
mod storm;
mod support;
#[path = "partitions/two_sided.rs"]
mod two_sided;
#[path = "partitions/world.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod world;
