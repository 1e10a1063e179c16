//! Tables: the methods of one handler or remote, as `servers!` lists them.

#[cfg(feature = "crons")]
use super::CronContract;
use super::{Contract, HandlerContract, Method};

/// The methods of one handler or remote.
#[derive(Clone, Copy)]
pub struct Table {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its methods.
    pub methods: &'static [Method],
}

impl Table {
    /// The table of a handler, or of a handler's trait.
    pub const fn handler<H: HandlerContract + ?Sized>() -> Self {
        Self { name: H::NAME, methods: H::METHODS }
    }

    /// The table of a remote, or of a remote's trait.
    pub const fn remote<T: Contract + ?Sized>() -> Self {
        Self { name: T::NAME, methods: T::METHODS }
    }

    /// The table of a cron.
    #[cfg(feature = "crons")]
    pub const fn cron<C: CronContract + ?Sized>() -> Self {
        Self { name: C::NAME, methods: C::METHODS }
    }
}
