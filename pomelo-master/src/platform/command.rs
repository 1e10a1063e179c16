//! Reading the command line of an application's program.

use std::ffi::OsString;
use std::sync::Arc;

use lexopt::{Arg, Parser, ValueExt};
use pomelo_core::value::{Error, ErrorKind, Result, ServerId, ServerInfo, host};
use serde_json::{Map, Value};

use crate::setup::Only;

const HELP: &str = "\
Without arguments, every server of servers.json runs in this process.

  start            starts a master, and by it one process per server
    --type T         only the servers of this type
    --id I           only this server
    --daemon         in the background
  --server-id X    runs that server, as a part of the cluster
  --operators P    lets operators in there, with neither `start` nor a master: a port of this machine, or HOST:PORT
  --env E          the environment; else POMELO_ENV, or development
  --help           prints this";

/// What the program is to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// Run every server of servers.json in this process.
    Embedded {
        /// The environment, if it was said.
        env: Option<String>,
        /// What was said of the first of them, as keys of servers.json.
        settings: Map<String, Value>,
    },
    /// Run one server, as a part of a cluster.
    Server {
        /// The environment, if it was said.
        env: Option<String>,
        /// Which one.
        id: ServerId,
        /// What it is, if servers.json doesn't have it.
        info: Option<Arc<ServerInfo>>,
        /// What was said of it, as keys of servers.json.
        settings: Map<String, Value>,
    },
    /// Run a master, which starts a process per server.
    Start {
        /// The environment, if it was said.
        env: Option<String>,
        /// Only these servers.
        only: Only,
        /// In the background.
        daemon: bool,
    },
    /// Print this text.
    Help(String),
}

/// What was said so far.
#[derive(Default)]
struct Said {
    start: bool,
    env: Option<String>,
    server_type: Option<String>,
    id: Option<String>,
    daemon: bool,
    server_id: Option<ServerId>,
    info: Option<Arc<ServerInfo>>,
    settings: Map<String, Value>,
}

/// Reads arguments, without the program's name.
///
/// # Errors
/// Names what is not understood. Behind `--server-id` only what we know is read: the rest is the `args` of the server's
/// entry, and so the application's.
pub(super) fn parse(args: Vec<OsString>) -> Result<Command> {
    let mut parser = Parser::from_args(args);
    let mut said = Said::default();
    while let Some(arg) = parser.next().map_err(wrong)? {
        let arg = match arg {
            Arg::Long(name) => format!("--{name}"),
            Arg::Short(name) => format!("-{name}"),
            Arg::Value(value) => value.string().map_err(wrong)?,
        };
        if arg == "--help" || arg == "-h" {
            return Ok(Command::Help(HELP.into()));
        }
        if !said.take(&arg, &mut parser)? && said.server_id.is_none() {
            return Err(wrong(format_args!("unexpected argument `{arg}`")));
        }
    }
    said.command()
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::of(ErrorKind::Config, format_args!("{error}; --help says what there is"))
}

impl Said {
    /// Takes an argument, if it is one of ours.
    fn take(&mut self, arg: &str, parser: &mut Parser) -> Result<bool> {
        let mut text = || parser.value().and_then(|value| value.string()).map_err(wrong);
        match arg {
            "start" => self.start = true,
            "--env" => self.env = Some(text()?),
            "--type" => self.server_type = Some(text()?),
            "--id" => self.id = Some(text()?),
            "--daemon" => self.daemon = true,
            "--server-id" => self.server_id = Some(text()?.into()),
            "--server-info" => {
                let info = serde_json::from_str(&text()?);
                self.info = Some(info.map_err(|error| wrong(format_args!("--server-info: {error}")))?);
            }
            "--operators" => self.settings = operator_port(&text()?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn command(self) -> Result<Command> {
        let Self { start, env, server_type, id, daemon, server_id, info, settings } = self;
        match (start, server_id) {
            (true, None) if !settings.is_empty() => {
                Err(wrong("operators come in at the master that `start` runs; --operators is for servers"))
            }
            (true, None) => {
                let only = match (server_type, id) {
                    (_, Some(id)) => Only::Id(id),
                    (Some(server_type), None) => Only::Type(server_type),
                    (None, None) => Only::Every,
                };
                Ok(Command::Start { env, only, daemon })
            }
            (true, Some(_)) => Err(wrong("`start` runs a master, --server-id a server: not both")),
            (false, Some(id)) => Ok(Command::Server { env, id, info, settings }),
            (false, None) if server_type.is_some() || id.is_some() || daemon => {
                Err(wrong("--type, --id and --daemon go with `start`"))
            }
            (false, None) => Ok(Command::Embedded { env, settings }),
        }
    }
}

/// Where operators are let in, as keys of servers.json: a port, or a host and a port.
fn operator_port(text: &str) -> Result<Map<String, Value>> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (Some(host), port),
        None => (None, text),
    };
    let wrong_port = || wrong(format_args!("--operators: found `{text}`, expected a port or HOST:PORT"));
    let port: u16 = port.parse().map_err(|_| wrong_port())?;
    let mut settings = Map::from_iter([("operatorPort".to_owned(), port.into())]);
    if let Some(host) = host {
        let host = host::bare(host).map_err(|_| wrong_port())?;
        settings.insert("operatorHost".to_owned(), host.into());
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_command_is_read() {
        let none = Map::new;
        assert_eq!(read(""), Ok(Command::Embedded { env: None, settings: none() }));
        let env = Some("production".into());
        assert_eq!(read("--env=production"), Ok(Command::Embedded { env, settings: none() }));
        let start = Command::Start { env: Some("e".into()), only: Only::Type("chat".into()), daemon: true };
        assert_eq!(read("start --env e --type chat --daemon"), Ok(start));
        let server = Command::Server { env: None, id: "chat-1".into(), info: None, settings: none() };
        assert_eq!(read("--server-id chat-1 --the-apps own"), Ok(server));
        assert!(matches!(read("start --help"), Ok(Command::Help(_))));
    }

    #[test]
    fn a_server_that_was_added_brings_its_entry() {
        let Ok(Command::Server { info: Some(info), .. }) =
            read(r#"--server-id chat-4 --server-info {"id":"chat-4","serverType":"chat","port":6053}"#)
        else {
            panic!("a server with its entry");
        };
        assert_eq!((&*info.server_type, info.port), ("chat", Some(6053)));
    }

    #[test]
    fn operators_are_let_in_at_a_port_of_this_machine_or_of_another_address() {
        for (line, host) in [
            ("--operators 3006", None),
            ("--server-id chat-1 --operators=10.0.0.7:3006", Some("10.0.0.7")),
            ("--operators [::1]:3006", Some("::1")),
        ] {
            let settings = match read(line) {
                Ok(Command::Embedded { settings, .. } | Command::Server { settings, .. }) => settings,
                other => panic!("{other:?}"),
            };
            let found = (settings.get("operatorPort"), settings.get("operatorHost").and_then(Value::as_str));
            assert_eq!(found, (Some(&3006.into()), host), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, want) in [
            ("strat", "`strat`"),
            ("--dameon", "--dameon"),
            ("start --id", "--id"),
            ("--daemon", "go with `start`"),
            ("start --server-id a", "not both"),
            ("--operators here", "--operators"),
            ("--operators 3006:", "--operators"),
            ("start --operators 3006", "the master"),
            ("--server-id a --server-info {", "--server-info"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(want), "{line}: {error}");
        }
    }
}
