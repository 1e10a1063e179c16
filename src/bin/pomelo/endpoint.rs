//! The server that `--to` names: where it lets operators in.

use std::fmt;
use std::str::FromStr;

use pomelo::ext::transport::host;

/// `host:port` of a server that lets operators in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Without brackets.
    host: String,
    port: u16,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = || format!("`{text}` isn't like HOST:PORT");
        let (host, port) = text.rsplit_once(':').ok_or_else(found)?;
        let port = port.parse().map_err(|_| found())?;
        // Brackets are what tells an IPv6 address from its port.
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        match host::bare(host) {
            Ok(host) if !is_bare_ipv6 => Ok(Self { host: host.to_owned(), port }),
            _ => Err(found()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&host::with_port(&self.host, self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_host_and_a_port() {
        for text in ["127.0.0.1:3006", "chat-1.game:3006", "[::1]:3006"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for text in ["3006", "chat-1", "chat-1:many", "::1:3006", ":3006", "chat-1:70000"] {
            assert_eq!(text.parse::<Endpoint>(), Err(format!("`{text}` isn't like HOST:PORT")));
        }
    }
}
