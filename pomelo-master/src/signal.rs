//! The signal to stop: Ctrl-C or SIGTERM.

use futures::future::BoxFuture;

/// Ctrl-C and SIGTERM, which end the process no longer by themselves once this was called.
#[cfg(unix)]
pub(crate) fn stop_signal() -> BoxFuture<'static, ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let [interrupt, terminate] = [("Ctrl-C", SignalKind::interrupt()), ("SIGTERM", SignalKind::terminate())]
        .map(|(name, kind)| {
            let heard = signal(kind);
            async move {
                match heard {
                    Ok(mut heard) => drop(heard.recv().await),
                    Err(error) => {
                        tracing::error!(%error, "{name} can't be heard");
                        std::future::pending::<()>().await;
                    }
                }
            }
        });
    Box::pin(async {
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
            // For as long as the process does anything it waits here.
            () = crate::orphans::look_after() => {}
        }
    })
}

#[cfg(not(unix))]
pub(crate) fn stop_signal() -> BoxFuture<'static, ()> {
    Box::pin(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C can't be heard");
            std::future::pending::<()>().await;
        }
    })
}
