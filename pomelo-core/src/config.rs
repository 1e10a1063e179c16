//! The configuration directory: servers.json and its neighbours, as pomelo has them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::server::{ServerId, ServerInfo};

/// What the configuration directory says, for one environment.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The environment, such as `development` or `production`.
    pub env: String,
    /// The directory, if the configuration came from one.
    pub dir: Option<PathBuf>,
    /// Every server of servers.json, in its order, clusters expanded.
    pub servers: Vec<Arc<ServerInfo>>,
    /// dictionary.json, if there is one: the application's routes to be compressed.
    pub dictionary: Option<Value>,
    /// serverProtos.json, if there is one: schemas of what servers send.
    pub server_protos: Option<Value>,
    /// clientProtos.json, if there is one: schemas of what clients send.
    pub client_protos: Option<Value>,
}

/// What is wrong with the configuration, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file can't be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no JSON.
    #[error("{file} is not JSON")]
    Json {
        /// Which file.
        file: String,
        /// Where, and why.
        source: serde_json::Error,
    },
    /// An entry says something that it can't.
    #[error("{file}: {at}: {problem}")]
    Entry {
        /// Which file.
        file: String,
        /// The entry.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Config {
    /// Reads a configuration directory.
    ///
    /// Each file may be in the directory itself, with the environments as its top-level keys, or bare in a
    /// subdirectory named like the environment; dictionary and protos are bare in either place.
    ///
    /// # Errors
    /// Names the file, and the entry in it.
    pub fn read(dir: impl AsRef<Path>, env: &str) -> Result<Self, ConfigError> {
        let dir = dir.as_ref();
        let file = dir.join("servers.json");
        let servers = match read_json(dir, env, "servers.json")? {
            Some(servers) => parse_servers(&file.display().to_string(), &servers, env)?,
            None => {
                let source = std::io::Error::from(std::io::ErrorKind::NotFound);
                return Err(ConfigError::Read { file, source });
            }
        };
        Ok(Self {
            env: env.to_owned(),
            dir: Some(dir.to_owned()),
            servers,
            dictionary: read_json(dir, env, "dictionary.json")?,
            server_protos: read_json(dir, env, "serverProtos.json")?,
            client_protos: read_json(dir, env, "clientProtos.json")?,
        })
    }

    /// Reads the text of a servers.json, of either layout, and nothing else.
    ///
    /// # Errors
    /// Names the entry.
    pub fn from_servers(text: &str, env: &str) -> Result<Self, ConfigError> {
        let value = serde_json::from_str(text)
            .map_err(|source| ConfigError::Json { file: "servers.json".into(), source })?;
        let servers = parse_servers("servers.json", &value, env)?;
        Ok(Self { env: env.to_owned(), servers, ..Self::default() })
    }

    /// Reads another file of the directory by the same rules, such as `area.json`; the part of the environment, if
    /// the file has one.
    ///
    /// # Errors
    /// If it can't be read or is no JSON.
    pub fn load(&self, name: &str) -> Result<Option<Value>, ConfigError> {
        let Some(dir) = &self.dir else { return Ok(None) };
        let value = read_json(dir, &self.env, name)?;
        Ok(value.map(|value| match value.get(&self.env) {
            Some(part) => part.clone(),
            None => value,
        }))
    }
}

