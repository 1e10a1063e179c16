//! Driver: the one task of a connection, whatever its socket and its protocol are.
//!
//! It reads, lets the protocol's state machine make events of what it read, and acts on them. What is to be sent goes
//! to the connection's outbox, which the server's flusher writes; when that closes, the [`Alarm`](super::alarm::Alarm) tells.
//!
//! ```text
//!  read ─▶ protocol: events ─▶ handshake ─▶ decide ─▶ answer ─┐
//!    ▲                      ├▶ message ─▶ session.handle ─────┼─▶ Flow::Pause: wait for room, don't read
//!    │                      └▶ closed ─▶ end                  │
//!    └── wait for input, an alarm, or the outbox's end ◀──────┘
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `mod` | the loop: read, handle, wait |
//! | `events` | what is done about each event |
//! | `input` | bytes that were read and not yet understood |
//! | `end` | why a connection is over, and how its client is told |
//!
//! The future of an idle connection is small: what few connections do at any time, such as waiting for a
//! handshake's answer, is boxed.

mod end;
mod input;
mod opening;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::frontend::{ClientSession, Generation};
use pomelo_core::outbox::Outbox;
use tokio::time::Instant;

use super::connections::{Connections, Seat};
use super::protocol::{Overdue, Protocol, Timeout};
use super::sink::SharedSocket;
use super::socket::Socket;
use end::End;
use input::{Input, Next};

/// How long a client that never stops sending may go on once its deadline is known to have passed, in case a
/// heartbeat is among it.
const GRACE: Duration = Duration::from_secs(1);

/// The state of one connection.
pub(super) struct Driver<P: Protocol, S: Socket> {
    /// Where it connects from, until there is a session, which knows.
    stranger: Option<Box<Option<SocketAddr>>>,
    /// The state machine.
    protocol: P,
    /// What was read and isn't understood yet.
    input: Input,
    /// The socket, which the outbox writes.
    shared: Arc<SharedSocket<S>>,
    /// When the alarm rings, unless it is off.
    deadline: Instant,
    /// Since when it is known that the alarm has rung, though input still comes.
    overdue_since: Option<Box<Instant>>,
    /// From the first bytes that are sent.
    outbox: Option<Arc<Outbox>>,
    /// From the client's acknowledgement of the handshake.
    attached: Option<Attached>,
    /// Dropped last, when the socket is gone.
    seat: Seat<P>,
}

/// The client's session, to which the connection was attached when it opened.
struct Attached {
    session: Arc<ClientSession>,
    /// Which of the session's connections it is.
    generation: Generation,
}

impl Attached {
    fn new(session: Arc<ClientSession>) -> Self {
        Self { generation: session.generation(), session }
    }

    /// The connection has ended, and so does the session, unless another connection has taken this one's place.
    fn end(self, reason: &str) {
        self.session.close_if_attached(self.generation, reason);
    }
}

impl<P: Protocol, S: Socket> Driver<P, S> {
    pub(super) fn new(seat: Seat<P>, socket: S, peer: Option<SocketAddr>) -> Self {
        let connections = seat.connections();
        let protocol = P::new(&connections.protocol);
        let is_timed = matches!(protocol.timeout(&connections.protocol), Timeout::Idle(_));
        let shared = SharedSocket::new(socket, is_timed);
        let deadline = Instant::now() + connections.limits.handshake_deadline;
        connections.wheel.set(&shared.alarm, deadline);
        Self {
            stranger: Some(Box::new(peer)),
            protocol,
            input: Input::default(),
            shared,
            deadline,
            overdue_since: None,
            outbox: None,
            attached: None,
            seat,
        }
    }

