//! The framings of a frontend's connections.

use std::sync::{Arc, OnceLock};

use crate::connector::{Format, FormatId};

/// How many formats a frontend may have: two or three for each connector.
const MAX: usize = 64;

/// All formats of a frontend. They only ever get more, so that looking one up takes no lock: every response does.
pub(crate) struct Formats(Box<[OnceLock<Arc<dyn Format>>]>);

impl Default for Formats {
    fn default() -> Self {
        Self(std::iter::repeat_with(OnceLock::new).take(MAX).collect())
    }
}

impl Formats {
    /// Adds one. Where there is no room for more, connections get no format, and so nothing that is sent.
    pub(crate) fn add(&self, mut format: Arc<dyn Format>) -> FormatId {
        for (id, place) in self.0.iter().enumerate() {
            match place.set(format) {
                Ok(()) => return FormatId(u8::try_from(id).unwrap_or(u8::MAX)),
                Err(refused) => format = refused,
            }
        }
        tracing::error!(limit = MAX, "a frontend has too many connectors");
        FormatId(u8::MAX)
    }

    pub(crate) fn get(&self, id: FormatId) -> Option<&Arc<dyn Format>> {
        self.0.get(usize::from(id.0))?.get()
    }
}
