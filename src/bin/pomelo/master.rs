//! The master of the application here: where its master.json says that it is.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::{env, fs};

use pomelo::config::{Config, ConfigError};
use pomelo::ext::transport::host;
use pomelo::master::MasterConfig;

/// The variable by which an application is told where its configuration is.
const CONFIG: &str = "POMELO_CONFIG";
/// The environment of an application that is told none.
const DEFAULT_ENV: &str = "development";
/// Where the configuration is in a project: in the directory of its servers, or of the whole.
const FOLDERS: [&str; 3] = ["config", "game-server/config", "."];

/// Where a master is, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Its host, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The configuration that says so, and its environment; none if pomelo's defaults do.
    pub config: Option<(PathBuf, String)>,
}

/// What the command line says of a master.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// The environment.
    pub env: Option<&'a str>,
    /// The host.
    pub host: Option<&'a str>,
    /// The port.
    pub port: Option<u16>,
}

impl Master {
    /// The master of the application in a directory, or in one above: host and port as they are said, else as master.json has them
    /// in that environment, else pomelo's.
    ///
    /// Where nobody says the environment it is `development`. If its master isn't there, it may be one of the others, which follow
    /// as far as they are on this machine: nobody shall stop another machine's by leaving a word out.
    ///
    /// # Errors
    /// If master.json is needed and wrong: which, and what of it.
    pub fn find(directory: &Path, said: Said<'_>) -> Result<(Self, Vec<Self>), Box<ConfigError>> {
        let dir = match said {
            Said { host: Some(_), port: Some(_), .. } => None,
            _ => config_of(directory),
        };
        let Some(dir) = dir else {
            return Ok((Self::read(None, said).map_err(Box::new)?, vec![]));
        };
        if let Some(env) = said.env.filter(|env| !env.is_empty()) {
            let master = Self::read(Some((dir, env.to_owned())), said);
            return Ok((master.map_err(Box::new)?, vec![]));
        }
        let first = Self::read(Some((dir.clone(), DEFAULT_ENV.to_owned())), said);
        let mut others: Vec<_> = environments(&dir)
            .into_iter()
            .filter_map(|env| Self::read(Some((dir.clone(), env)), said).ok())
            .filter(Self::is_here)
            .collect();
        match first {
            Ok(first) => {
                others.retain(|other| (&other.host, other.port) != (&first.host, first.port));
                Ok((first, others))
            }
            // A file without it, as in production.
            Err(_) if !others.is_empty() => Ok((others.remove(0), others)),
            Err(error) => Err(Box::new(error)),
        }
    }

    fn read(place: Option<(PathBuf, String)>, said: Said<'_>) -> Result<Self, ConfigError> {
        let mut config = Config::default();
        if let Some((dir, env)) = &place {
            (config.dir, config.env) = (Some(dir.clone()), env.clone());
        }
        let read = MasterConfig::read(&config)?;
        Ok(Self {
            host: said.host.map_or(read.host, str::to_owned),
            port: said.port.unwrap_or(read.port),
            config: place,
        })
    }

    /// Only a machine's own addresses can be bound. Nothing is sent.
    fn is_here(&self) -> bool {
        UdpSocket::bind((self.host.as_str(), 0)).is_ok()
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        host::with_port(&self.host, self.port)
    }
}

/// The directory of configuration of the application there.
fn config_of(directory: &Path) -> Option<PathBuf> {
    let own = env::var_os(CONFIG).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    own.or_else(|| project_config(directory))
}

/// The first directory of configuration in that directory and those above it.
fn project_config(directory: &Path) -> Option<PathBuf> {
    let directory = std::path::absolute(directory).ok()?;
    let places = directory.ancestors().flat_map(|above| FOLDERS.map(|folder| above.join(folder)));
    places.map(|place| place.components().collect()).find(|place: &PathBuf| is_config(place))
}

