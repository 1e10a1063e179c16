//! The settings of an entry of servers.json: those of its keys that mean something here, and those that have no field.

use serde_json::{Map, Value};

use super::error::Mismatch;
use super::value;

/// The keys of an entry that mean something here; all others are the application's own.
pub(super) const KEYS: [&str; 16] = [
    "id",
    "host",
    "port",
    "clientHost",
    "clientPort",
    "frontend",
    "clusterCount",
    "args",
    "cpu",
    "auto-restart",
    "restart-force",
    "max-connections",
    "weight",
    "distinctHost",
    "operatorHost",
    "operatorPort",
];

/// Reads the settings that mean something here, so that one that can't be read shows at start and not when it is used.
pub(crate) fn check(settings: &mut Map<String, Value>) -> Result<(), Mismatch> {
    for key in ["max-connections", "weight"] {
        if let Some(number) = value::whole(settings, key, 0..=u64::MAX, "a whole number")? {
            settings.insert(key.to_owned(), number.into());
        }
    }
    if let Some(port) = value::port(settings, "operatorPort")? {
        settings.insert("operatorPort".to_owned(), port.into());
    }
    if let Some(host) = value::host(settings, "operatorHost")? {
        settings.insert("operatorHost".to_owned(), host.into());
    }
    for key in ["auto-restart", "restart-force", "distinctHost"] {
        if let Some(on) = value::switch(settings, key)? {
            settings.insert(key.to_owned(), on.into());
        }
    }
    let is_text = |value: &Value| value.is_string() || value.is_number();
    match settings.get("cpu") {
        None | Some(Value::Null) => {}
        Some(cpu) if is_text(cpu) => {}
        Some(_) => return Err(value::mismatch(settings, "cpu", "a number or a text such as `0,2-3`")),
    }
    match settings.get("args") {
        None | Some(Value::Null | Value::String(_)) => {}
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {}
        Some(_) => return Err(value::mismatch(settings, "args", "a text or a list of texts")),
    }
    Ok(())
}
