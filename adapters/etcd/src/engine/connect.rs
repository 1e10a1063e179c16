//! Connecting: a client of one member of etcd, as the options say.

use std::path::Path;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::trouble::Trouble;
use crate::error::EtcdError;
use crate::options::{Endpoint, Etcd};

/// The pause after all addresses were tried once; each later one is twice as long, and between half and one and a half of that by
/// chance, so that the servers of a cluster don't all come at once.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// The longest pause, but for chance.
const LONGEST_RETRY: Duration = Duration::from_secs(1);

/// What connections are made with.
pub(super) struct Dialer {
    endpoints: Vec<Endpoint>,
    options: ConnectOptions,
    tls: Option<TlsOptions>,
    limit: Duration,
    /// Which address is tried next.
    next: usize,
    /// How many were tried in vain.
    failed: u32,
}

impl Dialer {
    /// Reads the certificates that the options name.
    ///
    /// # Errors
    /// If a file can't be read: which.
    pub(super) async fn new(etcd: &Etcd, endpoints: Vec<Endpoint>) -> Result<Self, EtcdError> {
        // A member that has lost the others says so, and another one is taken.
        let mut options = ConnectOptions::new().with_require_leader(true);
        if let Some((user, password)) = &etcd.user {
            options = options.with_user(user, password);
        }
        let has_tls = endpoints.iter().any(|endpoint| endpoint.has_tls);
        let tls = if has_tls { Some(tls(etcd).await?) } else { None };
        // The servers of a cluster begin at different members.
        let next = getrandom::u32().map_or(0, |number| number as usize % endpoints.len().max(1));
        Ok(Self { endpoints, options, tls, limit: etcd.connect_timeout, next, failed: 0 })
    }

    /// The address that is tried next.
    pub(super) fn endpoint(&self) -> String {
        self.endpoints.get(self.next).map(Endpoint::address).unwrap_or_default()
    }

    /// Connects to the next address.
    ///
    /// # Cancel safety
    /// There is no connection if it is dropped.
    pub(super) async fn connect(&self) -> Result<Client, Trouble> {
        let Some(endpoint) = self.endpoints.get(self.next) else { return Err(Trouble::Slow) };
        let connecting = async {
            // The client would try for ever, and not say why it can't.
            drop(TcpStream::connect((&*endpoint.host, endpoint.port)).await?);
            let mut options = self.options.clone();
            if let Some(tls) = self.tls.clone().filter(|_| endpoint.has_tls) {
                options = options.with_tls(tls);
            }
            Ok(Client::connect([endpoint.url()], Some(options)).await?)
        };
        timeout(self.limit, connecting).await.unwrap_or(Err(Trouble::Slow))
    }

    /// The connection is of use.
    pub(super) fn succeeded(&mut self) {
        self.failed = 0;
    }

    /// The address is of no use now; says how long to wait before the next one.
    pub(super) fn failed(&mut self) -> Duration {
        let count = self.endpoints.len().max(1);
        self.next = (self.next + 1) % count;
        self.failed = self.failed.saturating_add(1);
        let rounds = self.failed / u32::try_from(count).unwrap_or(u32::MAX);
        if !(self.failed as usize).is_multiple_of(count) {
            return Duration::ZERO;
        }
        let pause = FIRST_RETRY.saturating_mul(1 << (rounds - 1).min(16)).min(LONGEST_RETRY);
        pause / 2 + by_chance(pause)
    }

    /// All addresses were tried in vain.
    pub(super) fn has_tried_all(&self) -> bool {
        self.failed as usize >= self.endpoints.len()
    }
}

async fn tls(etcd: &Etcd) -> Result<TlsOptions, EtcdError> {
    let mut tls = TlsOptions::new().with_native_roots();
    for path in &etcd.tls.roots {
        tls = tls.ca_certificate(Certificate::from_pem(read(path).await?));
    }
    if let Some((certificate, key)) = &etcd.tls.certificate {
        tls = tls.identity(Identity::from_pem(read(certificate).await?, read(key).await?));
    }
    Ok(tls)
}

async fn read(path: &Path) -> Result<Vec<u8>, EtcdError> {
    let own = path.to_owned();
    // It is small, and read before the server has anything else to do.
    std::fs::read(path).map_err(|source| EtcdError::Certificate { path: own, source })
}

/// A time below `limit`, by chance.
fn by_chance(limit: Duration) -> Duration {
    // Without chance all take the same time, which costs them a busy moment.
    let part = getrandom::u32().unwrap_or(u32::MAX / 2);
    limit.mul_f64(f64::from(part) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_addresses_are_tried_before_a_pause_which_gets_longer_up_to_a_bound() {
        let etcd = Etcd::new(["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
        let mut dialer = Dialer::new(&etcd, etcd.check().unwrap().0).await.unwrap();
        for round in 1..40 {
            let mut tried = std::collections::BTreeSet::new();
            for nth in 0..3 {
                tried.insert(dialer.endpoint());
                let pause = dialer.failed();
                let longest = FIRST_RETRY.saturating_mul(1 << (round - 1).min(8)).min(LONGEST_RETRY);
                match nth {
                    2 => assert!(pause >= longest / 2 && pause <= longest * 3 / 2, "{round}: {pause:?}"),
                    _ => assert_eq!(pause, Duration::ZERO),
                }
            }
            assert!(tried.len() == 3 && dialer.has_tried_all());
        }
        dialer.succeeded();
        assert!(!dialer.has_tried_all());
    }
}
