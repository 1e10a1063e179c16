//! Ends of a connection: why, and how it is told to the client.
//!
//! | why | the session closes as | what the client still gets |
//! |---|---|---|
//! | the client or the network is gone | `Gone` | nothing |
//! | it was silent for too long | `Gone` | nothing |
//! | the protocol is over: broken input, a refusal | `Gone` | what the protocol has to say: a code, a kick, a close frame |
//! | the server closed the outbox | as it was closed | what is queued, or the kick |

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;

use super::Driver;
use super::input::poll_discard;
use crate::connector::protocol::{Closed, Protocol};
use crate::connector::sink::SharedSocket;
use crate::connector::socket::Socket;

/// How long a client may take to read the last frames and close, once its outbox has got rid of them.
///
/// A socket that is closed while it has unread input is reset, and the client would lose a kick that is on its way.
const LINGER: Duration = Duration::from_secs(1);

/// How long the outbox may take for that. It gives up by itself a second after it had its first turn, which may come late where
/// every worker is busy with something else; this is for when it never comes.
const LAST_FRAMES: Duration = Duration::from_secs(10);

/// Why a connection is over.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed it, or the network did.
    Gone(io::Error),
    /// The client let a deadline pass.
    Silent(&'static str),
    /// The protocol closed it, and may have something left to send.
    Protocol(Closed),
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
            Self::Protocol(closed) => closed.reason.clone().into_owned(),
            Self::ByServer => "closed by the server".into(),
        }
    }
}

impl<P: Protocol, S: Socket> Driver<P, S> {
    /// Ends the connection: the session, what is still to be said, the socket.
    pub(super) async fn finish(&mut self, end: End) {
        self.shared.alarm.off();
        let reason = end.reason();
        let is_client_gone = matches!(end, End::Gone(_) | End::Silent(_));
        tracing::debug!(peer = ?self.peer(), reason, "a connection is over");
        match end {
            End::Gone(_) | End::Silent(_) => self.close(),
            End::Protocol(closed) => {
                self.note_refusal(&closed);
                self.say_last(&closed);
            }
            End::ByServer => {}
        }
        if let Some(attached) = self.attached.take() {
            attached.end(&reason);
        }
        if self.outbox.is_some() && !is_client_gone {
            linger(&self.shared).await;
        }
    }

    fn close(&self) {
        if let Some(outbox) = &self.outbox {
            outbox.close();
        }
    }

    /// Who means to be a client and isn't let in is told of in the log; browsers and probes that ask for a page are not.
    fn note_refusal(&self, closed: &Closed) {
        let Closed { reason, refused_by: Some(option), .. } = closed else { return };
        if let Some(left_out) = self.connections().refused.admit(option) {
            let (server, peer) = (&self.connections().frontend.server().id, self.peer());
            tracing::warn!(%server, ?peer, %reason, option, left_out, "a client is refused");
        }
    }

    /// Sends what the protocol has left: a refusal, a kick, a close frame.
    fn say_last(&mut self, closed: &Closed) {
        closed.counts_as.into_iter().for_each(|reason| self.connections().frontend.counters().add(reason));
        let mut last = BytesMut::new();
        while let Some(bytes) = self.protocol.poll_transmit() {
            last.extend_from_slice(&bytes);
        }
        match last.freeze() {
            last if last.is_empty() => self.close(),
            last => self.outbox().finish(last),
        }
    }
}

/// Waits until the client has closed, too, so that it can read all that was sent.
async fn linger<S: Socket>(shared: &SharedSocket<S>) {
    let sent = discard_until(shared, |shared| shared.alarm.is_closed());
    if let Ok(false) = tokio::time::timeout(LAST_FRAMES, sent).await {
        // Whether it closes or not, this is the end.
        let read = discard_until(shared, |shared| shared.alarm.is_closed() && shared.is_blocked());
        let _ = tokio::time::timeout(LINGER, read).await;
    }
}

/// Reads and forgets until `is_over` or the client has closed; true if it has.
async fn discard_until<S: Socket>(
    shared: &SharedSocket<S>,
    is_over: impl Fn(&SharedSocket<S>) -> bool,
) -> bool {
    poll_fn(|cx| {
        shared.alarm.register(cx.waker());
        if is_over(shared) {
            return Poll::Ready(false);
        }
        while let Poll::Ready(at_end) = poll_discard(&shared.socket, cx) {
            if at_end {
                return Poll::Ready(true);
            }
        }
        Poll::Pending
    })
    .await
}
