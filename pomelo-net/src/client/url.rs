//! Server URLs: `ws://host:port/path` and `tcp://host:port`, parsed once.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use tokio_tungstenite::tungstenite::http::Uri;

use crate::protocol::outgoing::Framing;

/// Why a text is no URL of a server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It can't be parsed, or has no host.
    #[error("{url:?} is no URL, such as ws://127.0.0.1:3010 or tcp://127.0.0.1:3010")]
    Malformed {
        /// The text.
        url: String,
    },
    /// Its scheme is none of `ws`, `wss`, `tcp` and `tls`.
    #[error("{url:?} begins with none of ws://, wss://, tcp:// and tls://")]
    Scheme {
        /// The text.
        url: String,
    },
    /// It has no port, and its scheme no default.
    #[error("{url:?} has no port")]
    Port {
        /// The text.
        url: String,
    },
}

/// Where a server listens, and what is spoken there.
///
/// | scheme | packages travel | default port |
/// |---|---|---|
/// | `ws` | in websocket messages | 80 |
/// | `wss` | the same, over TLS | 443 |
/// | `tcp` | one after the other | none |
/// | `tls` | the same, over TLS | none |
///
/// ```
/// use pomelo_net::client::ServerUrl;
///
/// let url: ServerUrl = "ws://[::1]:3010/game".parse()?;
/// assert_eq!((url.host(), url.port(), url.is_secure()), ("::1", 3010, false));
/// assert!("127.0.0.1:3010".parse::<ServerUrl>().is_err());
/// # Ok::<(), pomelo_net::client::UrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    framing: Framing,
    secure: bool,
    /// A name or an address, without the brackets of IPv6.
    host: String,
    port: u16,
    /// With the query; `/` if there is none.
    path: String,
}

impl ServerUrl {
    /// The name or address, without the brackets of IPv6.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether its [`Dial`](super::Dial) must do TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// How packages travel.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The path that a websocket asks for, with its query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same kind of URL, for another server: what a gate answers.
    #[must_use]
    pub fn at(&self, host: &str, port: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self { host, port, ..self.clone() }
    }

    /// `host:port`, with brackets around IPv6.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    fn scheme(&self) -> &'static str {
        match (self.framing, self.secure) {
            (Framing::WebSocket, false) => "ws",
            (Framing::WebSocket, true) => "wss",
            (Framing::Tcp, false) => "tcp",
            (Framing::Tcp, true) => "tls",
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)
    }
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let text = || url.to_owned();
        let uri: Uri = url.parse().map_err(|_| UrlError::Malformed { url: text() })?;
        let (framing, secure, default_port) = match uri.scheme_str() {
            Some("ws") => (Framing::WebSocket, false, Some(80)),
            Some("wss") => (Framing::WebSocket, true, Some(443)),
            Some("tcp") => (Framing::Tcp, false, None),
            Some("tls") => (Framing::Tcp, true, None),
            Some(_) => return Err(UrlError::Scheme { url: text() }),
            None => return Err(UrlError::Malformed { url: text() }),
        };
        let (authority, host) = (uri.authority().map_or("", |authority| authority.as_str()), uri.host());
        // A name or a port that is none, or a user, whom no server asks for.
        let after = host.filter(|host| !host.is_empty()).and_then(|host| authority.strip_prefix(host));
        let is_whole = after.is_some_and(|after| after.is_empty() || uri.port_u16().is_some());
        let host = host.filter(|_| is_whole).ok_or_else(|| UrlError::Malformed { url: text() })?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().or(default_port).ok_or_else(|| UrlError::Port { url: text() })?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { framing, secure, host, port, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn is_written_as_it_was_read() {
        for text in ["ws://127.0.0.1:3010/", "wss://a.example:443/x?y=1", "tcp://[::1]:3010/", "tls://a:1/"] {
            assert_eq!(url(text).to_string(), text);
        }
        assert_eq!(url("ws://a").to_string(), "ws://a:80/");
    }

    #[test]
    fn refuses_what_names_no_server() {
        for (text, expected) in [
            ("", "is no URL"),
            ("127.0.0.1:3010", "is no URL"),
            ("/game", "is no URL"),
            ("http://a:1", "begins with none"),
            ("tcp://a", "has no port"),
            ("ws://a:99999", "is no URL"),
            ("ws://a:", "is no URL"),
            ("ws://:1", "is no URL"),
            ("ws://user@a:1", "is no URL"),
        ] {
            let refused = text.parse::<ServerUrl>().unwrap_err().to_string();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
    }

    #[test]
    fn a_gate_names_hosts_with_brackets_or_without() {
        for host in ["::1", "[::1]"] {
            assert_eq!(url("ws://a:1/p").at(host, 2).to_string(), "ws://[::1]:2/p");
        }
    }
}
