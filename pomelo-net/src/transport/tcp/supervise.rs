//! The supervisor of one peer: dials it, or asks it to dial, and declares it gone.
//!
//! ```text
//!  no link ─▶ attempt: dial, or, where this server is the one to be dialed, ask for it (a nudge)
//!     │ Linked ─▶ wait until it is no more
//!     │ Refused ─▶ the process is over: declared gone
//!     │ Failed, Answered ─▶ pause (50 ms, doubled, by chance), and again ─▶ patience is over: declared gone
//! ```

use std::io;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use pomelo_core::value::{ServerInfo, host};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::greet::{self, GreetError};
use super::mesh::Mesh;
use super::options::TcpOptions;
use super::peer::Peer;
use crate::address;

/// The pause after the first attempt that failed.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// What came of an attempt to be linked.
enum Attempt {
    /// There is a link, whoever made it.
    Linked,
    /// Nobody listens on its port.
    Refused,
    /// It said that it will make the link.
    Answered,
    /// It may be there or not.
    Failed,
}

/// Runs as long as the peer is expected, or up.
pub(super) async fn supervise(mesh: Arc<Mesh>, peer: Arc<Peer>) {
    let mut pauses = pauses(&mesh.options);
    loop {
        if peer.queue().is_some() {
            peer.unlinked().await;
            pauses = self::pauses(&mesh.options);
        }
        if mesh.is_closed() || mesh.forget(&peer) {
            return;
        }
        let began = Instant::now();
        let attempt = attempt(&mesh, &peer, mesh.patience(&peer).attempt(began.into_std())).await;
        let (ended, patience) = (Instant::now(), mesh.patience(&peer));
        let is_gone = match attempt {
            Attempt::Linked => continue,
            Attempt::Refused => true,
            Attempt::Answered => patience.is_over(began.into_std(), ended.into_std(), true),
            Attempt::Failed => patience.is_over(began.into_std(), ended.into_std(), false),
        };
        if is_gone {
            mesh.declare_gone(&peer, patience.gone_at().map(Instant::from_std)).await;
        }
        let pause = pauses.next().unwrap_or(mesh.options.max_retry);
        let next = mesh.patience(&peer).next_attempt(ended.into_std(), pause);
        tokio::select! {
            () = sleep_until(Instant::from_std(next)) => {}
            () = peer.linked() => {}
            () = peer.nudged.notified() => pauses = self::pauses(&mesh.options),
        }
    }
}

/// Pauses that get longer, each a bit by chance, so that servers that lost the same peer don't all come at once.
fn pauses(options: &TcpOptions) -> impl Iterator<Item = Duration> + use<> {
    let pauses = ExponentialBuilder::default().with_min_delay(FIRST_RETRY).with_max_delay(options.max_retry);
    pauses.with_jitter().without_max_times().build()
}

async fn attempt(mesh: &Arc<Mesh>, peer: &Peer, limit: Duration) -> Attempt {
    let info = peer.info();
    // It can only dial, and has as long for that.
    let Some(port) = info.port else {
        peer.set_trouble(Some("it has no port, and doesn't come by itself".into()));
        return Attempt::Failed;
    };
    let result = match timeout(limit, connect(mesh, &info, port, limit)).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    };
    peer.set_trouble(result.as_ref().err().map(|error| trouble(error, &info, port)));
    match result {
        Ok(attempt) => attempt,
        Err(GreetError::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Attempt::Refused,
        Err(error) => {
            if let GreetError::RefusedByPeer(refusal) = &error
                && let Some(refused) = refusal.for_server()
            {
                mesh.tell(peer, |link_events| link_events.refused(&peer.id, refused));
            }
            let text = format!("{error} ({})", host::with_port(&info.host, port));
            if peer.is_news(&text) {
                tracing::warn!(server = %mesh.id(), peer = %peer.id, "no link: {text}");
            }
            Attempt::Failed
        }
    }
}

/// Why there is no link, in an operator's words.
fn trouble(error: &GreetError, info: &ServerInfo, port: u16) -> String {
    let at = host::with_port(&info.host, port);
    match error {
        GreetError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            format!("connection refused at {at}")
        }
        GreetError::Io(error) if error.kind() == io::ErrorKind::TimedOut => format!("no answer from {at}"),
        GreetError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("what listens at {at} hangs up")
        }
        other => format!("{other} (at {at})"),
    }
}

/// Makes the link, or asks for it.
async fn connect(
    mesh: &Arc<Mesh>,
    info: &ServerInfo,
    port: u16,
    limit: Duration,
) -> Result<Attempt, GreetError> {
    let own = mesh.own();
    // Who is linked with another process of this server says by a handshake only what becomes of this one.
    if !mesh.dials(info) && greet::nudge(open(info, port, limit).await?, &own).await? {
        return Ok(Attempt::Answered);
    }
    let stream = open(info, port, limit).await?;
    let greeted = greet::dial(stream, own.clone(), &info.id, mesh.options.secret.as_ref()).await?;
    mesh.install(greeted, Some(own)).await.map_err(GreetError::Refused)?;
    Ok(Attempt::Linked)
}

async fn open(info: &ServerInfo, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let stream = address::connect(&info.host, port, limit).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
