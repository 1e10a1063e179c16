//! master.json, adminUser.json and adminServer.json.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pomelo_core::value::config::{Config, ConfigError, Entry, Section};
use pomelo_core::value::spelling::nearest;
use pomelo_core::value::{Level, ServerId, host};

use pomelo_net::link::secret::Secret;

/// The keys of master.json that mean something; others are warned of.
const KEYS: [&str; 5] = ["id", "host", "port", "sshConfigParams", "ssh_config_params"];

/// Where the master is.
///
/// | in master.json | | default |
/// |---|---|---|
/// | `id` | text | `master-server-1` |
/// | `host` | name or address, also `[::1]` | `127.0.0.1` |
/// | `port` | 0 to 65535 | 3005, as in pomelo |
/// | `sshConfigParams`, or `ssh_config_params` | list of texts | none |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterConfig {
    /// Its id.
    pub id: ServerId,
    /// The host that it listens on, and that servers reach it by.
    pub host: String,
    /// The port that it listens on; 3005, as in pomelo.
    pub port: u16,
    /// Arguments of `ssh`, by which servers on other hosts are started, such as `["-p", "2222"]`; none. pomelo has them by
    /// `app.set("ssh_config_params", …)`.
    pub ssh_args: Vec<String>,
}

impl Default for MasterConfig {
    fn default() -> Self {
        Self { id: "master-server-1".into(), host: "127.0.0.1".into(), port: 3005, ssh_args: vec![] }
    }
}

impl MasterConfig {
    /// Reads master.json: `{env: {id, host, port, sshConfigParams}}`, or the bare entry, as [`Config`] reads its files. Without the file,
    /// or what is missing in it, it is `master-server-1` on `127.0.0.1:3005`.
    ///
    /// # Errors
    /// Names the file and the key, and says what was found and what was expected.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let Some(section) = config.section("master.json")? else { return Ok(Self::default()) };
        let (entry, default) = (of_environment(&section, config)?, Self::default());
        Ok(Self {
            id: entry.text("id", "the id of the master, a text")?.map_or(default.id, Into::into),
            host: entry.host("host")?.unwrap_or(default.host),
            port: entry.port("port")?.unwrap_or(default.port),
            ssh_args: match entry.texts("sshConfigParams")? {
                Some(args) => args,
                None => entry.texts("ssh_config_params")?.unwrap_or_default(),
            },
        })
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        host::with_port(&self.host, self.port)
    }
}

/// The entry of the environment; an error if there are only others.
fn of_environment<'a>(section: &'a Section, config: &Config) -> Result<Entry<'a>, ConfigError> {
    let entry = section.entry()?;
    let is_bare = entry.has_any(&KEYS) || section.environments().is_empty();
    if section.is_of_environment() || is_bare { Ok(entry) } else { Err(section.no_environment(&config.env)) }
}

/// Checks the files that say where the master is and which servers may register there; returns what may be a mistake, a line
/// each.
pub(crate) fn check_master(config: &Config) -> Result<Vec<String>, ConfigError> {
    let mut warnings = Vec::new();
    MasterConfig::read(config)?;
    if let Some(section) = config.section("master.json")? {
        warnings.extend(section.repeated());
        warnings.extend(of_environment(&section, config)?.unread(&KEYS));
    }
    let tokens = Tokens::read(config)?;
    if let Some(section) = config.section(Tokens::FILE)? {
        warnings.extend(section.repeated());
        let types: Vec<&str> = config.servers.iter().map(|info| &*info.server_type).collect();
        let names = tokens.0.iter().flatten().map(|(name, _)| name.as_str());
        let meant = names.filter_map(|name| Some((name, nearest(name, types.iter().copied())?)));
        let unused = meant.filter(|(_, meant)| tokens.of(meant).is_none());
        warnings.extend(unused.map(|(name, meant)| {
            section.note("", format_args!("there are no servers of type `{name}`, did you mean `{meant}`?"))
        }));
    }
    Ok(warnings)
}

