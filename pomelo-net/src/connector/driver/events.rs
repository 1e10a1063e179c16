//! What a driver does about the events of its connection.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use pomelo_core::frontend::Flow;
use pomelo_core::metrics::Dropped;
use pomelo_core::outbox::{Appended, Outbox};
use pomelo_core::wire::{Body, Encoding};
use serde_json::Value;
use tokio::time::Instant;

use super::super::Greeting;
use super::super::line::LineSink;
use super::super::options::Patience;
use super::{Driver, End};
use crate::protocol::connection::{BodyEncoding, ClientMessage, Event, IgnoredReason};
use crate::protocol::handshake::HandshakeRequest;

/// What a driver has to wait for.
pub(super) enum Next {
    /// For more bytes.
    Read,
    /// For the application to decide on a handshake.
    Answer(Box<HandshakeRequest>),
    /// For room in the session's queue.
    Pause,
}

impl Driver {
    /// Handles what was read, in order, until there is something to wait for.
    pub(super) fn handle_input(&mut self) -> Result<Next, End> {
        loop {
            let event = self.connection.poll_event(&mut self.input.bytes);
            if let Some(Event::Closed(reason)) = event {
                // What is left to send goes with the close.
                return Err(End::Protocol(reason));
            }
            self.transmit()?;
            match event {
                Some(Event::Upgraded(request)) => {
                    if let Some(stranger) = &mut self.stranger {
                        stranger.upgrade = Some(request);
                    }
                }
                Some(Event::Handshake(request)) => return Ok(Next::Answer(Box::new(request))),
                Some(Event::Working) => self.open(),
                Some(Event::Heartbeat) => {
                    if let Patience::Heartbeats(limit) = self.port.patience {
                        self.set_deadline(limit);
                    }
                }
                Some(Event::Message(message)) => {
                    if self.deliver(message) == Flow::Pause {
                        return Ok(Next::Pause);
                    }
                }
                Some(Event::Ignored(reason)) => self.ignored(&reason),
                Some(Event::Ping | Event::Closed(_)) => {}
                None => {
                    self.input.release();
                    return Ok(Next::Read);
                }
            }
        }
    }

    /// Decides on a handshake: the check of the client, then the application's hook.
    pub(super) async fn answer(&mut self, request: HandshakeRequest) -> Result<(), End> {
        if request.reads_code_units()
            && let Some(format) = self.port.code_units_format(&self.connection)
        {
            self.outbox().set_format(format);
        }
        // Whatever comes of it, it isn't needed again.
        let upgrade = self.stranger.as_mut().and_then(|stranger| stranger.upgrade.take());
        if !self.is_served(&request).await {
            self.connection.refuse(501);
            return Ok(());
        }
        let Some(hook) = &self.port.options.handshake else {
            self.accept(None);
            return Ok(());
        };
        let Some(peer) = self.peer() else {
            // It has one until its session opens, and from then on by that.
            self.connection.refuse(500);
            return Ok(());
        };
        let (hook, greeting) =
            (hook.clone(), Greeting::new(request, peer, upgrade.map(|upgrade| *upgrade).unwrap_or_default()));
        let decision = self.port.frontend.run("handshake hook", move || hook(greeting));
        tokio::select! {
            biased;
            () = self.alarm.interrupts() => {
                if self.alarm.is_closed() {
                    return Err(self.closed());
                }
                tracing::warn!(peer = ?self.peer(), "a handshake hook took longer than the handshake may");
                self.connection.refuse(500);
            }
            decision = decision => match decision.flatten() {
                Ok(user) => self.accept(Some(&user)),
                Err(error) => {
                    tracing::debug!(peer = ?self.peer(), %error, "a handshake was refused");
                    self.port.frontend.failed("handshake hook", error);
                    self.connection.refuse(500);
                }
            }
        }
        Ok(())
    }

