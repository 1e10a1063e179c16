//! `pomelo start`.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use crate::cli::Start;
use crate::failure::Failure;
use crate::locate::Application;
use crate::output::Done;

/// Runs the application's binary in its directory.
pub fn run(start: &Start) -> Result<Done, Failure> {
    let application = Application::find(&start.directory, start.bin.as_deref())?;
    let mut command = Command::new(&application.binary);
    command.args(arguments(start)).current_dir(&application.directory);
    let ok = hand_over(&mut command)
        .map_err(|error| Failure::Run { binary: application.binary.clone(), error })?;
    Ok(Done { text: String::new(), ok })
}

/// What the binary is told.
fn arguments(start: &Start) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["start".into()];
    let env = start.env.as_ref().or(start.environment.as_ref());
    for (flag, value) in [("--env", env), ("--type", start.server_type.as_ref()), ("--id", start.id.as_ref())]
    {
        if let Some(value) = value {
            arguments.extend([flag.into(), value.into()]);
        }
    }
    if start.daemon {
        arguments.push("--daemon".into());
    }
    arguments
}

/// The application takes this process over, so that signals reach it and not a mere parent of it.
#[cfg(unix)]
fn hand_over(command: &mut Command) -> io::Result<bool> {
    use std::os::unix::process::CommandExt;

    Err(command.exec())
}

#[cfg(not(unix))]
fn hand_over(command: &mut Command) -> io::Result<bool> {
    Ok(command.status()?.success())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn the_application_is_told_what_we_are() {
        for (line, wanted) in [
            ("pomelo start", "start"),
            ("pomelo start production", "start --env production"),
            ("pomelo start development --daemon", "start --env development --daemon"),
            ("pomelo start -e production -D -t chat", "start --env production --type chat --daemon"),
            ("pomelo start -i chat-1", "start --id chat-1"),
        ] {
            let Command::Start(start) = Cli::parse_from(line.split(' ')).command else { panic!() };
            let told: Vec<_> = arguments(&start).into_iter().map(|a| a.into_string().unwrap()).collect();
            assert_eq!(told.join(" "), wanted);
        }
    }
}
