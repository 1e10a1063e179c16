//! Opening of a connection: the answer to its handshake, its outbox and its session.

use std::sync::Arc;

use pomelo_core::outbox::Outbox;

use super::end::End;
use super::{Attached, Driver};
use crate::connector::protocol::Protocol;
use crate::connector::sink::SocketSink;
use crate::connector::socket::Socket;

impl<P: Protocol, S: Socket> Driver<P, S> {
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

    pub(super) fn open(&mut self) {
        // Of its client more is known by now.
        let format = self.protocol.format(&self.connections().protocol);
        self.outbox().set_format(format);
        let (outbox, peer) = (self.outbox().clone(), self.peer());
        self.attached = Some(Attached::new(self.connections().frontend.open(&outbox, peer)));
        self.stranger = None;
        self.restart_timeout();
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
