//! The configuration directory: servers.json and its neighbours, as pomelo has them.
//!
//! | file | noun |
//! |---|---|
//! | `file` | a file of the directory, and the part of it that is for an environment |
//! | `value` | values, read as JavaScript reads them |
//! | `servers` | servers.json |
//! | `ports` | what the servers of a host listen on |
//! | `settings` | the keys of its entries that mean something |
//! | `repeated` | keys that an object has twice |
//! | `unread` | files that look as if they were read, and aren't |
//! | `error` | which file, where in it, what was found and what was expected |

mod error;
mod file;
mod joining;
mod ports;
mod repeated;
mod servers;
pub(crate) mod settings;
mod unread;
pub(crate) mod value;

pub use self::error::ConfigError;
pub(crate) use self::error::Mismatch;
#[cfg(feature = "crons")]
pub(crate) use self::file::is_comment;
pub(crate) use self::file::listed;
pub use self::file::{Entry, Section};
pub(crate) use self::servers::NO_SERVER;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::server::ServerInfo;
use file::File;
use servers::ServersFile;

/// What the configuration directory says, for one environment.
///
/// # What is read
///
/// | file | of pomelo's | |
/// |---|---|---|
/// | servers.json | yes | the servers; must be there |
/// | dictionary.json, serverProtos.json, clientProtos.json | yes | with `use_dict`, `use_protobuf` of a connector |
/// | master.json, adminServer.json, adminUser.json | yes | by what finds servers by a master, and by the master |
/// | cluster.json | no | by what links servers over tcp |
///
/// Each is `<dir>/<name>`, or else `<dir>/<env>/<name>`. A file is bare, or has the environments as its top-level keys;
/// dictionary and protos are always bare. [`load`](Self::load) reads others by the same rules. crons.json, log4js.json and
/// masterha.json are not read: a warning says so.
///
/// # How
///
/// As Node and pomelo read it: a byte order mark is skipped, a number may be a text (`"3010"`) or have a point (`3010.0`), true
/// may be `"true"`, and `null` and `""` are as if left out. A key that begins with neither a letter nor a digit (`//`, `@describe`)
/// is a comment, with all that it holds.
///
/// | key of an entry of servers.json | | default |
/// |---|---|---|
/// | `id` | text, unique | none: an error |
/// | `host` | name or address, also `[::1]` | `127.0.0.1` |
/// | `port`, `clientPort` | 0 to 65535 | none |
/// | `clientHost` | text | `host` |
/// | `frontend` | true or false | false |
/// | `clusterCount` | 1 to 10000: so many servers, whose ids are made | one server |
/// | `max-connections`, `weight` | whole number | no limit; 0 |
/// | `operatorPort` | 0 to 65535 | none: operators come in elsewhere |
/// | `operatorHost` | name or address | `127.0.0.1` |
/// | `auto-restart`, `restart-force`, `distinctHost` | true or false | false |
/// | `args` | text, or list of texts | none |
/// | `cpu` | number or text, as `taskset` takes it | any |
///
/// Every other key is the application's own: [`ServerInfo::setting`]. One that is a letter or two from a key above is
/// [warned](Self::warnings) of, and so is a key that an object has twice: the last one counts, as in JavaScript.
///
/// # What is an error
///
/// A file that is not JSON; an environment that servers.json doesn't have, or without servers; an id that is there twice; two servers of one
/// host on the same port; a value that can't be what its key says. The error is one line: the file (with its whole path), the key (`development.connector[0].clientPort`),
/// what was found and what was expected. When an application starts, these are errors, too: a type of server that `servers!` doesn't list,
/// in servers.json or in `configure`, `route` and `mount`; and a frontend without a connector.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The environment, such as `development` or `production`.
    ///
    /// Files that have a part for it are read by that part.
    pub env: String,
    /// The directory, if the configuration came from one; its whole path.
    #[doc(alias = "getBase")]
    pub dir: Option<PathBuf>,
    /// Every server of servers.json, in its order, clusters expanded.
    ///
    /// ```
    /// use pomelo::config::Config;
    ///
    /// let json = r#"{ "connector": [{ "clusterCount": 2, "host": "10.0.0.2", "clientPort": "3010++" }] }"#;
    /// let config = Config::from_servers(json, "development")?;
    /// let ports: Vec<_> = config.servers.iter().map(|server| (server.id.as_str(), server.client_port)).collect();
    /// assert_eq!(ports, [
    ///     ("cluster-server-connector-1", Some(3010)),
    ///     ("cluster-server-connector-2", Some(3011)),
    /// ]);
    /// # Ok::<(), pomelo::Error>(())
    /// ```
    #[doc(alias = "getServersFromConfig")]
    #[doc(alias = "getServerFromConfig")]
    #[doc(alias = "clusterCount")]
    pub servers: Vec<Arc<ServerInfo>>,
    /// dictionary.json, if there is one: the application's routes to be compressed.
    pub dictionary: Option<Value>,
    /// serverProtos.json, if there is one: schemas of what servers send.
    pub server_protos: Option<Value>,
    /// clientProtos.json, if there is one: schemas of what clients send.
    pub client_protos: Option<Value>,
    /// Where servers.json was read, for messages: its path.
    pub servers_file: String,
    /// The environments that servers.json has, if it has parts for environments.
    pub environments: Vec<String>,
    /// What may be a mistake and is no error, a line each; an application that starts logs them.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads a configuration directory.
    ///
    /// ```no_run
    /// use pomelo::config::Config;
    ///
    /// let config = Config::read("config", "production")?;
    /// for server in &config.servers {
    ///     println!("{} runs on {}", server.id, server.host);
    /// }
    /// # Ok::<(), pomelo::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Names the file, and the key in it.
    pub fn read(dir: impl AsRef<Path>, env: &str) -> Result<Self, ConfigError> {
        let dir = &absolute(dir.as_ref());
        let (file, other) = (dir.join("servers.json"), dir.join(env).join("servers.json"));
        let servers = File::find(dir, env, "servers.json")?.ok_or(ConfigError::Missing { file, other })?;
        Self::of_servers(servers.section(env), env)?.with_files(dir)
    }

    /// As [`read`](Self::read), where there may be no servers.json, nor a directory: for a server that joins a cluster by starting,
    /// which no file has to list.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for that file.
    ///
    /// ```
    /// use pomelo::config::Config;
    ///
    /// assert!(Config::read("no/such/directory", "production").is_err());
    /// assert!(Config::read_if_any("no/such/directory", "production")?.servers.is_empty());
    /// # Ok::<(), pomelo::config::ConfigError>(())
    /// ```
    pub fn read_if_any(dir: impl AsRef<Path>, env: &str) -> Result<Self, ConfigError> {
        let dir = &absolute(dir.as_ref());
        let config = match File::find(dir, env, "servers.json")? {
            Some(servers) => Self::of_servers(servers.section(env), env)?,
            None => {
                let servers_file = dir.join("servers.json").display().to_string();
                Self { env: env.to_owned(), servers_file, ..Self::default() }
            }
        };
        config.with_files(dir)
    }

    /// Adds what the other files of the directory say.
    fn with_files(mut self, dir: &Path) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        let mut read = |name: &str| {
            let file = File::find(dir, &self.env, name)?;
            warnings.extend(file.iter().flat_map(File::repeated));
            Ok(file.map(|file| file.value))
        };
        self.dictionary = read("dictionary.json")?;
        self.server_protos = read("serverProtos.json")?;
        self.client_protos = read("clientProtos.json")?;
        self.warnings.extend(warnings);
        self.environments.extend(environments_of(dir));
        self.warnings.extend(unread::warnings(dir, &self.env));
        self.dir = Some(dir.to_owned());
        Ok(self)
    }

    /// Reads the text of a servers.json, of either layout, and nothing else.
    ///
    /// # Errors
    /// Names the key.
    ///
    /// ```
    /// use pomelo::config::Config;
    ///
    /// let error = Config::from_servers(r#"{ "chat": [{ "id": "chat-1", "port": 99999 }] }"#, "development").unwrap_err();
    /// assert!(error.to_string().contains("chat[0].port"), "{error}");
    /// ```
    pub fn from_servers(text: &str, env: &str) -> Result<Self, ConfigError> {
        let path = PathBuf::from("servers.json");
        Self::of_servers(File::parse(path, text.as_bytes())?.section(env), env)
    }

    fn of_servers(section: Section, env: &str) -> Result<Self, ConfigError> {
        let ServersFile { servers, warnings } = servers::read(&section, env)?;
        let environments = match section.is_of_environment() {
            true => section.environments().to_vec(),
            false => vec![],
        };
        let servers_file = section.file().to_owned();
        Ok(Self { env: env.to_owned(), servers, warnings, environments, servers_file, ..Self::default() })
    }

    /// Reads another file of the directory by the same rules, such as `area.json`; the part of the environment, if
    /// the file has one.
    ///
    /// # Errors
    /// If it can't be read or is no JSON.
    ///
    /// None if there is no such file, or the configuration came from no directory. It reads the file each
    /// time; what is needed often is better read once, in a component or a hook.
    ///
    /// ```no_run
    /// # use pomelo::server::ServerContext;
    /// # fn example(app: &ServerContext) -> pomelo::Result<()> {
    /// let prices = app.config().load("prices.json")?.unwrap_or_default();
    /// println!("a sword is {}", prices["sword"]);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "loadConfig")]
    #[doc(alias = "loadConfigBaseApp")]
    pub fn load(&self, name: &str) -> Result<Option<Value>, ConfigError> {
        Ok(self.section(name)?.map(Section::into_value))
    }

    /// As [`load`](Self::load), with what an error about its content needs: which file it is, and where in the file.
    ///
    /// ```no_run
    /// # use pomelo::config::{Config, ConfigError};
    /// # fn example(config: &Config) -> Result<(), ConfigError> {
    /// // {"development": {"port": "6379"}}
    /// if let Some(redis) = config.section("redis.json")? {
    ///     let port = redis.entry()?.port("port")?.unwrap_or(6379);
    ///     println!("redis is on port {port}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn section(&self, name: &str) -> Result<Option<Section>, ConfigError> {
        let Some(dir) = &self.dir else { return Ok(None) };
        Ok(File::find(dir, &self.env, name)?.map(|file| file.section(&self.env)))
    }

    /// The path of a file of the directory, for messages: where it is, or where it would be looked for first.
    pub fn path(&self, name: &str) -> String {
        let Some(dir) = &self.dir else { return name.to_owned() };
        let (first, second) = (dir.join(name), dir.join(&self.env).join(name));
        if !first.exists() && second.exists() { second } else { first }.display().to_string()
    }
}

/// The whole path of a directory.
fn absolute(dir: &Path) -> PathBuf {
    // It fails only for an empty path, and where there is no current directory.
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned())
}

/// The environments that have a directory with a servers.json.
fn environments_of(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let with_servers = entries.filter(|entry| entry.path().join("servers.json").is_file());
    with_servers.filter_map(|entry| entry.file_name().into_string().ok()).collect()
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
}
