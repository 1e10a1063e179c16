//! Errors: why etcd can't be used with what was configured.

use std::path::PathBuf;

use pomelo_core::value::{Error, ErrorKind};

/// Why a server can't use the etcd that was configured.
///
/// An etcd that is only away is no error: the server starts, or goes on, and the log says what it waits for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EtcdError {
    /// There is no address.
    #[error("there is no address of an etcd server; expected is one or more, such as `http://10.0.0.5:2379`")]
    NoEndpoint,
    /// An address can't be read.
    #[error("`{endpoint}` is no address of an etcd server, such as `http://10.0.0.5:2379`: {problem}")]
    Endpoint {
        /// What was said.
        endpoint: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Keys can't begin with that.
    #[error(
        "`{0}` can't be the prefix of a cluster's keys: expected is a text such as `/game-eu`, of 512 bytes at most"
    )]
    Prefix(String),
    /// An option has a value that can't be meant.
    #[error("the option `{option}` is {found}, {expected}")]
    Option {
        /// Its method of [`Etcd`](crate::Etcd).
        option: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Whoever can reach etcd could say anything of who is in the cluster.
    #[error(
        "the etcd server `{0}` is not on this machine, and neither credentials nor TLS are configured: anybody in between could read \
         and say anything. Use `user`, and an address with `https://`; or say `allow_insecure()` if that network is yours"
    )]
    Insecure(String),
    /// A file of certificates or keys can't be read.
    #[error("the certificate or key in `{}` can't be read", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// etcd is there and does not take this server.
    #[error("etcd at {endpoint} refuses the server")]
    Refused {
        /// Its address.
        endpoint: String,
        /// What it said.
        source: etcd_client::Error,
    },
}

impl EtcdError {
    /// As the framework's error, whose message has the causes and whose sources begin with this.
    pub(crate) fn into_error(self) -> Error {
        let kind = match self {
            Self::Refused { .. } => ErrorKind::Refused,
            _ => ErrorKind::Config,
        };
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(&self);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        Error::of(kind, text).with_source(self)
    }
}
