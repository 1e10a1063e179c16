//! The grammar of the command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::endpoint::Endpoint;
use crate::operator::Operator;

/// Makes, starts and operates pomelo applications.
#[derive(Debug, Parser)]
#[command(name = "pomelo", version, disable_help_flag = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Speak to this server in place of a master: where it lets operators in (`operatorPort` in servers.json, or `--operators`).
    /// It asks the others. Users and passwords are those of its adminUser.json.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub to: Option<Endpoint>,
    /// Print help. (`-h` is the master's host.)
    #[arg(long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
}

/// The commands, under pomelo's names.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new project.
    Init(Init),
    /// Start the application: a master, and one process per server. With --id or --type beside a master that runs, that one
    /// starts them.
    Start(Start),
    /// Show the application's servers: which are up, and what is wrong with the others. Ends with 1 if one is unreachable, partly
    /// linked or lost, or has failed.
    List {
        /// Which master.
        #[command(flatten)]
        operator: Operator,
    },
    /// Show what one server is doing: sessions, channels, requests by route, what was dropped, links. Ends with 1 if a link is
    /// missing.
    Show {
        /// The server's id.
        id: String,
        /// Which master.
        #[command(flatten)]
        operator: Operator,
    },
    /// Stop servers in order and for good: they leave the list, and their ids are free; without ids the whole application,
    /// the master last.
    Stop {
        /// Their ids.
        ids: Vec<String>,
        /// Taken as pomelo's scripts have it. It changes nothing: what doesn't stop in time is always ended by force.
        #[arg(short, long)]
        force: bool,
        /// Which master.
        #[command(flatten)]
        operator: Operator,
    },
    /// As stop, but end by force what doesn't go within 2 s; without ids all servers and the master at once.
    Kill {
        /// Their ids.
        ids: Vec<String>,
        /// Taken as pomelo's scripts have it. It changes nothing: what doesn't go is always ended by force, and
        /// processes of others never are.
        #[arg(short, long)]
        force: bool,
        /// Which master.
        #[command(flatten)]
        operator: Operator,
    },
    /// Restart servers, one after the other; without ids or a type all but the master. With --to each drains and ends, and whoever
    /// supervises its process starts it again.
    Restart(Restart),
    /// Add servers to the running application: id, serverType, host and port, or clusterCount in place of the id.
    ///
    /// What that moves is up to the router of the type. One that takes a hash modulo the number of servers, as the default does, and
    /// `pick`, sends nearly every key to another server: of N servers, one key in N + 1 stays. With ConsistentHash a new server takes
    /// 1/(N + 1) of the keys, and all others stay: types that hold state, such as rooms, use that, or a fixed number of servers.
    Add {
        /// What an entry of servers.json says, and its type: `id=chat-2 serverType=chat host=127.0.0.1 port=6051`.
        #[arg(value_name = "KEY=VALUE", required = true)]
        entry: Vec<String>,
        /// Which master.
        #[command(flatten)]
        operator: Operator,
    },
    /// Show the end of a server's log.
    Log {
        /// The server's id.
        id: String,
        /// How many lines.
        #[arg(short = 'n', long, default_value_t = 100)]
        lines: usize,
        /// Which master.
        #[command(flatten)]
        operator: Operator,
    },
    /// Ask servers what an admin module of theirs says; without ids or a type all that have it. Ends with 1 if one doesn't answer.
    Ask(Ask),
    /// Print the version.
    Version,
    /// pomelo's masters in reserve, which aren't needed here: says why, and what to do instead.
    #[command(hide = true)]
    Masterha {
        /// As pomelo has it.
        #[arg(short, long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

/// What `init` is told.
#[derive(Debug, Args)]
pub struct Init {
    /// The project's directory.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Who the clients are; asked on a terminal, else `both`.
    #[arg(long, value_enum)]
    pub connector: Option<Clients>,
    /// The name of the game server's package; by default the directory's.
    #[arg(long)]
    pub name: Option<String>,
    /// Write into a directory that isn't empty; its files of the same names are replaced.
    #[arg(long)]
    pub force: bool,
    /// The directory of pomelo-rs that the project is to depend on; by default the one this tool was built from, or
    /// the version of this tool if that was no checkout.
    #[arg(long, value_name = "DIR", group = "source")]
    pub pomelo_path: Option<PathBuf>,
    /// Depend on pomelo-rs in this git repository.
    #[arg(long, value_name = "URL", group = "source")]
    pub pomelo_git: Option<String>,
    /// Depend on this published version of pomelo-rs.
    #[arg(long, value_name = "VERSION", group = "source")]
    pub pomelo_version: Option<String>,
}

/// Who connects to a new project. The connector is the same: it serves websocket and raw TCP on one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Clients {
    /// Browsers: a page to try the server from is made too.
    Ws,
    /// Raw TCP clients such as Unity's: no page.
    Tcp,
    /// Either: as `ws`.
    Both,
}