    /// A check that panics refuses the client.
    async fn is_served(&self, request: &HandshakeRequest) -> bool {
        let Some(check) = self.port.options.check_client.clone() else { return true };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (client_type, version) = (text(&request.client_type), text(&request.client_version));
        let checking = move || async move { check(&client_type, &version) }.boxed();
        self.port.frontend.run("check_client", checking).await.unwrap_or(false)
    }

    fn accept(&mut self, user: Option<&Value>) {
        if let Err(error) = self.connection.accept(user) {
            tracing::warn!(peer = ?self.peer(), %error, "the user of a handshake's answer is too long");
        }
    }

    fn open(&mut self) {
        let outbox = self.outbox().clone();
        self.session =
            Some(self.port.frontend.open(&outbox, self.stranger.take().map(|stranger| stranger.peer)));
        match self.port.patience {
            Patience::Heartbeats(limit) | Patience::Traffic(limit) => self.set_deadline(limit),
            Patience::Endless => self.alarm.off(),
        }
    }

    fn deliver(&self, message: ClientMessage) -> Flow {
        let Some(session) = &self.session else { return Flow::Continue };
        let ClientMessage { id, route, body, encoding } = message;
        let encoding = match encoding {
            BodyEncoding::Json => Encoding::Json,
            BodyEncoding::Protobuf => Encoding::Protobuf,
        };
        let bytes = match self.connection.deflates() {
            // It may be a small part of what was inflated.
            true => Bytes::copy_from_slice(&body),
            false => self.input.unpinned(body),
        };
        let body = Body { encoding, bytes };
        session.receive(id, route.as_str(), body)
    }

    /// Reads nothing until the session has room again.
    pub(super) async fn pause(&mut self) -> Result<(), End> {
        let Some(session) = &self.session else { return Ok(()) };
        let began = Instant::now();
        tokio::select! {
            biased;
            () = self.alarm.closes() => return Err(self.closed()),
            error = self.input.failed() => return Err(End::Gone(error)),
            () = session.room() => {}
        }
        if self.port.patience != Patience::Endless {
            // We didn't listen: that is no silence of the client's.
            self.set_alarm(self.deadline + began.elapsed());
        }
        Ok(())
    }

    fn ignored(&self, reason: &IgnoredReason) {
        tracing::debug!(peer = ?self.peer(), %reason, "a client's package is ignored");
        match reason {
            IgnoredReason::UnknownRouteCode(_)
            | IgnoredReason::NoRoute
            | IgnoredReason::RouteWithoutDot(_) => {
                self.port.frontend.counters().add(Dropped::BadRoute);
            }
            IgnoredReason::BeforeAck
            | IgnoredReason::UnexpectedAck
            | IgnoredReason::SecondHandshake
            | IgnoredReason::NotForServers(_) => {}
        }
    }

    /// Queues what the protocol has to say.
    fn transmit(&mut self) -> Result<(), End> {
        while let Some(bytes) = self.connection.poll_transmit() {
            let is_stranger = self.session.is_none();
            let outbox = self.outbox();
            // A stranger has nothing to wait for but the answers to its own packages.
            match if is_stranger { outbox.send_volatile(bytes) } else { outbox.send(bytes) } {
                Appended::Queued | Appended::NeedsFlush => {}
                Appended::Closed => return Err(self.closed()),
                refused => {
                    let counters = self.port.frontend.counters();
                    refused.dropped().into_iter().for_each(|reason| counters.add(reason));
                }
            }
        }
        Ok(())
    }

    /// Its format is known once the first bytes have come; what is sent before is HTTP, which goes as it is.
    pub(super) fn outbox(&mut self) -> &Arc<Outbox> {
        let Self { port, line, connection, .. } = self;
        self.outbox.get_or_insert_with(|| {
            let format = port.format(connection);
            Outbox::new(
                LineSink(Arc::downgrade(line)),
                port.flusher.clone(),
                format,
                port.options.outbox_limit,
            )
        })
    }
}
