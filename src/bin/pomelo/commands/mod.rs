//! The commands, one function each.

mod add;
mod ask;
mod list;
mod log;
mod outcomes;
mod show;
mod start;

use std::fmt::Write;

use serde::Serialize;
use tokio::runtime;

use crate::admin::AdminError;
use crate::cli::{Cli, Command, Restart};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::init;
use crate::operator::Operator;
use crate::output::Done;
use outcomes::Change;

/// Does what the command line says.
///
/// # Errors
/// See [`Failure`].
pub fn run(cli: Cli) -> Result<Done, Failure> {
    let Cli { mut command, to, .. } = cli;
    if let Some(to) = to {
        speak_to_server(&mut command, to)?;
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::System)?;
    runtime.block_on(dispatch(command))
}

/// Has a command speak to a server in place of a master.
fn speak_to_server(command: &mut Command, to: Endpoint) -> Result<(), Failure> {
    let is_start = matches!(command, Command::Start(_));
    match command.operator_mut() {
        Some(operator) => operator.set_server(to),
        None if is_start => {
            let (what, instead) = ("start servers".to_owned(), START_TO.to_owned());
            Err(Failure::Server { to, error: AdminError::Masterless { what, instead } })
        }
        None => Err(Failure::Usage("--to goes with commands that speak to a running application".into())),
    }
}

/// What there is in place of a start by a server.
const START_TO: &str = "\
Whatever supervises the processes starts them, such as systemd or Kubernetes: each runs the application with `--server-id ID`, and
joins the others by itself. `pomelo start` without --to starts a master.";

/// What there is in place of masters in reserve.
const MASTERHA: &str = "\
Servers go on when the master dies: they keep the list that they have, see each other by their links, and register with the next
master. So let whatever watches your services start it again (systemd: `ExecStart=pomelo start -e production` with
`Restart=on-failure`), or run `pomelo start` once more: it finds the servers that run, and starts those that are missing.";

async fn dispatch(command: Command) -> Result<Done, Failure> {
    match command {
        Command::Init(init) => init::run(&init),
        Command::Start(start) => start::run(&start),
        Command::List { operator } => list::run(&operator).await,
        Command::Show { id, operator } => show::run(&id, &operator).await,
        Command::Log { id, lines, operator } => log::run(&id, lines, &operator).await,
        Command::Ask(ask) => ask::run(&ask).await,
        Command::Version => Ok(format!("pomelo {}\n", env!("CARGO_PKG_VERSION")).into()),
        Command::Masterha { directory: _ } => {
            Err(Failure::NoCounterpart { command: "masterha", instead: MASTERHA })
        }
        Command::Stop { ids, force: _, operator } => outcomes::run(Change::Stop(ids), &operator).await,
        Command::Kill { force: _, ids, operator } => outcomes::run(Change::Kill(ids), &operator).await,
        Command::Restart(Restart { ids, server_type, id, operator }) => {
            let ids = ids.into_iter().chain(id).collect();
            outcomes::run(Change::Restart { ids, server_type }, &operator).await
        }
        Command::Add { entry, operator } => outcomes::run(Change::Add(add::parse(&entry)?), &operator).await,
    }
}

/// JSON, if that was asked for, else what people read.
fn render<T: Serialize + ?Sized>(operator: &Operator, value: &T, text: impl FnOnce() -> String) -> String {
    if !operator.json {
        return text();
    }
    let mut json = serde_json::to_string_pretty(value).expect("what the master says is JSON");
    let _ = writeln!(json);
    json
}
