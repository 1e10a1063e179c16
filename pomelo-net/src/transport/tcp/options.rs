//! What can be configured of links.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use crate::cluster::secret::Secret;

/// How servers are linked. In cluster.json the names are camelCase and times are in milliseconds; what is left out is
/// as it is by default.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TcpOptions {
    /// What every server of the cluster knows. None by default: then only links within this machine are made.
    #[serde(deserialize_with = "secret")]
    pub secret: Option<Secret>,
    /// The networks, such as `10.0.0.0/8`, whose addresses may open links here; others are closed unread, with a
    /// warning. Empty by default: all may, if they know the secret.
    pub whitelist: Vec<IpNet>,
    /// How long a link collects what is sent before it writes: pomelo-rpc's `bufferMsg` with its `interval`. Zero by
    /// default: what is sent while a write is under way leaves together in the next one anyhow.
    #[serde(deserialize_with = "millis")]
    pub interval: Duration,
    /// After how long without anything to send a link says that it is there. 1 s.
    #[serde(deserialize_with = "millis")]
    pub keepalive: Duration,
    /// After how long without a word a link counts as broken. 3 s: three keepalives.
    #[serde(deserialize_with = "millis")]
    pub dead_after: Duration,
    /// After how long without a word a server counts as gone, with all its sessions. 5 s: a link that broke can be made
    /// again within that.
    #[serde(deserialize_with = "millis")]
    pub gone_after: Duration,
    /// How long connecting and the handshake may take. 2 s.
    #[serde(deserialize_with = "millis")]
    pub connect_timeout: Duration,
    /// The longest pause between two attempts to connect; the first comes after 50 ms, each later one after about twice
    /// the time. 2 s.
    #[serde(deserialize_with = "millis")]
    pub max_retry: Duration,
    /// How many bytes may wait in a link; more is refused, calls as overloaded and pushes as dropped. 64 MiB: about a
    /// second of a fast network.
    pub queue_limit: usize,
    /// The longest envelope, in bytes, and so the longest argument, result or body. 64 MiB.
    pub max_frame: usize,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            secret: None,
            whitelist: vec![],
            interval: Duration::ZERO,
            keepalive: Duration::from_secs(1),
            dead_after: Duration::from_secs(3),
            gone_after: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            max_retry: Duration::from_secs(2),
            queue_limit: 64 << 20,
            max_frame: 64 << 20,
        }
    }
}

impl TcpOptions {
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.whitelist.is_empty() || self.whitelist.iter().any(|network| network.contains(&address))
    }
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(Secret::new).transpose().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whitelist_admits_its_networks_only() {
        let options: TcpOptions =
            serde_json::from_str(r#"{ "whitelist": ["10.0.0.0/8", "::1/128"], "keepalive": 200 }"#).unwrap();
        assert_eq!(options.keepalive, Duration::from_millis(200));
        for (address, admitted) in [
            ("10.1.2.3", true),
            ("11.0.0.1", false),
            ("::1", true),
            ("::ffff:10.0.0.1", true),
            ("::2", false),
        ] {
            assert_eq!(options.admits(address.parse().unwrap()), admitted, "{address}");
        }
        assert!(TcpOptions::default().admits("11.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_misspelt_is_an_error_that_names_it() {
        let error = serde_json::from_str::<TcpOptions>(r#"{ "whiteList": [] }"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `whiteList`"), "{error}");
        assert!(serde_json::from_str::<TcpOptions>(r#"{ "secret": "" }"#).is_err());
    }
}
