//! The daemon: a master in the background.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use pomelo_core::value::{Error, ErrorKind, Result, ServerInfo};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::admin::Admin;
use crate::children::{Children, is_taken, last_words};
use crate::config::{MasterConfig, Users};
use crate::output::{failures, line, say};
use crate::setup::{MasterSetup, Only};

/// A master that doesn't answer by then will not.
const MASTER_START_TIMEOUT: Duration = Duration::from_secs(30);

/// Starts this program again, on its own, and returns when its servers are up.
pub(crate) async fn start(setup: &MasterSetup, wanted: &[Arc<ServerInfo>]) -> Result<()> {
    let config = MasterConfig::read(&setup.config)?;
    let address = config.address();
    if answers(&config).await {
        let why =
            format!("something listens on {address} already (master.json); is the application running?");
        return Err(Error::of(ErrorKind::Config, why));
    }
    let children = Children::new(setup, &config)?;
    children.check_ports(wanted).await?;
    let logs = children.logs;
    let file = logs.of_master();
    let log = logs.open_file(&file)?;
    let mut command = Command::new(&setup.exe);
    command.args(&setup.args).args(arguments(setup)).current_dir(&setup.base_dir);
    command.env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn()?;
    let deadline = Instant::now() + MASTER_START_TIMEOUT;
    while Instant::now() < deadline {
        if answers(&config).await {
            return servers_start(setup, &config).await;
        }
        if let Ok(Some(status)) = child.try_wait() {
            let why = format!("the master ended ({status}){}", last_words(&file).await);
            return Err(Error::of(ErrorKind::Config, why));
        }
        sleep(Duration::from_millis(100)).await;
    }
    let why = format!(
        "the master doesn't answer on {address} after {MASTER_START_TIMEOUT:?}; its log is {}",
        file.display()
    );
    Err(Error::of(ErrorKind::Deadline, why))
}

/// Waits for the servers, and prints what became of each.
async fn servers_start(setup: &MasterSetup, config: &MasterConfig) -> Result<()> {
    let outcomes = match Users::read(&setup.config)?.any() {
        Some((user, password)) => {
            let admin = Admin::enter(&config.address(), user, password).await?;
            admin.started().await?
        }
        // Then nobody can ask the master anything.
        None => vec![],
    };
    outcomes.iter().for_each(|outcome| say(format_args!("{}", line(outcome))));
    say(format_args!("The application is running in the background now.\n"));
    match failures(&outcomes) {
        None => Ok(()),
        Some(failures) => Err(Error::of(ErrorKind::Config, failures)),
    }
}

async fn answers(config: &MasterConfig) -> bool {
    is_taken(&config.host, config.port).await
}

/// The same command without `--daemon`.
fn arguments(setup: &MasterSetup) -> Vec<String> {
    let mut words = vec!["start".to_owned(), "--env".to_owned(), setup.config.env.clone()];
    match &setup.only {
        Only::Every => {}
        Only::Type(server_type) => words.extend(["--type".to_owned(), server_type.clone()]),
        Only::Id(id) => words.extend(["--id".to_owned(), id.clone()]),
    }
    words
}
