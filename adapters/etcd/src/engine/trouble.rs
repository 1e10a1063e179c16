//! Trouble: why a connection to etcd is of no use any more.

use std::io;

/// Why etcd can't be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There is no connection.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// etcd, or the client, says so.
    #[error("{}", said(.0))]
    Etcd(#[from] etcd_client::Error),
    /// There is no reply.
    #[error("it doesn't answer in time")]
    Slow,
    /// The watch is over, since what it would begin with is compacted.
    #[error("revision {0} is compacted")]
    Compacted(i64),
    /// The watch is over.
    #[error("the watch has ended: {0}")]
    Unwatched(String),
}

impl Trouble {
    /// Whether etcd does not take this server, as it is configured: another attempt has the same end.
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Etcd(etcd_client::Error::GRpcStatus(status)) = self else { return false };
        // The codes of gRPC: 3 is an invalid argument, which a wrong or missing password is for etcd, 7 no permission, 9 that there is no
        // authentication at all here, 16 that this server has none.
        let text = status.message();
        match status.code() as i32 {
            7 => true,
            3 => text.contains("authentication failed") || text.contains("user name is empty"),
            9 => text.contains("authentication is not enabled"),
            16 => !text.contains("invalid auth token"),
            _ => false,
        }
    }

    /// Whether there is a connection that works: all is only to be read again.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self, Self::Compacted(_))
    }
}

/// What went wrong, with its causes: the client shows some of its errors without.
fn said(error: &etcd_client::Error) -> String {
    match error {
        etcd_client::Error::GRpcStatus(status) => status.message().to_owned(),
        etcd_client::Error::TransportError(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(next) = cause {
                text = format!("{text}: {next}");
                cause = next.source();
            }
            text
        }
        other => other.to_string(),
    }
}
