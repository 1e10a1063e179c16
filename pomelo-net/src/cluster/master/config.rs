//! master.json, adminUser.json and adminServer.json.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pomelo_core::config::{Config, ConfigError};
use pomelo_core::host;
use pomelo_core::server::ServerId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::secret::Secret;

/// Where the master is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MasterConfig {
    /// Its id.
    #[serde(default = "default_id")]
    pub id: ServerId,
    /// The host that it listens on, and that servers reach it by.
    #[serde(default = "default_host", deserialize_with = "host::deserialize")]
    pub host: String,
    /// The port that it listens on; 3005, as in pomelo.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Arguments of `ssh`, by which servers on other hosts are started, such as `["-p", "2222"]`; none. pomelo has them by
    /// `app.set("ssh_config_params", …)`.
    #[serde(default, rename = "sshConfigParams", alias = "ssh_config_params")]
    pub ssh_args: Vec<String>,
}

fn default_id() -> ServerId {
    "master-server-1".into()
}

fn default_host() -> String {
    "127.0.0.1".into()
}

fn default_port() -> u16 {
    3005
}

impl MasterConfig {
    /// Reads master.json: `{env: {id, host, port, sshConfigParams}}`, or the bare entry. Without the file, or what is missing in it, it
    /// is `master-server-1` on `127.0.0.1:3005`.
    ///
    /// # Errors
    /// Names what is wrong with the entry.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let entry = config.load("master.json")?.unwrap_or_else(|| Value::Object(Default::default()));
        let is_of_another = |(key, value): (&String, &Value)| key != &config.env && value.is_object();
        if entry.as_object().is_some_and(|keys| keys.iter().any(is_of_another)) {
            return Err(wrong("master.json", &config.env, "there is no such environment"));
        }
        serde_json::from_value(entry).map_err(|error| wrong("master.json", &config.env, error))
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        host::with_port(&self.host, self.port)
    }
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Level {
    /// Level 1.
    Everything,
    /// Level 2: list, report and log.
    Look,
}

impl Level {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Everything => 1,
            Self::Look => 2,
        }
    }
}

/// The operators of adminUser.json; without the file there is pomelo's admin/admin, with every right.
#[derive(Debug)]
pub(super) struct Users {
    by_name: HashMap<String, User>,
    is_default: bool,
}

/// An operator.
#[derive(Debug)]
pub(super) struct User {
    pub(super) password: Secret,
    pub(super) level: Level,
    /// The password is the user's name, as those are that pomelo comes with: everybody tries it first.
    is_guessed: bool,
}

impl Users {
    /// Reads `[{id, username, password, level}]`.
    pub(super) fn read(config: &Config) -> Result<Self, ConfigError> {
        const FILE: &str = "adminUser.json";
        let Some(list) = config.load(FILE)? else { return Ok(Self::default_admin()) };
        let mut by_name = HashMap::new();
        for (at, entry) in entries(FILE, &list)? {
            let name = text(FILE, &at, entry, "username")?;
            let password = text(FILE, &at, entry, "password")?;
            let level = match entry.get("level").map(|level| level.to_string().trim_matches('"').to_owned()) {
                Some(level) if level == "1" => Level::Everything,
                Some(level) if level == "2" => Level::Look,
                _ => return Err(wrong(FILE, &at, "`level` is 1 (everything) or 2 (list, show and log)")),
            };
            let is_guessed = password == name;
            let user = User { password: secret(FILE, &at, &password)?, level, is_guessed };
            if by_name.insert(name.clone(), user).is_some() {
                return Err(wrong(FILE, &at, format_args!("the user `{name}` is there twice")));
            }
        }
        Ok(Self { by_name, is_default: false })
    }

    fn default_admin() -> Self {
        let user = |password| User { password, level: Level::Everything, is_guessed: true };
        let admin = Secret::new("admin").map(|password| ("admin".to_owned(), user(password)));
        Self { by_name: admin.into_iter().collect(), is_default: true }
    }

    /// Whether it is the user that everybody knows.
    pub(super) fn is_default(&self) -> bool {
        self.is_default
    }

    /// Those whose password is their name, sorted.
    pub(super) fn guessed(&self) -> Vec<&str> {
        let guessed = self.by_name.iter().filter(|(_, user)| user.is_guessed);
        let mut names: Vec<_> = guessed.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The user of that name.
    pub(super) fn find(&self, name: &str) -> Option<&User> {
        self.by_name.get(name)
    }

    /// One of them that may do everything, if there is one: the first by name.
    pub(super) fn any_of_level_1(&self) -> Option<(&str, &Secret)> {
        let may = self.by_name.iter().filter(|(_, user)| user.level == Level::Everything);
        may.map(|(name, user)| (name.as_str(), &user.password)).min_by_key(|(name, _)| *name)
    }

    /// One of them, to look; none if there is none.
    pub(super) fn any(&self) -> Option<(&str, &Secret)> {
        self.by_name.iter().next().map(|(name, user)| (name.as_str(), &user.password))
    }
}

impl User {
    /// Whether the user may come from another host than the master's.
    pub(super) fn may_come_from_afar(&self) -> bool {
        !self.is_guessed
    }
}

/// The tokens of adminServer.json, by type of server; that of the type [`ANY`](Self::ANY) is for all others.
///
/// Without the file servers need the token that a master gives its children.
#[derive(Debug, Clone)]
pub(super) struct Tokens(Option<HashMap<String, Secret>>);

impl Tokens {
    /// Where it is.
    pub(super) const FILE: &str = "adminServer.json";
    /// The type whose token is for all that have none of their own.
    pub(super) const ANY: &str = "*";

