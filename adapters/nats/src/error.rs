//! Errors: why there can be no connection to NATS with what was configured.

use std::path::PathBuf;

use pomelo_core::value::{Error, ErrorKind};

/// Why a server can't use the bus that was configured.
///
/// A bus that is only away is no error: the server starts, or goes on, and the log says what it waits for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// There is no address.
    #[error("there is no address of a NATS server; expected is one or more, such as `nats://10.0.0.5:4222`")]
    NoUrl,
    /// An address can't be read.
    #[error("`{url}` is no address of a NATS server, such as `nats://10.0.0.5:4222`")]
    Url {
        /// What was said.
        url: String,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// The name of the cluster can't begin a subject.
    #[error(
        "`{0}` can't be the name of a cluster on NATS: expected are letters, digits, `-` and `_`, in parts with dots between them"
    )]
    Cluster(String),
    /// The server's id is too long to be said in each message.
    #[error("the id `{0}` is longer than the 255 bytes that NATS's messages have room for")]
    Id(String),
    /// An option has a value with which there would be no links.
    #[error("the option `{option}` is {found}, {expected}")]
    Option {
        /// Its method of [`Nats`](crate::Nats).
        option: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Whoever can reach the server could say anything in the cluster, and read all.
    #[error(
        "the NATS server `{0}` is not on this machine, and neither credentials nor TLS are configured: anybody in between could read \
         and say anything. Use `credentials`, `user` or `token`, and `tls(true)`; or say `allow_insecure()` if that network is yours"
    )]
    Insecure(String),
    /// The file with the credentials can't be read.
    #[error("the credentials in `{}` can't be read", .path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// NATS is there and does not take this server, or its certificates don't fit.
    #[error("NATS at {urls} refuses the connection")]
    Refused {
        /// The addresses.
        urls: String,
        /// What it said.
        source: async_nats::ConnectError,
    },
    /// The client has ended, which it does only when it is told to.
    #[error("the NATS client is closed")]
    Closed,
}

impl NatsError {
    /// As the framework's error, whose message has the causes and whose sources begin with this.
    pub(crate) fn into_error(self) -> Error {
        let kind = match self {
            Self::Refused { .. } | Self::Closed => ErrorKind::Refused,
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
