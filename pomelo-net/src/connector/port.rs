//! What the connections of one port share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pomelo_core::frontend::Frontend;
use pomelo_core::metrics::Dropped;
use pomelo_core::outbox::Flusher;
use pomelo_core::runtime::throttle::Throttle;
use pomelo_core::value::{Error, ErrorKind, Result};
use pomelo_core::wire::{Format, FormatId};

use super::error::OptionError;
#[cfg(feature = "deflate")]
use super::format::DeflateFormat;
use super::format::PomeloFormat;
use super::options::{Options, Patience};
use super::origin::Origins;
use super::wheel::Wheel;
use crate::address::Origin;
use crate::protocol::connection::{Connection, Settings};
use crate::protocol::outgoing::Framing;

/// One port of a frontend.
pub(super) struct Port {
    pub(super) frontend: Arc<Frontend>,
    pub(super) flusher: Arc<Flusher>,
    pub(super) options: Options,
    pub(super) settings: Arc<Settings>,
    pub(super) patience: Patience,
    pub(super) wheel: Arc<Wheel>,
    tcp: FormatId,
    websocket: FormatId,
    /// As `websocket` where nobody asked for deflate.
    deflate: FormatId,
    /// The two for clients that read bytes as code units.
    websocket_units: FormatId,
    deflate_units: FormatId,
    /// Of log lines on upgrades that were refused, by status.
    pub(super) refused: Throttle<u16>,
    max_connections: usize,
    connections: AtomicUsize,
    origins: Option<Origins>,
}

impl Port {
    /// # Errors
    /// What is wrong with the options, or with the files that they ask for; the server is named.
    pub(super) fn new(frontend: Arc<Frontend>, options: &Options) -> Result<Arc<Self>> {
        Self::build(frontend.clone(), options)
            .map_err(|error| Error::of(ErrorKind::Config, error).context(&frontend.server().id))
    }

    fn build(frontend: Arc<Frontend>, options: &Options) -> Result<Arc<Self>, OptionError> {
        options.check()?;
        let max_connections = options.max_connections(frontend.server())?.unwrap_or(usize::MAX);
        let settings = options.settings(frontend.routes(), frontend.config())?;
        let dictionary = settings.handshake.options().dictionary.clone();
        let encoding = options.encoding();
        let add = |format: Arc<dyn Format>| frontend.add_format(format).map_err(OptionError::Formats);
        let format = |framing, code_units| PomeloFormat {
            framing,
            dictionary: dictionary.clone(),
            encoding,
            code_units,
        };
        let tcp = add(Arc::new(format(Framing::Tcp, false)))?;
        let [websocket, websocket_units] = [
            add(Arc::new(format(Framing::WebSocket, false)))?,
            add(Arc::new(format(Framing::WebSocket, true)))?,
        ];
        #[cfg(feature = "deflate")]
        let [deflate, deflate_units] = match options.use_deflate {
            true => [
                add(Arc::new(DeflateFormat(format(Framing::Tcp, false))))?,
                add(Arc::new(DeflateFormat(format(Framing::Tcp, true))))?,
            ],
            false => [websocket, websocket_units],
        };
        #[cfg(not(feature = "deflate"))]
        let [deflate, deflate_units] = [websocket, websocket_units];
        let patience = options.patience();
        let shortest = match patience {
            Patience::Heartbeats(limit) | Patience::Traffic(limit) => limit.min(options.handshake_deadline),
            Patience::Endless => options.handshake_deadline,
        };
        Ok(Arc::new(Self {
            flusher: frontend.flusher(),
            wheel: Wheel::spawn(frontend.tasks(), shortest),
            frontend,
            options: options.clone(),
            settings: Arc::new(settings),
            patience,
            tcp,
            websocket,
            deflate,
            websocket_units,
            deflate_units,
            refused: Throttle::default(),
            max_connections,
            connections: AtomicUsize::new(0),
            origins: options.max_connections_per_address.map(Origins::new),
        }))
    }

    /// What a connection is sent. Before its first bytes have come, nothing is.
    pub(super) fn format(&self, connection: &Connection) -> FormatId {
        match connection.framing() {
            Some(Framing::WebSocket) if connection.deflates() => self.deflate,
            Some(Framing::WebSocket) => self.websocket,
            Some(Framing::Tcp) | None => self.tcp,
        }
    }

    /// What a connection is sent whose client reads bytes as code units; none if it makes no difference to it. Only pomelo's client
    /// for browsers does, and what is made of it.
    pub(super) fn code_units_format(&self, connection: &Connection) -> Option<FormatId> {
        let is_websocket = connection.framing() == Some(Framing::WebSocket);
        is_websocket.then_some(if connection.deflates() { self.deflate_units } else { self.websocket_units })
    }

    /// A place for one more connection; none if there are as many as are allowed, of all or of its address, which is counted.
    pub(super) fn take_seat(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let count = self.connections.fetch_add(1, Ordering::AcqRel);
        let mut seat = Seat { port: self.clone(), origin: None };
        if count >= self.max_connections {
            self.frontend.counters().add(Dropped::TooManyConnections);
            return None;
        }
        if let Some(origins) = &self.origins {
            let origin = Origin::from(address);
            if !origins.add(origin) {
                self.frontend.counters().add(Dropped::TooManyFromAddress);
                return None;
            }
            seat.origin = Some(Box::new(origin));
        }
        Some(seat)
    }
}

/// A connection's place among those that are allowed, until it is dropped.
pub(super) struct Seat {
    port: Arc<Port>,
    /// Where its address is counted, too.
    origin: Option<Box<Origin>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.port.connections.fetch_sub(1, Ordering::AcqRel);
        if let (Some(origins), Some(origin)) = (&self.port.origins, &self.origin) {
            origins.remove(**origin);
        }
    }
}
