//! The table of a frontend's formats, by number. What they build is in `delivery`.

use std::sync::{Arc, OnceLock};

use crate::value::{Error, ErrorKind, Result};
use crate::wire::{Format, FormatId};

/// How many formats a frontend may have: two or three for each connector.
const MAX: usize = 64;

/// All formats of a frontend. They only ever get more, so that looking one up takes no lock: every push does.
pub(crate) struct Formats(Box<[OnceLock<Arc<dyn Format>>]>);

impl Default for Formats {
    fn default() -> Self {
        Self(std::iter::repeat_with(OnceLock::new).take(MAX).collect())
    }
}

impl Formats {
    /// Adds one; the same one again has the number that it had.
    ///
    /// # Errors
    /// If there is no room for more.
    pub(crate) fn add(&self, mut format: Arc<dyn Format>) -> Result<FormatId> {
        for (id, place) in (0_u8..).zip(&self.0) {
            match place.set(format) {
                Ok(()) => return Ok(FormatId(id)),
                Err(refused) => format = refused,
            }
            if place.get().is_some_and(|known| Arc::ptr_eq(known, &format)) {
                return Ok(FormatId(id));
            }
        }
        Err(Error::of(
            ErrorKind::Config,
            format_args!("a frontend has too many connectors: {MAX} formats are all"),
        ))
    }

    pub(crate) fn get(&self, id: FormatId) -> Option<&Arc<dyn Format>> {
        self.0.get(usize::from(id.0))?.get()
    }
}
