//! How a connection ends.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use pomelo_core::frontend::CloseMode;
use pomelo_core::metrics::Dropped;

use super::Driver;
use crate::protocol::connection::CloseReason;

/// How long a client may take to read the last frames and close, once its outbox has got rid of them.
///
/// A socket that is closed while it has unread input is reset, and the client would lose a kick that is on its way.
const LINGER: Duration = Duration::from_secs(1);

/// How long the outbox may take for that. It gives up by itself a second after it had its first turn, which may come late where
/// every worker is busy with something else; this is for when it never comes.
const LAST_FRAMES: Duration = Duration::from_secs(10);

/// The status of an upgrade from a page that isn't allowed.
const FORBIDDEN: u16 = 403;
/// The status of an upgrade that is too large.
const TOO_LARGE: u16 = 431;

/// Why a connection is over.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed it, or the network did.
    Gone(io::Error),
    /// The client let a deadline pass.
    Silent(&'static str),
    /// The protocol closed it, and may have something left to send.
    Protocol(CloseReason),
    /// The outbox closed it: after a kick, or because it could not be written.
    ByServer,
}

impl End {
    /// What a read of that many bytes means.
    pub(super) fn check(read: io::Result<usize>) -> Result<(), Self> {
        match read {
            Ok(0) => Err(Self::Gone(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(error) => Err(Self::Gone(error)),
        }
    }

    /// For logs and the session.
    fn reason(&self) -> String {
        match self {
            Self::Gone(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "closed by the client".into()
            }
            Self::Gone(error) => error.to_string(),
            Self::Silent(why) => (*why).into(),
            Self::Protocol(reason) => reason.to_string(),
            Self::ByServer => "closed by the server".into(),
        }
    }
}

impl Driver {
    pub(super) async fn finish(&mut self, end: End) {
        self.alarm.off();
        let reason = end.reason();
        let is_client_gone = matches!(end, End::Gone(_) | End::Silent(_));
        tracing::debug!(peer = ?self.peer(), reason, "a connection is over");
        match end {
            End::Gone(_) | End::Silent(_) => self.close(),
            End::Protocol(reason) => {
                self.note_refusal(&reason);
                self.say_last(&reason);
            }
            End::ByServer => {}
        }
        if let Some(session) = self.session.take() {
            session.close(CloseMode::Gone, &reason);
        }
        if self.outbox.is_some() && !is_client_gone {
            self.linger().await;
        }
    }

    fn close(&self) {
        if let Some(outbox) = &self.outbox {
            outbox.close();
        }
    }

    /// Who means to be a client and isn't let in is told of in the log; browsers and probes that ask for a page are not.
    fn note_refusal(&self, reason: &CloseReason) {
        let CloseReason::Http { status: status @ (FORBIDDEN | TOO_LARGE), why } = reason else { return };
        if let Some(left_out) = self.port.refused.admit(status) {
            let (server, peer, status) = (&self.port.frontend.server().id, self.peer(), *status);
            let option =
                if status == FORBIDDEN { "allowed_origins" } else { "max_upgrade, max_upgrade_fields" };
            tracing::warn!(%server, ?peer, status, why, option, left_out, "a websocket's upgrade is refused");
        }
    }

    /// Sends what the protocol has left: a refusal, a kick, a close frame.
    fn say_last(&mut self, reason: &CloseReason) {
        if is_bad_input(reason) {
            self.port.frontend.counters().add(Dropped::BadInput);
        }
        let mut last = BytesMut::new();
        while let Some(bytes) = self.connection.poll_transmit() {
            last.extend_from_slice(&bytes);
        }
        match last.freeze() {
            last if last.is_empty() => self.close(),
            last => self.outbox().finish(last),
        }
    }

    /// Waits until the client has closed, too, so that it can read all that was sent.
    async fn linger(&mut self) {
        let sent = self.discard_until(|driver| driver.alarm.is_closed());
        if let Ok(false) = tokio::time::timeout(LAST_FRAMES, sent).await {
            // Whether it closes or not, this is the end.
            let read = self.discard_until(|driver| driver.alarm.is_closed() && driver.line.is_blocked());
            let _ = tokio::time::timeout(LINGER, read).await;
        }
    }

    /// Reads and forgets until `is_over` or the client has closed; true if it has.
    async fn discard_until(&mut self, is_over: impl Fn(&Self) -> bool) -> bool {
        poll_fn(|cx| {
            self.alarm.register(cx.waker());
            if is_over(self) {
                return Poll::Ready(false);
            }
            while let Poll::Ready(at_end) = self.input.poll_discard(cx) {
                if at_end {
                    return Poll::Ready(true);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether the client is to blame; a browser that was pointed at the port, and one that leaves, are not.
fn is_bad_input(reason: &CloseReason) -> bool {
    match reason {
        CloseReason::WebSocket(_)
        | CloseReason::Package(_)
        | CloseReason::EmptyFrame
        | CloseReason::Message(_)
        | CloseReason::KickFromClient
        | CloseReason::BadHandshake(_) => true,
        CloseReason::Http { .. }
        | CloseReason::ByClient { .. }
        | CloseReason::Refused { .. }
        | CloseReason::Kicked { .. }
        | CloseReason::ByServer => false,
    }
}
