//! Reading the command line of an application's program, and the variables that stand for a part of it.

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
  --type T --id X  runs that server, which joins the cluster by starting: servers.json may have it or not, and may be missing
    --host H         what the others reach it by: an address or a name of this machine, such as a container's
    --port P         where it listens for other servers
    --client-host H  what clients reach it by, if that is something else
    --client-port P  where it listens for clients, which makes it a frontend
                   each may be a variable: POMELO_TYPE, POMELO_ID, POMELO_HOST, POMELO_PORT, POMELO_CLIENT_HOST, POMELO_CLIENT_PORT
  --env E          the environment; else POMELO_ENV, or development
  --help           prints this";

/// What may be said of a server that joins: the argument, the variable, and the key of an entry of servers.json.
const JOINING: [(&str, &str, &str); 6] = [
    ("--type", "POMELO_TYPE", "serverType"),
    ("--id", "POMELO_ID", "id"),
    ("--host", "POMELO_HOST", "host"),
    ("--port", "POMELO_PORT", "port"),
    ("--client-host", "POMELO_CLIENT_HOST", "clientHost"),
    ("--client-port", "POMELO_CLIENT_PORT", "clientPort"),
];

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
    /// Run one server, which joins a cluster.
    Join {
        /// The environment, if it was said.
        env: Option<String>,
        /// What was said of it, as an entry of servers.json.
        entry: Map<String, Value>,
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
    /// What may be said of a server that joins, by its key in servers.json.
    entry: Map<String, Value>,
    daemon: bool,
    server_id: Option<ServerId>,
    info: Option<Arc<ServerInfo>>,
    settings: Map<String, Value>,
}

/// Reads arguments, without the program's name; `variable` is what the environment has.
///
/// # Errors
/// Names what is not understood. Behind `--server-id` only what we know is read: the rest is the `args` of the server's
/// entry, and so the application's.
pub(super) fn parse(args: Vec<OsString>, variable: impl Fn(&str) -> Option<String>) -> Result<Command> {
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
    said.command(variable)
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
            "--daemon" => self.daemon = true,
            "--server-id" => self.server_id = Some(text()?.into()),
            "--server-info" => {
                let info = serde_json::from_str(&text()?);
                self.info = Some(info.map_err(|error| wrong(format_args!("--server-info: {error}")))?);
            }
            "--operators" => self.settings = operator_port(&text()?)?,
            _ => match JOINING.iter().find(|(argument, ..)| *argument == arg) {
                // The application's own, which a server that is listed gets.
                None => return Ok(false),
                Some(_) if self.server_id.is_some() => return Ok(false),
                Some((_, _, key)) => drop(self.entry.insert((*key).to_owned(), text()?.into())),
            },
        }
        Ok(true)
    }

    fn command(self, variable: impl Fn(&str) -> Option<String>) -> Result<Command> {
        let Self { start, env, mut entry, daemon, server_id, info, settings } = self;
        let takes = |entry: &mut Map<String, Value>, key| match entry.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        match (start, server_id) {
            (true, None) if !settings.is_empty() => {
                Err(wrong("operators come in at the master that `start` runs; --operators is for servers"))
            }
            (true, None) => {
                let only = match (takes(&mut entry, "serverType"), takes(&mut entry, "id")) {
                    (_, Some(id)) => Only::Id(id),
                    (Some(server_type), None) => Only::Type(server_type),
                    (None, None) => Only::Every,
                };
                match JOINING.iter().find(|(_, _, key)| entry.contains_key(*key)) {
                    Some((argument, ..)) => {
                        Err(wrong(format_args!("{argument} is for one server, not for `start`")))
                    }
                    None => Ok(Command::Start { env, only, daemon }),
                }
            }
            (true, Some(_)) => Err(wrong("`start` runs a master, --server-id a server: not both")),
            (false, Some(id)) => Ok(Command::Server { env, id, info, settings }),
            (false, None) if daemon => Err(wrong("--daemon goes with `start`")),
            (false, None) => {
                for (_, name, key) in JOINING {
                    if let Some(text) = variable(name).filter(|text| !text.is_empty()) {
                        entry.entry(key).or_insert(text.into());
                    }
                }
                match (entry.is_empty(), entry.contains_key("id")) {
                    (true, _) => Ok(Command::Embedded { env, settings }),
                    (false, true) => {
                        entry.extend(settings);
                        Ok(Command::Join { env, entry })
                    }
                    (false, false) => Err(wrong(
                        "a server that joins needs an --id (or POMELO_ID); --type alone goes with `start`",
                    )),
                }
            }
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
    use serde_json::json;

    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        read_with(line, &[])
    }

    fn read_with(line: &str, variables: &[(&str, &str)]) -> Result<Command, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        parse(line.split_whitespace().map(OsString::from).collect(), variable)
            .map_err(|error| error.to_string())
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
    fn a_server_that_joins_is_described_by_arguments_and_variables_and_arguments_go_first() {
        let entry = |value: Value| value.as_object().cloned().unwrap();
        let with_operators = read("--id chat-1 --operators 3006");
        let said = entry(json!({ "id": "chat-1", "operatorPort": 3006 }));
        assert_eq!(with_operators, Ok(Command::Join { env: None, entry: said }));
        let by_arguments = read("--type chat --id chat-7 --host 10.0.0.7 --port 4050 --env e");
        let said = entry(json!({ "serverType": "chat", "id": "chat-7", "host": "10.0.0.7", "port": "4050" }));
        assert_eq!(by_arguments, Ok(Command::Join { env: Some("e".into()), entry: said }));
        let variables = [
            ("POMELO_TYPE", "connector"),
            ("POMELO_ID", "connector-$HOSTNAME"),
            ("POMELO_CLIENT_HOST", "play.example"),
            ("POMELO_CLIENT_PORT", "3050"),
            ("POMELO_PORT", ""),
        ];
        let said = entry(json!({
            "serverType": "connector", "id": "connector-7", "clientHost": "play.example", "clientPort": "3050"
        }));
        assert_eq!(read_with("--id connector-7", &variables), Ok(Command::Join { env: None, entry: said }));
        // What a master starts is what the master says.
        let server = Command::Server { env: None, id: "chat-1".into(), info: None, settings: Map::new() };
        assert_eq!(read_with("--server-id chat-1 --host mine", &variables), Ok(server));
        assert!(matches!(read_with("start", &variables), Ok(Command::Start { only: Only::Every, .. })));
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
            ("--daemon", "goes with `start`"),
            ("--type chat", "needs an --id"),
            ("start --port 4050", "--port is for one server"),
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
