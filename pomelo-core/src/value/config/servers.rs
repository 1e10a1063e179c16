//! servers.json: the servers of an environment, clusters expanded.
//!
//! ```text
//!  { "chat": [ { "id": "chat-1", … } ] }                    one environment
//!  { "production": { "chat": [ … ] }, "development": … }    a part for each
//!  { "clusterCount": 3, "port": "4050++" }                  three servers, on 4050, 4051 and 4052
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::file::{Entry, Section, is_comment, join, listed};
use super::ports::Ports;
use super::settings::KEYS;
use super::value;
use super::value::shown;
use crate::value::server::{ServerId, ServerInfo};

/// The most servers that one entry can stand for.
const MAX_CLUSTER_COUNT: u64 = 10_000;

/// What servers.json says for an environment.
pub(super) struct ServersFile {
    pub(super) servers: Vec<Arc<ServerInfo>>,
    pub(super) warnings: Vec<String>,
}

/// Reads `{type: [entry]}`, the part of an environment or a bare file.
pub(super) fn read(section: &Section, env: &str) -> Result<ServersFile, ConfigError> {
    let types = section.entry()?;
    if !section.is_of_environment() && !is_bare(types.object()) && !section.environments().is_empty() {
        return Err(section.no_environment(env));
    }
    let mut list = ServersFile { servers: vec![], warnings: section.repeated() };
    let mut seen = Seen::default();
    for (server_type, entries) in types.object() {
        if is_comment(server_type) {
            continue;
        }
        match entries {
            Value::Array(entries) => {
                let mut serial = 1;
                for (index, value) in entries.iter().enumerate() {
                    let at = join(types.at(), &format!("{server_type}[{index}]"));
                    let entry = Entry::new(section.file(), at, value)?;
                    list.add(&entry, server_type, &mut serial, &mut seen)?;
                }
            }
            // A list of one entry without its brackets would vanish.
            Value::Object(entry) if KEYS.iter().any(|key| entry.contains_key(*key)) => {
                return Err(types.unexpected(server_type, "a list of servers"));
            }
            Value::String(_) => {}
            _ if server_type.starts_with('_') => {}
            other => {
                let note = format!("found {}, which is no list of servers and is left out", shown(other));
                list.warnings.push(section.note(server_type, note));
            }
        }
    }
    if list.servers.is_empty() && section.is_of_environment() {
        return Err(no_servers(section, env));
    }
    Ok(list)
}

/// Whether the top level has server types, and no environments.
fn is_bare(all: &Map<String, Value>) -> bool {
    let is_environment =
        |value: &Value| value.as_object().is_some_and(|part| part.values().any(Value::is_array));
    let mut named = all.iter().filter(|(key, _)| !is_comment(key));
    named.clone().any(|(_, value)| value.is_array()) && !named.any(|(_, value)| is_environment(value))
}

fn no_servers(section: &Section, env: &str) -> ConfigError {
    let others: Vec<_> = section.environments().iter().filter(|other| *other != env).collect();
    match others.is_empty() {
        true => section.wrong(NO_SERVER),
        false => section.wrong(format_args!("{NO_SERVER}; the file also has {}", listed(others))),
    }
}

/// What is wrong with an application without servers.
pub(crate) const NO_SERVER: &str = "found no server, expected at least one";

/// What only one server can have.
#[derive(Default)]
struct Seen {
    /// Where each id is.
    ids: HashMap<ServerId, String>,
    ports: Ports,
}

impl ServersFile {
    fn add(
        &mut self,
        entry: &Entry<'_>,
        server_type: &str,
        serial: &mut u64,
        seen: &mut Seen,
    ) -> Result<(), ConfigError> {
        self.warn_of_keys(entry);
        for expanded in expand(entry, server_type, serial)? {
            let mut info = ServerInfo::read(&expanded).map_err(|error| entry.mismatch(error))?;
            info.server_type = server_type.into();
            if let Some(earlier) = seen.ids.insert(info.id.clone(), entry.at().to_owned()) {
                return Err(entry.wrong("id", format_args!("`{}` is taken by {earlier}", info.id)));
            }
            seen.ports.take(&info, entry)?;
            if info.host.contains("://") {
                let note = format!(
                    "found {:?}, by which no server can be reached: clientHost is what clients are told",
                    info.host
                );
                self.warnings.push(entry.note("host", note));
            }
            self.servers.push(Arc::new(info));
        }
        Ok(())
    }

    /// Keys that are not ours are the user's own, unless one is near to one of ours.
    fn warn_of_keys(&mut self, entry: &Entry<'_>) {
        for (key, meant) in entry.unknown(&KEYS) {
            if key == "wsPort" {
                self.warnings.push(entry.note(key, "is not read, as in pomelo; did you mean `clientPort`?"));
            } else if let Some(meant) = meant {
                let meant = entry.did_you_mean(meant);
                self.warnings.push(entry.note(key, format_args!("is not read; {meant}")));
            }
        }
    }
}

/// Expands an entry with `clusterCount` into its servers: ids `cluster-server-<type>-<n>`, where n goes on over the
/// entries of a type, and every text `"3050++"` counted up.
fn expand(
    entry: &Entry<'_>,
    server_type: &str,
    serial: &mut u64,
) -> Result<Vec<Map<String, Value>>, ConfigError> {
    let expected = format!("a whole number from 1 to {MAX_CLUSTER_COUNT}");
    let Some(count) = entry.whole("clusterCount", 1..=MAX_CLUSTER_COUNT, &expected)? else {
        return Ok(vec![entry.object().clone()]);
    };
    let mut servers = Vec::new();
    for nth in 0..count {
        let mut server = Map::new();
        for (key, value) in entry.object().iter().filter(|(key, _)| *key != "clusterCount") {
            server.insert(key.clone(), count_up(entry, key, value, nth)?);
        }
        server.insert("id".into(), format!("cluster-server-{server_type}-{serial}").into());
        *serial += 1;
        servers.push(server);
    }
    Ok(servers)
}

fn count_up(entry: &Entry<'_>, key: &str, value: &Value, nth: u64) -> Result<Value, ConfigError> {
    let Some(base) = value.as_str().and_then(|text| text.strip_suffix("++")) else {
        return Ok(value.clone());
    };
    let base =
        value::whole_number(&base.into()).ok_or_else(|| entry.unexpected(key, "a number before `++`"))?;
    let counted = base.saturating_add(nth);
    if matches!(key, "port" | "clientPort" | "operatorPort") && counted > u64::from(u16::MAX) {
        return Err(entry.wrong(
            key,
            format_args!("found {value}, which counts up to {counted}: no port is above 65535"),
        ));
    }
    Ok(counted.into())
}