/// What `start` is told.
#[derive(Debug, Args)]
pub struct Start {
    /// The environment; by default the application's own choice: POMELO_ENV, or development.
    #[arg(short, long, value_name = "ENV")]
    pub env: Option<String>,
    /// The environment, as `pomelo start production` has it.
    #[arg(value_name = "ENV", conflicts_with = "env")]
    pub environment: Option<String>,
    /// Go on in the background, once the servers are up.
    #[arg(short = 'D', long)]
    pub daemon: bool,
    /// The application's directory, in which it runs.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Start only the servers of this type.
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub server_type: Option<String>,
    /// Start only this server.
    #[arg(short, long, value_name = "ID", conflicts_with = "server_type")]
    pub id: Option<String>,
    /// The application's binary, if it isn't where cargo leaves it.
    #[arg(long, value_name = "PATH")]
    pub bin: Option<PathBuf>,
}

/// What `restart` is told.
#[derive(Debug, Args)]
pub struct Restart {
    /// Their ids.
    pub ids: Vec<String>,
    /// All servers of this type.
    #[arg(short = 't', long = "type", value_name = "TYPE", conflicts_with_all = ["ids", "id"])]
    pub server_type: Option<String>,
    /// An id, as pomelo has it.
    #[arg(short, long, value_name = "ID", conflicts_with = "ids")]
    pub id: Option<String>,
    /// Which master.
    #[command(flatten)]
    pub operator: Operator,
}

/// What `ask` is told.
#[derive(Debug, Args)]
pub struct Ask {
    /// The module: `identity`, `status`, `log` and those of the application.
    pub module: String,
    /// The servers' ids.
    pub ids: Vec<String>,
    /// All servers of this type.
    #[arg(short = 't', long = "type", value_name = "TYPE", conflicts_with = "ids")]
    pub server_type: Option<String>,
    /// What the module is told, as JSON.
    #[arg(short, long, value_name = "JSON")]
    pub body: Option<String>,
    /// How many seconds each server has.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub timeout: u64,
    /// Which master.
    #[command(flatten)]
    pub operator: Operator,
}

impl Command {
    /// As whom and at which master it speaks, if it does.
    pub fn operator_mut(&mut self) -> Option<&mut Operator> {
        match self {
            Self::List { operator }
            | Self::Show { operator, .. }
            | Self::Stop { operator, .. }
            | Self::Kill { operator, .. }
            | Self::Add { operator, .. }
            | Self::Log { operator, .. } => Some(operator),
            Self::Restart(restart) => Some(&mut restart.operator),
            Self::Ask(ask) => Some(&mut ask.operator),
            Self::Init(_) | Self::Start(_) | Self::Version | Self::Masterha { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.command)
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn start_has_pomelos_flags() {
        let Ok(Command::Start(start)) = parse("pomelo start -e production -D -d app -t chat") else {
            panic!()
        };
        assert_eq!(start.env.as_deref(), Some("production"));
        assert!(start.daemon);
        assert_eq!(start.directory, PathBuf::from("app"));
        assert_eq!(start.server_type.as_deref(), Some("chat"));
        let Ok(Command::Start(start)) = parse("pomelo start -i chat-1") else { panic!() };
        assert_eq!((start.id.as_deref(), start.env), (Some("chat-1"), None));
        assert_eq!(parse("pomelo start -i a -t b").unwrap_err().kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn h_is_the_host_and_help_is_help() {
        let Ok(Command::List { operator }) = parse("pomelo list -h 10.0.0.7 -P 4000 -u ann --json") else {
            panic!()
        };
        assert_eq!((operator.host.as_deref(), operator.port), (Some("10.0.0.7"), Some(4000)));
        assert!(operator.json);
        for line in ["pomelo --help", "pomelo list --help"] {
            assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::DisplayHelp, "{line}");
        }
        assert_eq!(parse("pomelo -h").unwrap_err().kind(), ErrorKind::UnknownArgument);
    }

    #[test]
    fn a_server_to_speak_to_is_named_before_the_command_or_behind_it() {
        for line in ["pomelo --to 10.0.0.7:3006 list", "pomelo list --to 10.0.0.7:3006"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.to.map(|to| to.to_string()).as_deref(), Some("10.0.0.7:3006"), "{line}");
        }
        assert_eq!(parse("pomelo --to 3006 list").unwrap_err().kind(), ErrorKind::ValueValidation);
    }

    #[test]
    fn ask_takes_ids_or_a_type() {
        let Ok(Command::Ask(ask)) = parse("pomelo ask online chat-1 chat-2 -b [1] --timeout 9") else {
            panic!()
        };
        assert_eq!(
            (&*ask.module, ask.ids.len(), ask.body.as_deref(), ask.timeout),
            ("online", 2, Some("[1]"), 9)
        );
        assert_eq!(parse("pomelo ask online a -t chat").unwrap_err().kind(), ErrorKind::ArgumentConflict);
        assert_eq!(parse("pomelo ask").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn restart_takes_ids_or_a_type() {
        let Ok(Command::Restart(restart)) = parse("pomelo restart a b") else { panic!() };
        assert_eq!(restart.ids, ["a", "b"]);
        let Ok(Command::Restart(restart)) = parse("pomelo restart --type chat") else { panic!() };
        assert_eq!(restart.server_type.as_deref(), Some("chat"));
        assert_eq!(parse("pomelo restart a -t chat").unwrap_err().kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn what_is_missing_or_unknown_is_a_usage_error() {
        for line in
            ["pomelo show", "pomelo add", "pomelo lsit", "pomelo log a -n many", "pomelo list -P 70000"]
        {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
