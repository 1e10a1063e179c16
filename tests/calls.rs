//! Every call ends once: whatever happens to its answer, its link, its server or its session, and whatever is too much, too long or
//! late is an error to who sent it, or is counted.

#[path = "calls/answers.rs"]
mod answers;
#[path = "calls/confirmed.rs"]
mod confirmed;
#[path = "support/faulty.rs"]
mod faulty;
#[path = "calls/gone.rs"]
mod gone;
#[path = "support/log.rs"]
mod log;
#[path = "calls/notifies.rs"]
mod notifies;
#[path = "calls/pushes.rs"]
mod pushes;
#[path = "calls/rerouted.rs"]
mod rerouted;
#[path = "calls/sessions.rs"]
mod sessions;
#[path = "calls/start.rs"]
mod start;
mod support;
#[path = "calls/world.rs"]
#[allow(missing_docs, unreachable_pub, reason = "it is seen in these tests only")]
mod world;
