//! The admin modules of a server, by name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::module::AdminModule;
use super::{lifecycle, online, settings};
use crate::value::{Error, ErrorKind, Result, ServerId};
use crate::wire::envelope::{Ask, AskError};

/// How many asks a server works on at once: people ask them, and what watches many servers asks each a few.
const MAX_ASKS: usize = 64;

/// What a server answers operators.
pub(crate) struct Modules {
    by_name: BTreeMap<Arc<str>, AdminModule>,
    /// How many asks it works on.
    underway: Arc<AtomicUsize>,
}

/// An ask that is worked on, until this is dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Modules {
    /// What every server has, what the platform adds, and the application's own.
    ///
    /// # Errors
    /// If two have one name: which.
    pub(crate) fn new(is_frontend: bool, others: impl IntoIterator<Item = AdminModule>) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        let own = lifecycle::modules().into_iter().chain(settings::modules());
        let own = own.chain(is_frontend.then(online::module));
        for module in own.chain(others) {
            let name: Arc<str> = module.name().into();
            if by_name.insert(name.clone(), module).is_some() {
                let why =
                    format_args!("there are two admin modules `{name}`: one of them needs another name");
                return Err(Error::of(ErrorKind::Config, why));
            }
        }
        Ok(Self { by_name, underway: Arc::default() })
    }

    /// The module that answers an ask.
    ///
    /// # Errors
    /// If there is none of that name, or the operator may not ask it.
    pub(super) fn find(&self, server: &ServerId, ask: &Ask) -> Result<&AdminModule, AskError> {
        let Some(module) = self.by_name.get(ask.module()) else {
            let known = self.by_name.keys().map(|name| name.to_string()).collect();
            return Err(AskError::NoSuchModule {
                server: server.clone(),
                module: ask.module().to_owned(),
                known,
            });
        };
        let needed = module.level();
        if ask.level().allows(needed) { Ok(module) } else { Err(AskError::Denied { needed }) }
    }

    /// Makes room for an ask that is worked on.
    ///
    /// # Errors
    /// If there are too many.
    pub(super) fn begin(&self, server: &ServerId) -> Result<Place> {
        let place = Place(self.underway.clone());
        if self.underway.fetch_add(1, Ordering::AcqRel) < MAX_ASKS {
            return Ok(place);
        }
        Err(Error::of(ErrorKind::Overloaded, format_args!("{server} answers {MAX_ASKS} asks already")))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
