//! What a process provides where the application chooses nothing else.

use std::sync::Arc;

use futures::future::BoxFuture;
use pomelo_core::app::Platform;
use pomelo_core::codec::Codecs;
use pomelo_core::config::Config;
use pomelo_core::error::{Error, ErrorKind, Result};

use crate::cluster::Static;
use crate::transport::Memory;

/// Servers of one process, pomelo-protobuf by the configuration's schemas, and a stop on Ctrl-C or SIGTERM.
pub fn platform() -> Platform {
    Platform {
        transport: || Arc::new(Memory::new()),
        discovery: |config| Arc::new(Static::new(config.servers.iter().cloned())),
        codecs,
        stop_signal,
    }
}

fn codecs(config: &Config) -> Result<Codecs> {
    if config.server_protos.is_none() && config.client_protos.is_none() {
        return Ok(Codecs::default());
    }
    let protos = crate::codec::protos(config)
        .map_err(|(file, error)| Error::of(ErrorKind::Config, format_args!("{file}: {error}")))?;
    Ok(Codecs::with_protobuf(protos))
}

fn stop_signal() -> BoxFuture<'static, ()> {
    Box::pin(async {
        let interrupt = async {
            if let Err(error) = tokio::signal::ctrl_c().await {
                tracing::error!(%error, "Ctrl-C can't be heard");
                std::future::pending::<()>().await;
            }
        };
        #[cfg(unix)]
        tokio::select! {
            () = interrupt => {}
            () = terminate() => {}
        }
        #[cfg(not(unix))]
        interrupt.await;
    })
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(error) => {
            tracing::error!(%error, "SIGTERM can't be heard");
            std::future::pending::<()>().await;
        }
    }
}
