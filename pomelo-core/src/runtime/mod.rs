//! The runtime of a server: what runs its tasks and the application's code, and survives both.

mod backlog;
pub mod boundary;
pub(crate) mod failure;
mod home;
mod origin;
mod panics;
mod progress;
mod span;
mod supervisor;
pub mod throttle;
mod underway;

pub(crate) use self::backlog::{Added, Backlog};
pub(crate) use self::failure::beginning;
pub(crate) use self::origin::Origin;
pub(crate) use self::progress::{Progress, Step};
pub(crate) use self::span::Within;
pub use self::supervisor::{Supervised, Supervisor};
pub(crate) use self::underway::{Underway, Work};
