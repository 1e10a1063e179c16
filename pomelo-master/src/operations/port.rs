//! A server's port for operators: where it listens, and what keeps it from that.

use pomelo_core::value::config::Config;
use pomelo_core::value::host::with_port;
use pomelo_core::value::{Error, ErrorKind, Result, ServerId, ServerInfo};
use pomelo_net::address::{Interface, Listener, is_loopback};

use crate::config::Users;

/// Where a server listens for operators: `operatorPort` and `operatorHost` of its entry, or `--operators`.
pub(super) struct OperatorPort<'a> {
    /// This machine alone, unless the entry names another.
    host: &'a str,
    /// 0 is any free port.
    port: u16,
}

/// Checks that operators may come in where servers listen for them, before any server starts.
///
/// # Errors
/// If adminUser.json is wrong, or a port would be open to others where nobody may come in: which.
pub(crate) fn check(config: &Config) -> Result<()> {
    let mut ports = config.servers.iter().filter_map(|info| Some((info, OperatorPort::of(info)?))).peekable();
    if ports.peek().is_none() {
        return Ok(());
    }
    let users = Users::read(config)?;
    ports.try_for_each(|(info, port)| port.check(&info.id, &users, config))
}

impl<'a> OperatorPort<'a> {
    /// None if it has none.
    pub(super) fn of(info: &'a ServerInfo) -> Option<Self> {
        Some(Self { host: info.operator_host(), port: info.operator_port()? })
    }

    /// Whether operators may come in there: beyond this machine it takes an account that everybody doesn't know.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn check(&self, server: &ServerId, users: &Users, config: &Config) -> Result<()> {
        if is_loopback(self.host) || users.may_any_come_from_afar() {
            return Ok(());
        }
        let (host, file) = (self.host, config.path(Users::FILE));
        let why = match users.is_default() {
            true => format!("there is no {file}"),
            false => format!("in {file} the password of each user is the user's name"),
        };
        let why = format_args!(
            "{server} can't listen for operators on {host}, which is beyond this machine: {why}. Name a user there with a password \
             of its own, or let operatorHost be 127.0.0.1"
        );
        Err(Error::of(ErrorKind::Config, why))
    }

    /// Listens.
    ///
    /// # Errors
    /// If it can't: the server and the address.
    pub(super) async fn bind(&self, server: &ServerId) -> Result<Listener> {
        let interface = if self.host == "::" { Interface::Every } else { Interface::Of(self.host) };
        Listener::bind(interface, self.port, |_| Ok(())).await.map_err(|error| {
            let address = with_port(self.host, self.port);
            Error::from(error)
                .context(format_args!("{server} can't listen for operators on {address} (operatorPort)"))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::temp_dir::TempDir;

    fn config(dir: &TempDir, host: Option<&str>) -> Config {
        let info = json!({ "id": "chat-1", "operatorPort": 3006, "operatorHost": host });
        let info = serde_json::from_value(info).unwrap();
        Config {
            env: "development".into(),
            dir: Some(dir.path().into()),
            servers: vec![Arc::new(info)],
            ..Config::default()
        }
    }

    #[test]
    fn beyond_this_machine_it_takes_a_user_whose_password_is_no_name() {
        let dir = TempDir::new();
        let error = check(&config(&dir, Some("0.0.0.0"))).unwrap_err().to_string();
        for part in ["chat-1", "0.0.0.0", "there is no ", "adminUser.json", "127.0.0.1"] {
            assert!(error.contains(part), "{error}");
        }
        for host in [None, Some("127.0.0.1"), Some("localhost"), Some("::1")] {
            check(&config(&dir, host)).unwrap();
        }
        dir.write("adminUser.json", r#"[{"username":"admin","password":"admin","level":1}]"#);
        let error = check(&config(&dir, Some("10.0.0.7"))).unwrap_err().to_string();
        assert!(error.contains("the password of each user is the user's name"), "{error}");
        dir.write("adminUser.json", r#"[{"username":"admin","password":"open sesame","level":1}]"#);
        check(&config(&dir, Some("10.0.0.7"))).unwrap();
    }

    #[test]
    fn accounts_are_read_only_where_a_server_has_such_a_port() {
        let dir = TempDir::new();
        dir.write("adminUser.json", "{");
        let mut config = config(&dir, None);
        assert!(check(&config).is_err());
        Arc::make_mut(&mut config.servers[0]).settings.remove("operatorPort");
        check(&config).unwrap();
    }
}