/// `<dir>/<name>`, else `<dir>/<env>/<name>`.
fn read_json(dir: &Path, env: &str, name: &str) -> Result<Option<Value>, ConfigError> {
    for file in [dir.join(name), dir.join(env).join(name)] {
        match fs::read_to_string(&file) {
            Ok(text) => {
                let file = file.display().to_string();
                return serde_json::from_str(&text)
                    .map(Some)
                    .map_err(|source| ConfigError::Json { file, source });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(ConfigError::Read { file, source }),
        }
    }
    Ok(None)
}

/// Reads `{env: {type: [entry]}}` or `{type: [entry]}`.
fn parse_servers(file: &str, value: &Value, env: &str) -> Result<Vec<Arc<ServerInfo>>, ConfigError> {
    let wrong = |at: &str, problem: &str| ConfigError::Entry {
        file: file.to_owned(),
        at: at.to_owned(),
        problem: problem.to_owned(),
    };
    let all = value.as_object().ok_or_else(|| wrong("top level", "must be an object"))?;
    let by_type = if all.values().all(Value::is_array) {
        all
    } else {
        let part = all.get(env).ok_or_else(|| wrong(env, "there is no such environment"))?;
        part.as_object().ok_or_else(|| wrong(env, "must be an object of server types"))?
    };
    let mut servers = Vec::new();
    let mut seen: HashMap<ServerId, String> = HashMap::new();
    for (server_type, entries) in by_type {
        let entries = entries.as_array().ok_or_else(|| wrong(server_type, "must be a list of servers"))?;
        let mut cluster_serial = 1;
        for (index, entry) in entries.iter().enumerate() {
            let at = format!("{server_type}[{index}]");
            let entry = entry.as_object().ok_or_else(|| wrong(&at, "must be an object"))?;
            for entry in expand(entry, server_type, &mut cluster_serial).map_err(|p| wrong(&at, &p))? {
                let mut info: ServerInfo =
                    serde_json::from_value(Value::Object(entry)).map_err(|e| wrong(&at, &e.to_string()))?;
                info.server_type = server_type.as_str().into();
                if let Some(earlier) = seen.insert(info.id.clone(), at.clone()) {
                    return Err(wrong(&at, &format!("the id `{}` is taken by {earlier}", info.id)));
                }
                servers.push(Arc::new(info));
            }
        }
    }
    Ok(servers)
}

/// Expands an entry with `clusterCount` into its servers: ids `cluster-server-<type>-<n>`, where n goes on over the
/// entries of a type, and every text `"3050++"` counted up.
fn expand(
    entry: &Map<String, Value>,
    server_type: &str,
    serial: &mut u64,
) -> Result<Vec<Map<String, Value>>, String> {
    let count = match entry.get("clusterCount") {
        None => return Ok(vec![entry.clone()]),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(count) => count.as_u64(),
    };
    let count = count
        .filter(|n| (1..=10_000).contains(n))
        .ok_or("`clusterCount` is a whole number from 1 to 10000")?;
    let mut servers = Vec::new();
    for nth in 0..count {
        let mut server = Map::new();
        for (key, value) in entry.iter().filter(|(key, _)| *key != "clusterCount") {
            server.insert(key.clone(), count_up(key, value, nth)?);
        }
        server.insert("id".into(), format!("cluster-server-{server_type}-{serial}").into());
        *serial += 1;
        servers.push(server);
    }
    Ok(servers)
}

fn count_up(key: &str, value: &Value, nth: u64) -> Result<Value, String> {
    let Some(base) = value.as_str().and_then(|text| text.strip_suffix("++")) else {
        return Ok(value.clone());
    };
    let base: u64 = base.parse().map_err(|_| format!("`{key}` is {value}; `++` follows a number"))?;
    Ok((base + nth).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_are_read() {
        let by_env = r#"{"development":{"chat":[{"id":"chat-1","port":1}]},"production":{"chat":[{"id":"p","port":1}]}}"#;
        let bare = r#"{"chat":[{"id":"chat-1","port":1}]}"#;
        for text in [by_env, bare] {
            let config = Config::from_servers(text, "development").unwrap();
            assert_eq!(config.servers[0].id, "chat-1");
            assert_eq!(&*config.servers[0].server_type, "chat");
        }
    }

    #[test]
    fn clusters_expand_and_count_on_over_entries() {
        let text = r#"{"connector":[
            {"clusterCount":2,"host":"h","port":"4050++","clientPort":"3050++","frontend":true,"area":"x"},
            {"clusterCount":"1","host":"h","port":5000}]}"#;
        let servers = Config::from_servers(text, "development").unwrap().servers;
        let seen: Vec<_> = servers.iter().map(|s| (s.id.as_str(), s.port, s.client_port)).collect();
        assert_eq!(
            seen,
            [
                ("cluster-server-connector-1", Some(4050), Some(3050)),
                ("cluster-server-connector-2", Some(4051), Some(3051)),
                ("cluster-server-connector-3", Some(5000), None),
            ]
        );
        assert_eq!(servers[1].setting("area"), Some(&"x".into()));
    }

    #[test]
    fn errors_name_the_entry() {
        for (text, want) in [
            (r#"{"production":{}}"#, "development: there is no such environment"),
            (r#"{"chat":[{"port":1}]}"#, "chat[0]: missing field `id`"),
            (r#"{"chat":[{"id":"a","port":70000}]}"#, "chat[0]: invalid value"),
            (r#"{"chat":[{"id":"a"},{"id":"a"}]}"#, "chat[1]: the id `a` is taken by chat[0]"),
            (
                r#"{"chat":[{"clusterCount":2,"port":"x++"}]}"#,
                "chat[0]: `port` is \"x++\"; `++` follows a number",
            ),
        ] {
            let error = Config::from_servers(text, "development").unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
