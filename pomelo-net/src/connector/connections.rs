//! Connections of an acceptor: what they have in common, and how many there may be.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pomelo_core::frontend::Frontend;
use pomelo_core::metrics::Dropped;
use pomelo_core::outbox::Flusher;
use pomelo_core::runtime::throttle::Throttle;

use super::origin::Origins;
use super::protocol::Protocol;
use super::wheel::Wheel;
use crate::address::Origin;

/// What a connector allows its connections, whatever protocol they have.
///
/// [`Hybrid`](super::Hybrid) sets them by its options; a connector of another protocol by hand:
///
/// ```
/// use std::time::Duration;
/// use pomelo::ext::connector::ConnectionLimits;
///
/// let mut limits = ConnectionLimits::default();
/// assert_eq!((limits.handshake_deadline, limits.max_connections), (Duration::from_secs(10), None));
/// limits.outbox_limit = 256 * 1024;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// How long a connection may take until it is [open](super::Event::Open). 10 s by default: some round trips on a bad network.
    pub handshake_deadline: Duration,
    /// The shortest [`Timeout`](super::Timeout) of the protocol; a client is dropped up to a sixteenth of that late. 3 s by default.
    pub shortest_timeout: Duration,
    /// How many bytes may wait for a client that doesn't read. 1 MiB by default; see [`Hybrid::outbox_limit`](super::Hybrid::outbox_limit).
    pub outbox_limit: usize,
    /// How many connections there may be; more are closed as they come, and counted. No limit by default but the system's.
    pub max_connections: Option<usize>,
    /// How many one address may have, of IPv6 a network (/64). No limit by default: behind one address may be a school.
    pub max_connections_per_address: Option<usize>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            handshake_deadline: Duration::from_secs(10),
            shortest_timeout: Duration::from_secs(3),
            outbox_limit: 1024 * 1024,
            max_connections: None,
            max_connections_per_address: None,
        }
    }
}

/// What the connections of one acceptor have in common.
pub(super) struct Connections<P: Protocol> {
    /// Where sessions are opened.
    pub(super) frontend: Arc<Frontend>,
    /// Writes what is queued for them.
    pub(super) flusher: Arc<Flusher>,
    /// What their protocols have in common.
    pub(super) protocol: Arc<P::Shared>,
    /// What they are allowed.
    pub(super) limits: ConnectionLimits,
    /// The deadlines of all of them.
    pub(super) wheel: Arc<Wheel>,
    /// Of log lines on clients that were refused, by the option that refused them.
    pub(super) refused: Throttle<&'static str>,
    /// How many there are.
    count: AtomicUsize,
    /// How many each address has, where that is limited.
    origins: Option<Origins>,
}

impl<P: Protocol> Connections<P> {
    pub(super) fn new(frontend: Arc<Frontend>, limits: ConnectionLimits, protocol: P::Shared) -> Arc<Self> {
        let shortest = limits.shortest_timeout.min(limits.handshake_deadline);
        Arc::new(Self {
            flusher: frontend.flusher(),
            wheel: Wheel::spawn(frontend.tasks(), shortest),
            frontend,
            protocol: Arc::new(protocol),
            refused: Throttle::default(),
            count: AtomicUsize::new(0),
            origins: limits.max_connections_per_address.map(Origins::new),
            limits,
        })
    }

    /// A place for one more connection; none if there are as many as are allowed, of all or of its address, which is counted.
    pub(super) fn take_seat(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Seat<P>> {
        let count = self.count.fetch_add(1, Ordering::AcqRel);
        let mut seat = Seat { connections: self.clone(), origin: None };
        if count >= self.limits.max_connections.unwrap_or(usize::MAX) {
            self.frontend.counters().add(Dropped::TooManyConnections);
            return None;
        }
        if let (Some(origins), Some(address)) = (&self.origins, address) {
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
pub(super) struct Seat<P: Protocol> {
    /// Keeps what it is a place among.
    connections: Arc<Connections<P>>,
    /// Where its address is counted, too.
    origin: Option<Box<Origin>>,
}

impl<P: Protocol> Seat<P> {
    pub(super) fn connections(&self) -> &Connections<P> {
        &self.connections
    }
}

impl<P: Protocol> Drop for Seat<P> {
    fn drop(&mut self) {
        self.connections.count.fetch_sub(1, Ordering::AcqRel);
        if let (Some(origins), Some(origin)) = (&self.connections.origins, &self.origin) {
            origins.remove(**origin);
        }
    }
}
