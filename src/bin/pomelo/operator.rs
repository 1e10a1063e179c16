//! The operator's identity, and the address of the master or server to speak to.

use std::cell::OnceCell;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use pomelo::ext::transport::host;

use crate::admin::{Admin, AdminError};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::master::{Master, Said};

/// The master to speak to, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Master")]
pub struct Operator {
    /// The name of a user of adminUser.json.
    #[arg(short, long, alias = "user", default_value = "admin")]
    pub username: String,
    /// The user's password. Others on this machine may see a command line, so better set the variable.
    #[arg(short, long, env = "POMELO_PASSWORD", hide_env_values = true, default_value = "admin")]
    password: Password,
    /// The master's host; by default that of master.json in the project here, or 127.0.0.1.
    #[arg(short = 'h', long, value_parser = host_of)]
    pub host: Option<String>,
    /// The master's port; by default that of master.json in the project here, or 3005.
    #[arg(short = 'P', long)]
    pub port: Option<u16>,
    /// The project's directory, or one below it.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// The environment whose master it is; by default development, or another one that runs on this machine.
    #[arg(short, long, value_name = "ENV", env = "POMELO_ENV")]
    pub env: Option<String>,
    /// The server to speak to in place of a master.
    #[arg(skip)]
    pub to: Option<Endpoint>,
    /// The master that was reached, where it is not the first that was tried.
    #[arg(skip)]
    reached: OnceCell<Master>,
    /// Print JSON, for programs.
    #[arg(long, help_heading = None)]
    pub json: bool,
}

impl Operator {
    /// Speaks to a server in place of a master.
    ///
    /// # Errors
    /// If a master is named, too.
    pub fn set_server(&mut self, to: Endpoint) -> Result<(), Failure> {
        if self.host.is_some() || self.port.is_some() {
            return Err(Failure::Usage("--to names a server, -h and -P name a master: not both".into()));
        }
        self.to = Some(to);
        Ok(())
    }

    /// Connects, and logs in.
    ///
    /// # Errors
    /// If the master can't be reached, or refuses; if master.json is needed and wrong.
    pub async fn connect(&self) -> Result<Admin, Failure> {
        if let Some(to) = &self.to {
            let entered = Admin::connect(&to.to_string(), &self.username, &self.password.0).await;
            return entered.map_err(|error| self.failed(error));
        }
        let (first, others) = self.masters()?;
        let unreachable = match self.enter(&first).await {
            Err(error @ AdminError::Unreachable { .. }) => error,
            entered => return entered.map_err(|error| Failure::Admin { master: Box::new(first), error }),
        };
        for other in others {
            match self.enter(&other).await {
                Err(AdminError::Unreachable { .. }) => {}
                entered => {
                    self.reached.get_or_init(|| other.clone());
                    return entered.map_err(|error| Failure::Admin { master: Box::new(other), error });
                }
            }
        }
        Err(Failure::Admin { master: Box::new(first), error: unreachable })
    }

    async fn enter(&self, master: &Master) -> Result<Admin, AdminError> {
        Admin::connect(&master.address(), &self.username, &self.password.0).await
    }

    fn masters(&self) -> Result<(Master, Vec<Master>), Failure> {
        let Self { directory, env, host, port, .. } = self;
        Ok(Master::find(directory, Said { env: env.as_deref(), host: host.as_deref(), port: *port })?)
    }

    /// The failure of a request to this master, or server.
    pub fn failed(&self, error: AdminError) -> Failure {
        if let Some(to) = &self.to {
            return Failure::Server { to: to.clone(), error };
        }
        match self.reached.get().cloned().map_or_else(|| self.masters().map(|(first, _)| first), Ok) {
            Ok(master) => Failure::Admin { master: Box::new(master), error },
            Err(failure) => failure,
        }
    }
}

/// A host, an IPv6 address with brackets or without.
fn host_of(text: &str) -> Result<String, host::InvalidHost> {
    host::bare(text).map(str::to_owned)
}

/// A password, which isn't for printing.
#[derive(Clone)]
struct Password(String);

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(disable_help_flag = true)]
    struct Line {
        #[command(flatten)]
        operator: Operator,
    }

    /// Of the master, as where there is no project.
    fn address(line: &Line) -> String {
        let (nowhere, Operator { host, port, .. }) = (std::path::Path::new("/"), &line.operator);
        Master::find(nowhere, Said { env: None, host: host.as_deref(), port: *port }).unwrap().0.address()
    }

    #[test]
    fn the_password_is_not_in_what_is_printed() {
        let line = Line::try_parse_from(["pomelo", "-p", "open-sesame"]).unwrap();
        assert_eq!(line.operator.password.0, "open-sesame");
        assert!(!format!("{line:?}").contains("open-sesame"));
    }

    #[test]
    fn the_defaults_are_pomelos() {
        let line = Line::try_parse_from(["pomelo"]).unwrap();
        assert_eq!((&*line.operator.username, address(&line)), ("admin", "127.0.0.1:3005".to_owned()));
    }

    #[test]
    fn an_ipv6_host_is_bracketed() {
        for host in ["::1", "[::1]"] {
            let line = Line::try_parse_from(["pomelo", "-h", host]).unwrap();
            assert_eq!(address(&line), "[::1]:3005");
        }
        assert!(Line::try_parse_from(["pomelo", "-h", "10.0.0.7:3005"]).is_err());
    }
}
