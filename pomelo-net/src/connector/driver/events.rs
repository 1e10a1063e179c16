//! Events of a connection: what its driver does about each.

use std::sync::Arc;

use pomelo_core::frontend::Flow;
use pomelo_core::outbox::{Appended, Outbox};
use pomelo_core::wire::Body;
use tokio::time::Instant;

use super::{Driver, End};
use crate::connector::protocol::{Event, Ignored, Message, Protocol, Timeout};
use crate::connector::sink::SocketSink;
use crate::connector::socket::Socket;

/// What a driver has to wait for.
pub(super) enum Next<H> {
    /// For more bytes.
    Read,
    /// For the application to decide on a handshake.
    Answer(Box<H>),
    /// For room in the session's queue.
    Pause,
}

impl<P: Protocol, S: Socket> Driver<P, S> {
    /// Handles what was read, in order, until there is something to wait for.
    pub(super) fn handle_input(&mut self) -> Result<Next<P::Hello>, End> {
        loop {
            let event = self.protocol.poll_event(&mut self.input.bytes);
            if let Some(Event::Closed(closed)) = event {
                // What is left to send goes with the close.
                return Err(End::Protocol(closed));
            }
            self.transmit()?;
            match event {
                Some(Event::Message(message)) => {
                    if self.deliver(message) == Flow::Pause {
                        return Ok(Next::Pause);
                    }
                }
                Some(Event::Handshake(hello)) => return Ok(Next::Answer(Box::new(hello))),
                Some(Event::Open) => self.open(),
                Some(Event::Alive) => {
                    if let Timeout::Heartbeat(limit) = self.timeout() {
                        self.set_deadline(limit);
                    }
                }
                Some(Event::Ignored(ignored)) => self.ignored(&ignored),
                Some(Event::Transmit | Event::Closed(_)) => {}
                None => {
                    self.input.release();
                    return Ok(Next::Read);
                }
            }
        }
    }

    /// Has the application decide on a handshake, and answers it.
    pub(super) async fn answer(&mut self, hello: P::Hello) -> Result<(), End> {
        let decision = P::decide(self.connections().protocol.clone(), hello, self.peer());
        let alarm = &self.shared.alarm;
        tokio::select! {
            biased;
            decision = decision => self.protocol.answer(Some(decision)),
            () = alarm.interrupts() => {
                if alarm.is_closed() {
                    return Err(self.closed());
                }
                tracing::warn!(peer = ?self.peer(), "to decide on a handshake took longer than the handshake may");
                self.protocol.answer(None);
            }
        }
        Ok(())
    }

    fn open(&mut self) {
        // Of its client more is known by now.
        let format = self.protocol.format(&self.connections().protocol);
        self.outbox().set_format(format);
        let (outbox, peer) = (self.outbox().clone(), self.peer());
        self.session = Some(self.connections().frontend.open(&outbox, peer));
        self.stranger = None;
        self.restart_timeout();
    }

    /// Gives the client as long as its protocol has it be silent, from now on.
    pub(super) fn restart_timeout(&mut self) {
        match self.timeout() {
            Timeout::Heartbeat(limit) | Timeout::Idle(limit) => self.set_deadline(limit),
            Timeout::Never => self.shared.alarm.off(),
        }
    }

    fn deliver(&self, message: Message) -> Flow {
        let Some(session) = &self.session else { return Flow::Continue };
        let Message { id, route, body: Body { encoding, bytes } } = message;
        let body = Body { encoding, bytes: self.input.unpinned(bytes) };
        session.receive(id, route.as_str(), body)
    }

    /// Reads nothing until the session has room again.
    pub(super) async fn pause(&mut self) -> Result<(), End> {
        let Some(session) = &self.session else { return Ok(()) };
        let began = Instant::now();
        tokio::select! {
            biased;
            () = self.shared.alarm.closes() => return Err(self.closed()),
            error = self.shared.socket.failed() => return Err(End::Gone(error)),
            () = session.room() => {}
        }
        if self.timeout() != Timeout::Never {
            // We didn't listen: that is no silence of the client's.
            self.set_alarm(self.deadline + began.elapsed());
        }
        Ok(())
    }

    fn ignored(&self, ignored: &Ignored) {
        tracing::debug!(peer = ?self.peer(), reason = %ignored.reason, "what a client sent is ignored");
        ignored.counts_as.into_iter().for_each(|reason| self.connections().frontend.counters().add(reason));
    }

    /// Queues what the protocol has to say.
    pub(super) fn transmit(&mut self) -> Result<(), End> {
        while let Some(bytes) = self.protocol.poll_transmit() {
            let is_stranger = self.session.is_none();
            let outbox = self.outbox();
            // A stranger has nothing to wait for but the answers to its own packages.
            match if is_stranger { outbox.send_volatile(bytes) } else { outbox.send(bytes) } {
                Appended::Queued | Appended::NeedsFlush => {}
                Appended::Closed => return Err(self.closed()),
                refused => {
                    let counters = self.connections().frontend.counters();
                    refused.dropped().into_iter().for_each(|reason| counters.add(reason));
                }
            }
        }
        Ok(())
    }

    /// The outbox, from the first bytes that are sent. Of the client's format nothing need be known by then: only a session sends
    /// frames in it.
    pub(super) fn outbox(&mut self) -> &Arc<Outbox> {
        let Self { shared, protocol, seat, .. } = self;
        self.outbox.get_or_insert_with(|| {
            let connections = seat.connections();
            let format = protocol.format(&connections.protocol);
            let sink = SocketSink(Arc::downgrade(shared));
            Outbox::new(sink, connections.flusher.clone(), format, connections.limits.outbox_limit)
        })
    }
}
