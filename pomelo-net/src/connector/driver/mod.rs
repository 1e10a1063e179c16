//! The one task of a connection.
//!
//! It reads, lets the protocol's state machine make events of what it read, and acts on them. What is to be sent goes
//! to the connection's outbox, which the server's flusher writes; when that closes, the [`Alarm`] tells.

mod end;
mod events;
mod input;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::frontend::{ClientSession, CloseMode};
use pomelo_core::outbox::Outbox;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::line::Line;
use super::options::Patience;
use super::port::{Port, Seat};
use crate::protocol::connection::Connection;
use crate::protocol::websocket::UpgradeRequest;
use end::End;
use events::Next;
use input::Input;

/// How long a client that never stops sending may go on once its deadline is known to have passed, in case a
/// heartbeat is among it.
const GRACE: Duration = Duration::from_secs(1);

/// The state of one connection.
pub(super) struct Driver {
    port: Arc<Port>,
    /// Until there is a session, which knows.
    stranger: Option<Box<Stranger>>,
    connection: Connection,
    input: Input,
    line: Arc<Line>,
    alarm: Arc<Alarm>,
    /// When the alarm rings, unless it is off.
    deadline: Instant,
    /// Since when it is known that the alarm has rung, though input still comes.
    overdue_since: Option<Box<Instant>>,
    /// From the first bytes that are sent.
    outbox: Option<Arc<Outbox>>,
    /// From the client's acknowledgement of the handshake.
    session: Option<Arc<ClientSession>>,
    /// Dropped last, when the socket is gone.
    _seat: Seat,
}

/// What is known of a client before its session opens.
struct Stranger {
    /// Where it connects from.
    peer: SocketAddr,
    /// What it asked for to become a websocket; until its handshake is answered.
    upgrade: Option<Box<UpgradeRequest>>,
}

impl Driver {
    pub(super) fn new(port: Arc<Port>, seat: Seat, stream: TcpStream, peer: SocketAddr) -> Self {
        let (read, write) = stream.into_split();
        let alarm = Arc::new(Alarm::new());
        let deadline = Instant::now() + port.options.handshake_deadline;
        port.wheel.set(&alarm, deadline);
        Self {
            connection: Connection::new(port.settings.clone()),
            input: Input::new(read),
            line: Line::new(write, alarm.clone(), matches!(port.patience, Patience::Traffic(_))),
            port,
            stranger: Some(Box::new(Stranger { peer, upgrade: None })),
            alarm,
            deadline,
            overdue_since: None,
            outbox: None,
            session: None,
            _seat: seat,
        }
    }

    /// Serves the connection until it is over.
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
                Next::Read => continue,
                Next::Answer(request) => Box::pin(self.answer(*request)),
                Next::Pause => Box::pin(self.pause()),
            };
            wait.await?;
        }
    }

    /// Handles what was read, and reads, until there is something else to wait for.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next, End>> {
        match self.handle_input() {
            Ok(Next::Read) => self.poll_read(cx).map_ok(|()| Next::Read),
            next => Poll::Ready(next),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        self.alarm.register(cx.waker());
        if self.alarm.is_closed() {
            return Poll::Ready(Err(self.closed()));
        }
        match self.input.poll_read(cx) {
            Poll::Ready(read) => Poll::Ready(End::check(read).and_then(|()| self.heard())),
            Poll::Pending if self.alarm.has_rung() => self.poll_overdue(),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Something was read.
    fn heard(&mut self) -> Result<(), End> {
        if let (Patience::Traffic(limit), Some(_)) = (self.port.patience, &self.session) {
            self.set_deadline(limit);
        } else if self.alarm.has_rung() {
            let now = Instant::now();
            if now > **self.overdue_since.get_or_insert_with(|| Box::new(now)) + GRACE {
                return Err(self.silence());
            }
        }
        Ok(())
    }

    /// The deadline has passed. What has come by now still counts, however late we are to read it.
    fn poll_overdue(&mut self) -> Poll<Result<(), End>> {
        if let Some(read) = self.input.read_now() {
            return Poll::Ready(End::check(read).and_then(|()| self.heard()));
        }
        let last_write = self.session.as_ref().and_then(|_| self.line.last_write());
        match (self.port.patience, last_write) {
            (Patience::Traffic(limit), Some(wrote)) if wrote + limit > Instant::now() => {
                self.set_alarm(wrote + limit);
                Poll::Pending
            }
            _ => Poll::Ready(Err(self.silence())),
        }
    }

    fn peer(&self) -> Option<SocketAddr> {
        let stranger = self.stranger.as_ref().map(|stranger| stranger.peer);
        stranger.or_else(|| self.session.as_ref()?.peer())
    }

    fn silence(&self) -> End {
        End::Silent(match (&self.session, self.port.patience) {
            (None, _) => "no handshake in time",
            (Some(_), Patience::Heartbeats(_)) => "no heartbeat in time",
            (Some(_), _) => "idle for too long",
        })
    }

    /// Why the writing side is closed.
    fn closed(&self) -> End {
        if self.line.is_broken() { End::Gone(io::ErrorKind::BrokenPipe.into()) } else { End::ByServer }
    }

    fn set_deadline(&mut self, limit: Duration) {
        self.set_alarm(Instant::now() + limit);
    }

    fn set_alarm(&mut self, deadline: Instant) {
        (self.deadline, self.overdue_since) = (deadline, None);
        self.port.wheel.set(&self.alarm, self.deadline);
    }
}

impl Drop for Driver {
    /// Gives back what the connection has: its place in the wheel, its outbox, its session. The seat and the socket follow. So it
    /// is also if something has panicked in here.
    fn drop(&mut self) {
        self.alarm.off();
        if let Some(outbox) = &self.outbox {
            outbox.close();
        }
        if let Some(session) = self.session.take() {
            session.close(CloseMode::Gone, "its connection failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Driver;

    #[test]
    fn the_task_of_an_idle_connection_is_small() {
        fn future_size<F>(_: impl FnOnce(Driver) -> F) -> usize {
            size_of::<F>()
        }
        let (state, task) = (size_of::<Driver>(), future_size(Driver::run));
        assert!(state <= 192 && task <= 256, "{state} bytes of state in a task of {task}");
    }
}
