//! Failures of commands: what was wrong, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use pomelo::config::ConfigError;

use crate::admin::AdminError;
use crate::endpoint::Endpoint;
use crate::init_error::InitError;
use crate::master::Master;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// The master can't be reached, or doesn't do it.
    Admin {
        /// Which.
        master: Box<Master>,
        /// Why.
        error: AdminError,
    },
    /// The server of `--to` can't be reached, or doesn't do it.
    Server {
        /// Where.
        to: Endpoint,
        /// Why.
        error: AdminError,
    },
    /// The configuration of the application here is wrong.
    Config(Box<ConfigError>),
    /// A command of pomelo's that has no counterpart.
    NoCounterpart {
        /// What it is called.
        command: &'static str,
        /// What there is in its place.
        instead: &'static str,
    },
    /// No project was made.
    Init(InitError),
    /// `start` doesn't know what to run.
    NoBinary {
        /// What it is about: the application's directory.
        directory: PathBuf,
        /// Where it looked.
        looked: Vec<PathBuf>,
        /// Why it couldn't look further.
        problem: Option<String>,
    },
    /// A program can't be run.
    Run {
        /// Which.
        binary: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The system refused something else.
    System(std::io::Error),
}

impl From<InitError> for Failure {
    fn from(error: InitError) -> Self {
        Self::Init(error)
    }
}

impl From<Box<ConfigError>> for Failure {
    fn from(error: Box<ConfigError>) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(problem) => f.write_str(problem),
            Self::Config(error) => chain(f, &**error),
            Self::NoCounterpart { command, .. } => {
                write!(f, "there is no `{command}` here, and no need of it")
            }
            Self::Admin { error, .. } => chain(f, error),
            Self::Server { to, error } => at_server(f, to, error),
            Self::Init(error) => chain(f, error),
            Self::NoBinary { directory, looked, problem } => {
                write!(f, "there is no application to start in {}", directory.display())?;
                if let Some(problem) = problem {
                    write!(f, ": {problem}")?;
                }
                f.write_str("; looked for:")?;
                looked.iter().try_for_each(|path| write!(f, "\n  {}", path.display()))
            }
            Self::Run { binary, error } => write!(f, "cannot run {}: {error}", binary.display()),
            Self::System(error) => chain(f, error),
        }
    }
}

impl Failure {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Admin { master, error: AdminError::Unreachable { .. } } => {
                let where_from = match &master.config {
                    Some((dir, env)) => format!(
                        "That is where {} says for the environment {env} (-e ENV for another).",
                        dir.join("master.json").display()
                    ),
                    None => "There is no master.json here: run it in the project's directory, or name that: -d DIR.".into(),
                };
                format!(
                    "Is the application running? Start it with `pomelo start`, or name another master: -h HOST -P PORT.\n{where_from}"
                )
            }
            Self::Admin { master, error: AdminError::Refused { .. } } => format!(
                "The users of the master at {} are in its adminUser.json. Say who you are: -u USER, and the \
                 password in POMELO_PASSWORD.",
                master.address()
            ),
            Self::Admin { master, error: AdminError::NoMaster { .. } } => {
                format!("The master's port is in master.json: -P PORT (now {}).", master.address())
            }
            Self::Config(_) => {
                "-e ENV is another environment; -h HOST -P PORT name a master without the file.".into()
            }
            Self::NoCounterpart { instead, .. } => (*instead).to_owned(),
            Self::Server { error, .. } => return server_hint(error),
            Self::Admin { error: AdminError::Denied { .. }, .. } => {
                "Levels are in adminUser.json: -u USER.".into()
            }
            Self::Admin { error: AdminError::UnknownServer { .. }, .. } => {
                "`pomelo list` shows the ids.".into()
            }
            Self::Admin { error: AdminError::NoSuchModule { known, .. }, .. } => there_are(known),
            Self::NoBinary { .. } => {
                "Build it (`cargo build --release`), or name it: --bin PATH, or -d DIR for its directory."
                    .into()
            }
            Self::Init(InitError::NotEmpty { .. }) => "Write into it all the same with --force.".into(),
            _ => return None,
        })
    }
}