    /// Serves the connection until it is over.
    ///
    /// The task of the connection, from its first byte to its last.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn keeps the driver twice, as argument and as variable"
    )]
    pub(super) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let finish = {
                let Err(end) = self.serve().await;
                Box::pin(self.finish(*end))
            };
            finish.await;
        }
    }

    /// What few connections do at any time is on the heap, so that all the others' tasks are small.
    async fn serve(&mut self) -> Result<Infallible, Box<End>> {
        loop {
            let next = poll_fn(|cx| self.poll_next(cx)).await?;
            let wait: BoxFuture<'_, Result<(), End>> = match next {
                Next::Read | Next::Turn => continue,
                Next::Answer(request) => Box::pin(self.answer(*request)),
                Next::Pause => Box::pin(self.pause()),
            };
            wait.await?;
        }
    }

    /// Handles what was read, and reads, until there is something else to wait for.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next<P::Hello>, End>> {
        match self.handle_input() {
            Ok(Next::Read) => self.poll_read(cx).map_ok(|()| Next::Read),
            Ok(Next::Turn) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            next => Poll::Ready(next),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        self.shared.alarm.register(cx.waker());
        if self.shared.alarm.is_closed() {
            return Poll::Ready(Err(self.closed()));
        }
        match self.input.poll_read(&self.shared.socket, cx) {
            Poll::Ready(read) => Poll::Ready(End::check(read).and_then(|()| self.heard())),
            Poll::Pending if self.shared.alarm.has_rung() => self.poll_overdue(),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Something was read.
    fn heard(&mut self) -> Result<(), End> {
        if let (Timeout::Idle(limit), Some(_)) = (self.timeout(), &self.attached) {
            self.set_deadline(limit);
        } else if self.shared.alarm.has_rung() {
            let now = Instant::now();
            if now > **self.overdue_since.get_or_insert_with(|| Box::new(now)) + GRACE {
                return self.overdue();
            }
        }
        Ok(())
    }

    /// The deadline has passed. What has come by now still counts, however late we are to read it.
    fn poll_overdue(&mut self) -> Poll<Result<(), End>> {
        if let Some(read) = self.input.read_now(&self.shared.socket) {
            return Poll::Ready(End::check(read).and_then(|()| self.heard()));
        }
        let last_write = self.attached.as_ref().and_then(|_| self.shared.last_write());
        if let (Timeout::Idle(limit), Some(wrote)) = (self.timeout(), last_write)
            && wrote + limit > Instant::now()
        {
            self.set_alarm(wrote + limit);
            return Poll::Pending;
        }
        match self.overdue() {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(Err(end)),
        }
    }

    /// Has the protocol say what becomes of a client that was silent for too long.
    fn overdue(&mut self) -> Result<(), End> {
        if self.attached.is_none() || self.protocol.handle_timeout() == Overdue::Close {
            return Err(self.silence());
        }
        self.transmit()?;
        self.restart_timeout();
        Ok(())
    }

    /// What it shares with the other connections of its acceptor.
    fn connections(&self) -> &Connections<P> {
        self.seat.connections()
    }

    fn timeout(&self) -> Timeout {
        self.protocol.timeout(&self.connections().protocol)
    }

    fn peer(&self) -> Option<SocketAddr> {
        match &self.stranger {
            Some(peer) => **peer,
            None => self.attached.as_ref()?.session.peer(),
        }
    }

    /// The end of a client that let its deadline pass, by which one that was.
    fn silence(&self) -> End {
        End::Silent(match (&self.attached, self.timeout()) {
            (None, _) => "no handshake in time",
            (Some(_), Timeout::Heartbeat(_)) => "no heartbeat in time",
            (Some(_), _) => "idle for too long",
        })
    }

    /// Why the writing side is closed.
    fn closed(&self) -> End {
        if self.shared.is_broken() { End::Gone(io::ErrorKind::BrokenPipe.into()) } else { End::ByServer }
    }

    /// Gives the client as long as its protocol has it be silent, from now on.
    fn restart_timeout(&mut self) {
        match self.timeout() {
            Timeout::Heartbeat(limit) | Timeout::Idle(limit) => self.set_deadline(limit),
            Timeout::Never => self.shared.alarm.off(),
        }
    }

    /// The alarm rings after that time, unless it is set again.
    fn set_deadline(&mut self, limit: Duration) {
        self.set_alarm(Instant::now() + limit);
    }

    fn set_alarm(&mut self, deadline: Instant) {
        (self.deadline, self.overdue_since) = (deadline, None);
        self.connections().wheel.set(&self.shared.alarm, self.deadline);
    }
}

impl<P: Protocol, S: Socket> Drop for Driver<P, S> {
    /// Gives back what the connection has: its place in the wheel, its outbox, its session. The seat and the socket follow. So it
    /// is also if something has panicked in here.
    fn drop(&mut self) {
        self.shared.alarm.off();
        if let Some(outbox) = &self.outbox {
            outbox.close();
        }
        if let Some(attached) = self.attached.take() {
            attached.end("its connection failed");
        }
    }
}

#[cfg(test)]
mod tests;
