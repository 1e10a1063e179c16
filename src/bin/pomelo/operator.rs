//! Who operates which master.

use std::fmt;

use clap::Args;
use pomelo::core::host;

use crate::admin::Admin;
use crate::failure::Failure;

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
    /// The master's host.
    #[arg(short = 'h', long, default_value = "127.0.0.1", value_parser = host_of)]
    pub host: String,
    /// The master's port.
    #[arg(short = 'P', long, default_value_t = 3005)]
    pub port: u16,
    /// Print JSON, for programs.
    #[arg(long, help_heading = None)]
    pub json: bool,
}

impl Operator {
    /// The master's `host:port`.
    pub fn address(&self) -> String {
        host::with_port(&self.host, self.port)
    }

    /// Connects, and logs in.
    ///
    /// # Errors
    /// If the master can't be reached, or refuses.
    pub async fn connect(&self) -> Result<Admin, Failure> {
        let address = self.address();
        Admin::connect(&address, &self.username, &self.password.0)
            .await
            .map_err(|error| Failure::Admin { address, error })
    }

    /// The failure of a request to this master.
    pub fn failed(&self, error: crate::admin::AdminError) -> Failure {
        Failure::Admin { address: self.address(), error }
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

    #[test]
    fn the_password_is_not_in_what_is_printed() {
        let line = Line::try_parse_from(["pomelo", "-p", "open-sesame"]).unwrap();
        assert_eq!(line.operator.password.0, "open-sesame");
        assert!(!format!("{line:?}").contains("open-sesame"));
    }

    #[test]
    fn the_defaults_are_pomelos() {
        let line = Line::try_parse_from(["pomelo"]).unwrap();
        assert_eq!(
            (&*line.operator.username, line.operator.address()),
            ("admin", "127.0.0.1:3005".to_owned())
        );
    }

    #[test]
    fn an_ipv6_host_is_bracketed() {
        for host in ["::1", "[::1]"] {
            let line = Line::try_parse_from(["pomelo", "-h", host]).unwrap();
            assert_eq!(line.operator.address(), "[::1]:3005");
        }
        assert!(Line::try_parse_from(["pomelo", "-h", "10.0.0.7:3005"]).is_err());
    }
}