/// A directory is one if it has the files that make an application with a master, itself or for each environment.
fn is_config(dir: &Path) -> bool {
    let has = |dir: &Path| dir.join("master.json").is_file() && dir.join("servers.json").is_file();
    has(dir) || folders(dir).iter().any(|folder| has(folder))
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The environments for which there is a master.
fn environments(dir: &Path) -> Vec<String> {
    let config = Config { dir: Some(dir.to_owned()), env: DEFAULT_ENV.to_owned(), ..Config::default() };
    // A file that can't be read is told of where its master is looked for.
    let file = config.section("master.json").ok().flatten();
    let in_file = file.iter().flat_map(|file| file.environments().iter().cloned());
    let folders = folders(dir).into_iter().filter(|folder| folder.join("master.json").is_file());
    let named = folders.filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned()));
    in_file.chain(named).filter(|env| env != DEFAULT_ENV).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// A project with its configuration there.
    fn project(folder: &str, master: &str) -> TempDir {
        let dir = TempDir::new().unwrap();
        let config = dir.path().join(folder);
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("master.json"), master).unwrap();
        fs::write(config.join("servers.json"), "{}").unwrap();
        dir
    }

    const MASTERS: &str = r#"{"development":{"host":"10.0.0.7","port":4000},"production":{"host":"[2001:db8::1]","port":4001}}"#;

    /// What is found there, with the others that it may be.
    fn find(directory: &Path, said: Said<'_>) -> (String, Vec<String>) {
        let (master, others) = Master::find(directory, said).unwrap();
        (master.address(), others.iter().map(Master::address).collect())
    }

    #[test]
    fn it_is_where_master_json_of_the_project_says() {
        for (folder, from) in [
            ("config", ""),
            ("config", "config"),
            ("config", "src/deep"),
            ("game-server/config", ""),
            ("", ""),
        ] {
            let dir = project(folder, MASTERS);
            let from = dir.path().join(from);
            for (env, address) in [(None, "10.0.0.7:4000"), (Some("production"), "[2001:db8::1]:4001")] {
                let said = Said { env, ..Said::default() };
                assert_eq!(find(&from, said).0, address, "{folder} {}", from.display());
                let (dir_of, _) = Master::find(&from, said).unwrap().0.config.unwrap();
                assert_eq!(dir_of, dir.path().join(folder).components().collect::<PathBuf>());
            }
        }
    }

    #[test]
    fn what_is_said_counts_more_and_what_nobody_says_is_pomelos() {
        let dir = project("config", MASTERS);
        let of = |host, port| find(dir.path(), Said { host, port, env: None }).0;
        assert_eq!(of(Some("::1"), None), "[::1]:4000");
        assert_eq!(of(None, Some(1)), "10.0.0.7:1");
        let empty = TempDir::new().unwrap();
        assert_eq!(find(empty.path(), Said::default()), ("127.0.0.1:3005".into(), vec![]));
    }

    #[test]
    fn environments_are_found_in_a_file_as_windows_writes_it() {
        let dir = project("config", "\u{feff}{\"//\": {}, \"production\": {\"port\": \"2\"}}");
        assert_eq!(find(dir.path(), Said::default()).0, "127.0.0.1:2");
    }

    #[test]
    fn where_no_environment_is_said_it_may_be_that_of_another_on_this_machine() {
        let masters = r#"{"development":{"port":1},"production":{"port":2},"same":{"port":1},
            "afar":{"host":"198.51.100.7","port":3}}"#;
        let dir = project("config", masters);
        let other = "127.0.0.1:2".to_owned();
        assert_eq!(find(dir.path(), Said::default()), ("127.0.0.1:1".into(), vec![other.clone()]));
        let said = Said { env: Some("development"), ..Said::default() };
        assert_eq!(find(dir.path(), said), ("127.0.0.1:1".into(), vec![]));
        let dir = project("config", r#"{"production":{"port":2}}"#);
        assert_eq!(find(dir.path(), Said::default()), (other, vec![]));
    }

    #[test]
    fn a_file_that_is_wrong_is_an_error_where_it_is_needed() {
        let dir = project("config", r#"{"production":{"port":"x"}}"#);
        let said = Said { env: Some("production"), ..Said::default() };
        assert!(Master::find(dir.path(), said).is_err());
        assert!(Master::find(dir.path(), Said { host: Some("h"), port: Some(1), ..said }).is_ok());
    }
}
