//! The admin modules that read and set the settings of a server that runs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::module::AdminModule;
use crate::server::Server;
use crate::value::{Error, ErrorKind, Level, Result};

impl Server {
    /// All settings, by name; or that one.
    fn settings_for_operators(&self, key: Option<&str>) -> Result<BTreeMap<String, Value>> {
        let settings = self.context.settings.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let wanted = settings.iter().filter(|(name, _)| key.is_none_or(|key| *name == key));
        let found: BTreeMap<_, _> = wanted.map(|(name, value)| (name.clone(), Value::clone(value))).collect();
        match (key, found.is_empty()) {
            (Some(key), true) => {
                let why = format!("{} has no setting `{key}`", self.peers.info.id);
                Err(Error::of(ErrorKind::BadMessage, why))
            }
            _ => Ok(found),
        }
    }
}

/// `settings` reads them: all, or the one that the body names. `set` changes those that the body has as an object, each until the
/// server ends; the answer is what they were before, `null` where there was none.
pub(super) fn modules() -> [AdminModule; 2] {
    let settings = AdminModule::new("settings", Level::Look, |server, ask| async move {
        server.settings_for_operators(ask.body::<Option<String>>()?.as_deref())
    });
    let set = AdminModule::new("set", Level::Everything, |server, ask| async move {
        let mut before = Map::new();
        for (key, value) in ask.body::<Map<String, Value>>()? {
            before.insert(key.clone(), server.get(&key).unwrap_or(Value::Null));
            tracing::info!(server = %server.server_id(), user = ask.user(), key, "a setting is changed");
            server.set(key, value);
        }
        Result::Ok(before)
    });
    [settings, set]
}