/// Checks the file that says who may operate the cluster; returns what may be a mistake, a line each.
pub(crate) fn check_operators(config: &Config) -> Result<Vec<String>, ConfigError> {
    Users::read(config)?;
    Ok(config.section(Users::FILE)?.map(|section| section.repeated()).unwrap_or_default())
}

/// The operators of adminUser.json; without the file there is pomelo's admin/admin, with every right.
#[derive(Debug)]
pub(crate) struct Users {
    by_name: HashMap<String, User>,
    is_default: bool,
}

/// An operator.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) password: Secret,
    pub(crate) level: Level,
    /// The password is the user's name, as those are that pomelo comes with: everybody tries it first.
    is_guessed: bool,
}

impl Users {
    /// Where they are.
    pub(crate) const FILE: &str = "adminUser.json";

    /// Reads `[{id, username, password, level}]`.
    pub(crate) fn read(config: &Config) -> Result<Self, ConfigError> {
        let Some(section) = config.section(Self::FILE)? else { return Ok(Self::default_admin()) };
        let mut by_name = HashMap::new();
        for entry in section.entries()? {
            let name = required(&entry, "username", "the name of the user, a text")?;
            let password = secret_text(&entry, "password")?;
            let level = match entry.whole("level", 1..=2, LEVELS)? {
                Some(1) => Level::Everything,
                Some(_) => Level::Look,
                None => return Err(entry.unexpected("level", LEVELS)),
            };
            let is_guessed = password == name;
            let user = User { password: secret(&entry, "password", &password)?, level, is_guessed };
            if by_name.insert(name.clone(), user).is_some() {
                return Err(entry.wrong("username", format_args!("the user `{name}` is there twice")));
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
    pub(crate) fn is_default(&self) -> bool {
        self.is_default
    }

    /// Those whose password is their name, sorted.
    pub(crate) fn guessed(&self) -> Vec<&str> {
        let guessed = self.by_name.iter().filter(|(_, user)| user.is_guessed);
        let mut names: Vec<_> = guessed.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Whether one of them may come from another host.
    pub(crate) fn may_any_come_from_afar(&self) -> bool {
        self.by_name.values().any(User::may_come_from_afar)
    }

    /// The user of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&User> {
        self.by_name.get(name)
    }

    /// One of them that may do everything, if there is one: the first by name.
    pub(crate) fn any_of_level_1(&self) -> Option<(&str, &Secret)> {
        let may = self.by_name.iter().filter(|(_, user)| user.level == Level::Everything);
        may.map(|(name, user)| (name.as_str(), &user.password)).min_by_key(|(name, _)| *name)
    }

    /// One of them, to look; none if there is none.
    pub(crate) fn any(&self) -> Option<(&str, &Secret)> {
        self.by_name.iter().next().map(|(name, user)| (name.as_str(), &user.password))
    }
}

impl User {
    /// Whether the user may come from another host than the master's.
    pub(crate) fn may_come_from_afar(&self) -> bool {
        !self.is_guessed
    }
}

/// The tokens of adminServer.json, by type of server; that of the type [`ANY`](Self::ANY) is for all others.
///
/// Without the file servers need the token that a master gives its children.
#[derive(Debug, Clone)]
pub(crate) struct Tokens(Option<HashMap<String, Secret>>);

impl Tokens {
    /// Where it is.
    pub(crate) const FILE: &str = "adminServer.json";
    /// The type whose token is for all that have none of their own.
    pub(crate) const ANY: &str = "*";

    /// Reads `[{type, token}]`.
    pub(crate) fn read(config: &Config) -> Result<Self, ConfigError> {
        let Some(section) = config.section(Self::FILE)? else { return Ok(Self(None)) };
        let mut by_type = HashMap::new();
        for entry in section.entries()? {
            let server_type = required(&entry, "type", "a type of server, a text")?;
            let token = secret(&entry, "token", &secret_text(&entry, "token")?)?;
            if by_type.insert(server_type.clone(), token).is_some() {
                return Err(entry.wrong("type", format_args!("the type `{server_type}` is there twice")));
            }
        }
        Ok(Self(Some(by_type)))
    }

    /// The type of the entry that has the token of servers of a type.
    pub(crate) fn entry_of<'a>(&self, server_type: &'a str) -> &'a str {
        let has_own = self.0.as_ref().is_some_and(|tokens| tokens.contains_key(server_type));
        if has_own { server_type } else { Self::ANY }
    }

    /// Where the file is, or would be.
    pub(crate) fn file(config: &Config) -> PathBuf {
        let file = config.dir.as_deref().unwrap_or(Path::new(".")).join(Self::FILE);
        std::path::absolute(&file).unwrap_or(file)
    }

    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn insert(&mut self, server_type: &str, token: Secret) {
        self.0.get_or_insert_default().insert(server_type.to_owned(), token);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// The token of a type, if there is one.
    pub(crate) fn of(&self, server_type: &str) -> Option<&Secret> {
        let tokens = self.0.as_ref()?;
        tokens.get(server_type).or_else(|| tokens.get(Self::ANY))
    }
}

/// What `level` can be.
const LEVELS: &str = "1 (everything) or 2 (list, show and log)";

fn required(entry: &Entry<'_>, key: &str, expected: &str) -> Result<String, ConfigError> {
    entry.text(key, expected)?.ok_or_else(|| entry.unexpected(key, expected))
}

/// A text that no error shows.
fn secret_text(entry: &Entry<'_>, key: &str) -> Result<String, ConfigError> {
    match entry.text(key, "a text") {
        Ok(Some(text)) => Ok(text),
        Ok(None) | Err(_) => Err(entry.wrong(key, "expected a text that is not empty")),
    }
}

fn secret(entry: &Entry<'_>, key: &str, text: &str) -> Result<Secret, ConfigError> {
    Secret::new(text).map_err(|error| entry.wrong(key, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

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
    fn what_is_wrong_is_named_with_its_file_and_key() {
        for (name, text, problem) in [
            (
                "master.json",
                r#"{"production":{"id":"p"}}"#,
                "top level: there is no environment `development`, it has `production`",
            ),
            (
                "master.json",
                r#"{"development":{"id":"m","port":70000}}"#,
                "development.port: found 70000, expected a port, a whole number from 0 to 65535",
            ),
            ("adminUser.json", r#"{"a":1}"#, "top level: found an object, expected a list of objects"),
            (
                "adminUser.json",
                r#"[{"username":"a","password":"b"}]"#,
                "[0].level: missing, expected 1 (everything) or 2 (list, show and log)",
            ),
            (
                "adminUser.json",
                r#"[{"username":"a","password":"b","level":3}]"#,
                "[0].level: found 3, expected 1 (everything) or 2 (list, show and log)",
            ),
            (
                "adminUser.json",
                r#"[{"username":"a","level":1}]"#,
                "[0].password: expected a text that is not empty",
            ),
            (
                "adminUser.json",
                r#"[{"username":"a","password":["open sesame"],"level":1}]"#,
                "[0].password: expected a text that is not empty",
            ),
            (
                "adminUser.json",
                r#"[{"username":"a","password":"b","level":1},{"username":"a","password":"c","level":"2"}]"#,
                "[1].username: the user `a` is there twice",
            ),
            ("adminServer.json", r#"[7]"#, "[0]: found 7, expected an object"),
            ("adminServer.json", r#"[{"type":"chat"}]"#, "[0].token: expected a text that is not empty"),
        ] {
            let (dir, config) = with(name, text);
            let error = MasterConfig::read(&config)
                .map(drop)
                .and_then(|()| Users::read(&config).map(drop))
                .and_then(|()| Tokens::read(&config).map(drop))
                .unwrap_err()
                .to_string();
            assert_eq!(error, format!("{}: {problem}", dir.path().join(name).display()));
        }
    }
}