/// What went wrong at the server of `--to`.
fn at_server(f: &mut fmt::Formatter<'_>, to: &Endpoint, error: &AdminError) -> fmt::Result {
    match error {
        AdminError::Unreachable { source, .. } => write!(f, "cannot reach a server on {to}: {source}"),
        AdminError::NoMaster { problem, .. } => {
            write!(f, "what listens on {to} is no server that lets operators in: {problem}")
        }
        AdminError::Refused { user, reason, .. } => write!(f, "{to} refused the user `{user}`: {reason}"),
        AdminError::Closed { problem, .. } => {
            write!(f, "the server on {to} stopped, or the connection to it broke: {problem}")
        }
        error => chain(f, error),
    }
}

/// What to do about it.
fn server_hint(error: &AdminError) -> Option<String> {
    Some(match error {
        AdminError::Unreachable { .. } | AdminError::NoMaster { .. } => {
            "A server lets operators in where servers.json has an `operatorPort` for it, or it was started with `--operators PORT`."
                .into()
        }
        AdminError::Refused { .. } => {
            "The users are in the server's adminUser.json. Say who you are: -u USER, and the password in POMELO_PASSWORD.".into()
        }
        AdminError::Denied { .. } => "Levels are in the server's adminUser.json: -u USER.".into(),
        AdminError::UnknownServer { .. } => "`pomelo --to HOST:PORT list` shows the ids.".into(),
        AdminError::NoSuchModule { known, .. } => there_are(known),
        AdminError::Masterless { instead, .. } => instead.clone(),
        _ => return None,
    })
}

fn there_are(modules: &[String]) -> String {
    format!("There are {}.", modules.join(", "))
}

/// An error and what it comes from, as far as it doesn't say so itself.
fn chain(f: &mut fmt::Formatter<'_>, error: &dyn std::error::Error) -> fmt::Result {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    f.write_str(&text)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn unreachable() -> Failure {
        let source = io::Error::from(io::ErrorKind::ConnectionRefused);
        let master = master("10.0.0.7");
        Failure::Admin { error: AdminError::Unreachable { address: master.address(), source }, master }
    }

    fn master(host: &str) -> Box<Master> {
        Box::new(Master {
            host: host.into(),
            port: 3005,
            config: Some(("/srv/game/config".into(), "production".into())),
        })
    }

    #[test]
    fn a_master_that_is_not_there_is_named_with_the_reason_and_what_to_do() {
        let failure = unreachable();
        let text = failure.to_string();
        assert!(text.contains("10.0.0.7:3005"), "{text}");
        assert_eq!(text.matches("connection refused").count(), 1, "{text}");
        let hint = failure.hint().unwrap();
        assert!(hint.contains("`pomelo start`"), "{hint}");
        assert!(hint.contains("/srv/game/config/master.json says for the environment production"), "{hint}");
    }

    #[test]
    fn a_refused_login_says_where_users_are_and_where_passwords_go() {
        let error = AdminError::Refused {
            address: "127.0.0.1:3005".into(),
            user: "ann".into(),
            reason: "wrong user or password".into(),
        };
        let failure = Failure::Admin { master: master("127.0.0.1"), error };
        assert!(failure.to_string().contains("ann"), "{failure}");
        let hint = failure.hint().unwrap();
        assert!(hint.contains("adminUser.json") && hint.contains("POMELO_PASSWORD"), "{hint}");
    }

    #[test]
    fn an_unknown_server_leads_to_the_list() {
        let error = AdminError::UnknownServer("chat-9".into());
        let failure = Failure::Admin { master: master("127.0.0.1"), error };
        assert!(failure.to_string().contains("chat-9"), "{failure}");
        assert_eq!(failure.hint().unwrap(), "`pomelo list` shows the ids.");
    }
}
