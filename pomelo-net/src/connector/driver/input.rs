//! Input of a connection: bytes, which are read into a buffer of the thread, and what the driver does about the events that its
//! protocol makes of them.
//!
//! A busy connection reads as much as there is in one call, and keeps what is left over of a message. A body
//! that would keep a large buffer alive is copied before it goes on its way.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use pomelo_core::frontend::Flow;
use pomelo_core::outbox::Appended;
use pomelo_core::wire::Body;
use tokio::time::Instant;

use super::end::End;
use super::{Attached, Driver};
use crate::connector::protocol::{Event, Ignored, Message, Protocol, Timeout};
use crate::connector::socket::Socket;

/// How much is read at a time: what a busy client sends between two turns, in one call.
const SCRATCH: usize = 64 * 1024;

/// A body that is this short against the memory it is in would keep too much of it alive.
const PINNED_SHARE: usize = 4;

/// Memory that isn't worth a copy, whatever share of it a body has.
const PINNED_FLOOR: usize = 512;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// What was read of a connection and not yet understood.
#[derive(Default)]
pub(super) struct Input {
    /// Empty and without memory while the connection is idle.
    bytes: BytesMut,
    /// How much memory `bytes` had after the last read.
    memory: usize,
}

impl Input {
    /// Reads what there is into `bytes`; 0 is the end.
    pub(super) fn poll_read(
        &mut self,
        socket: &impl Socket,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| {
            let count = ready!(socket.poll_read(cx, buffer))?;
            self.take(buffer, count);
            Poll::Ready(Ok(count))
        })
    }

    /// Reads what there is, whatever is known of the socket; `None` if there is nothing.
    pub(super) fn read_now(&mut self, socket: &impl Socket) -> Option<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| match socket.read_now(buffer) {
            Ok(count) => {
                self.take(buffer, count);
                Some(Ok(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn take(&mut self, buffer: &[u8], count: usize) {
        self.bytes.extend_from_slice(&buffer[..count]);
        self.memory = self.bytes.capacity();
    }

    /// Gives memory back that holds nothing.
    fn release(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    /// The same body, copied if it would keep alive much more memory than it needs. One that shares its memory with nobody has been
    /// copied by the protocol, unless it has taken over what was read.
    fn unpinned(&self, body: Bytes) -> Bytes {
        let is_small = self.memory > PINNED_FLOOR && body.len() < self.memory / PINNED_SHARE;
        let is_taken_over = self.bytes.capacity() == 0;
        if is_small && (is_taken_over || !body.is_unique()) { Bytes::copy_from_slice(&body) } else { body }
    }
}

/// So many messages a connection has handled before others get their turn: those that are ready at once cost a microsecond each.
const MESSAGES_PER_TURN: usize = 64;

/// What a driver has to wait for.
pub(super) enum Next<H> {
    /// For more bytes.
    Read,
    /// For its next turn: there is more to handle.
    Turn,
    /// For the application to decide on a handshake.
    Answer(Box<H>),
    /// For room in the session's queue.
    Pause,
}

impl<P: Protocol, S: Socket> Driver<P, S> {
    /// Handles what was read, in order, until there is something to wait for.
    pub(super) fn handle_input(&mut self) -> Result<Next<P::Hello>, End> {
        let mut messages = 0;
        loop {
            if messages == MESSAGES_PER_TURN {
                return Ok(Next::Turn);
            }
            let event = self.protocol.poll_event(&mut self.input.bytes);
            if let Some(Event::Closed(closed)) = event {
                // What is left to send goes with the close.
                return Err(End::Protocol(closed));
            }
            self.transmit()?;
            match event {
                Some(Event::Message(message)) => {
                    messages += 1;
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

    fn deliver(&self, message: Message) -> Flow {
        let Some(Attached { session, .. }) = &self.attached else { return Flow::Continue };
        let Message { id, route, body: Body { encoding, bytes } } = message;
        let body = Body { encoding, bytes: self.input.unpinned(bytes) };
        session.handle(id, route.as_str(), body)
    }

    /// Reads nothing until the session has room again.
    pub(super) async fn pause(&mut self) -> Result<(), End> {
        let Some(Attached { session, .. }) = &self.attached else { return Ok(()) };
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
            let is_stranger = self.attached.is_none();
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
}

/// Reads and forgets; true at the end.
pub(super) fn poll_discard(socket: &impl Socket, cx: &mut Context<'_>) -> Poll<bool> {
    BUFFER.with_borrow_mut(|buffer| socket.poll_read(cx, buffer)).map(|read| !matches!(read, Ok(1..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        let mut input = Input::default();
        input.take(bytes, bytes.len());
        input
    }

    #[test]
    fn a_small_body_is_copied_once_by_the_protocol_or_by_the_driver() {
        let mut input = input(&[b'x'; 4096]);
        let shared = input.bytes.split_to(100).freeze();
        let copy = input.unpinned(shared.clone());
        assert!(copy == shared && copy.as_ptr() != shared.as_ptr(), "it would keep the input's memory");
        let at = copy.as_ptr();
        assert_eq!(input.unpinned(copy).as_ptr(), at, "it has memory of its own");
    }

    #[test]
    fn a_small_body_that_has_taken_over_the_rest_of_what_was_read_is_copied() {
        let mut input = input(&[b'x'; 4096]);
        drop(input.bytes.split_to(4000));
        let rest = std::mem::take(&mut input.bytes).freeze();
        assert!(rest.is_unique());
        let copy = input.unpinned(rest.clone());
        assert!(copy == rest && copy.as_ptr() != rest.as_ptr(), "it would keep the input's memory");
    }

    #[test]
    fn a_body_that_fills_its_memory_is_not_copied() {
        let mut input = input(&[b'x'; 4096]);
        let body = input.bytes.split_to(4000).freeze();
        let at = body.as_ptr();
        assert_eq!(input.unpinned(body).as_ptr(), at);
    }
}
