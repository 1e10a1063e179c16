//! The grammar of the command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::operator::Operator;

/// Makes, starts and operates pomelo applications.
#[derive(Debug, Parser)]
#[command(name = "pomelo", version, disable_help_flag = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
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
    /// Restart servers, one after the other; without ids or a type all but the master.
    Restart(Restart),
    /// Add servers to the running application: id, serverType, host and port, or clusterCount in place of the id.
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
