//! What the connections of one port share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pomelo_core::connector::{Format, FormatId};
use pomelo_core::counters::Dropped;
use pomelo_core::error::{Error, ErrorKind, Result};
use pomelo_core::outbox::Flusher;
use pomelo_core::session::Frontend;

use super::error::OptionError;
#[cfg(feature = "deflate")]
use super::format::DeflateFormat;
use super::format::PomeloFormat;
use super::options::{Options, Patience};
use super::origin::{Origin, Origins};
use super::wheel::Wheel;
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
        let format = |framing| PomeloFormat { framing, dictionary: dictionary.clone(), encoding };
        let tcp = add(Arc::new(format(Framing::Tcp)))?;
        let websocket = add(Arc::new(format(Framing::WebSocket)))?;
        #[cfg(feature = "deflate")]
        let deflate = match options.use_deflate {
            true => add(Arc::new(DeflateFormat(format(Framing::Tcp))))?,
            false => websocket,
        };
        #[cfg(not(feature = "deflate"))]
        let deflate = websocket;
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