    /// Reads `[{type, token}]`.
    pub(super) fn read(config: &Config) -> Result<Self, ConfigError> {
        const FILE: &str = Tokens::FILE;
        let Some(list) = config.load(FILE)? else { return Ok(Self(None)) };
        let mut by_type = HashMap::new();
        for (at, entry) in entries(FILE, &list)? {
            let server_type = text(FILE, &at, entry, "type")?;
            let token = secret(FILE, &at, &text(FILE, &at, entry, "token")?)?;
            if by_type.insert(server_type.clone(), token).is_some() {
                return Err(wrong(FILE, &at, format_args!("the type `{server_type}` is there twice")));
            }
        }
        Ok(Self(Some(by_type)))
    }

    /// The type of the entry that has the token of servers of a type.
    pub(super) fn entry_of<'a>(&self, server_type: &'a str) -> &'a str {
        let has_own = self.0.as_ref().is_some_and(|tokens| tokens.contains_key(server_type));
        if has_own { server_type } else { Self::ANY }
    }

    /// Where the file is, or would be.
    pub(super) fn file(config: &Config) -> PathBuf {
        let file = config.dir.as_deref().unwrap_or(Path::new(".")).join(Self::FILE);
        std::path::absolute(&file).unwrap_or(file)
    }

    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn insert(&mut self, server_type: &str, token: Secret) {
        self.0.get_or_insert_default().insert(server_type.to_owned(), token);
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// The token of a type, if there is one.
    pub(super) fn of(&self, server_type: &str) -> Option<&Secret> {
        let tokens = self.0.as_ref()?;
        tokens.get(server_type).or_else(|| tokens.get(Self::ANY))
    }
}

type At<'a> = (String, &'a serde_json::Map<String, Value>);

fn entries<'a>(file: &str, list: &'a Value) -> Result<Vec<At<'a>>, ConfigError> {
    let list = list.as_array().ok_or_else(|| wrong(file, "top level", "must be a list"))?;
    let entry = |(index, entry): (usize, &'a Value)| {
        let at = format!("[{index}]");
        match entry.as_object() {
            Some(entry) => Ok((at, entry)),
            None => Err(wrong(file, &at, "must be an object")),
        }
    };
    list.iter().enumerate().map(entry).collect()
}

fn text(
    file: &str,
    at: &str,
    entry: &serde_json::Map<String, Value>,
    key: &str,
) -> Result<String, ConfigError> {
    let text = entry.get(key).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| wrong(file, at, format_args!("`{key}` must be a text")))
}

fn secret(file: &str, at: &str, text: &str) -> Result<Secret, ConfigError> {
    Secret::new(text).map_err(|error| wrong(file, at, error))
}

fn wrong(file: &str, at: &str, problem: impl ToString) -> ConfigError {
    ConfigError::Entry { file: file.to_owned(), at: at.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::master::tests::TempDir;

    fn with(name: &str, text: &str) -> (TempDir, Config) {
        let dir = TempDir::new();
        dir.write(name, text);
        let config = Config { env: "development".into(), dir: Some(dir.path().into()), ..Config::default() };
        (dir, config)
    }

    #[test]
    fn a_master_is_read_from_both_layouts_and_has_defaults() {
        for text in [
            r#"{"development":{"id":"m","host":"::1","port":4000},"production":{"id":"p","host":"h","port":1}}"#,
            r#"{"id":"m","host":"::1","port":4000}"#,
            r#"{"id":"m","host":"[::1]","port":4000}"#,
        ] {
            let (_dir, config) = with("master.json", text);
            let master = MasterConfig::read(&config).unwrap();
            assert_eq!((master.id.as_str(), master.address().as_str()), ("m", "[::1]:4000"));
        }
        let master = MasterConfig::read(&Config::default()).unwrap();
        assert_eq!((master.id.as_str(), master.address().as_str()), ("master-server-1", "127.0.0.1:3005"));
    }

    #[test]
    fn arguments_of_ssh_are_read_by_pomelos_name_and_by_ours() {
        for key in ["ssh_config_params", "sshConfigParams"] {
            let (_dir, config) = with("master.json", &format!(r#"{{"id":"m","{key}":["-p","2222"]}}"#));
            assert_eq!(MasterConfig::read(&config).unwrap().ssh_args, ["-p", "2222"]);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file_and_entry() {
        for (name, text, problem) in [
            ("master.json", r#"{"production":{"id":"p"}}"#, "development: there is no such environment"),
            ("master.json", r#"{"development":{"id":"m","port":70000}}"#, "development: invalid value"),
            ("adminUser.json", r#"{"a":1}"#, "top level: must be a list"),
            ("adminUser.json", r#"[{"username":"a","password":"b"}]"#, "[0]: `level` is 1 (everything) or 2"),
            ("adminUser.json", r#"[{"username":"a","password":"b","level":3}]"#, "[0]: `level` is 1"),
            ("adminUser.json", r#"[{"username":"a","level":1}]"#, "[0]: `password` must be a text"),
            (
                "adminUser.json",
                r#"[{"username":"a","password":"","level":1}]"#,
                "[0]: a secret can't be empty",
            ),
            (
                "adminUser.json",
                r#"[{"username":"a","password":"b","level":1},{"username":"a","password":"c","level":"2"}]"#,
                "[1]: the user `a` is there twice",
            ),
            ("adminServer.json", r#"[7]"#, "[0]: must be an object"),
            ("adminServer.json", r#"[{"type":"chat"}]"#, "[0]: `token` must be a text"),
        ] {
            let (_dir, config) = with(name, text);
            let error = MasterConfig::read(&config)
                .map(drop)
                .and_then(|()| Users::read(&config).map(drop))
                .and_then(|()| Tokens::read(&config).map(drop))
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(&format!("{name}: {problem}")), "{error}");
        }
    }
}
