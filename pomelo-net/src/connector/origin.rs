//! Origins of connections: how many each address has, where that is limited.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard};

/// Whoever has one address of IPv6 has all that begin with the same 64 bits.
const NETWORK: u128 = !0 << 64;

/// Where a connection comes from: an address of IPv4, or a network of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Origin(IpAddr);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
            address => address,
        })
    }
}

/// The connections of each origin that has any.
pub(super) struct Origins {
    limit: usize,
    /// Clients choose the keys, hence the default hasher.
    connections: Mutex<HashMap<Origin, usize>>,
}

impl Origins {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, connections: Mutex::default() }
    }

    /// Counts one more; false if there are as many as are allowed.
    pub(super) fn add(&self, origin: Origin) -> bool {
        let mut connections = self.lock();
        let count = connections.entry(origin).or_default();
        if *count >= self.limit {
            return false;
        }
        *count += 1;
        true
    }

    /// Counts one less, and forgets an origin that has none.
    pub(super) fn remove(&self, origin: Origin) {
        if let Entry::Occupied(mut entry) = self.lock().entry(origin) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, usize>> {
        self.connections.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn an_origin_is_an_address_of_ipv4_or_a_network_of_ipv6() {
        assert_eq!(origin("10.0.0.1"), origin("::ffff:10.0.0.1"));
        assert_ne!(origin("10.0.0.1"), origin("10.0.0.2"));
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::2:0:0:1"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
    }

    #[test]
    fn each_origin_has_places_of_its_own_and_none_is_remembered_without_connections() {
        let (origins, ann, bob) = (Origins::new(2), origin("10.0.0.1"), origin("10.0.0.2"));
        assert_eq!([ann, ann, ann, bob].map(|origin| origins.add(origin)), [true, true, false, true]);
        origins.remove(ann);
        assert!(origins.add(ann));
        [ann, ann, bob].iter().for_each(|origin| origins.remove(*origin));
        assert!(origins.lock().is_empty());
    }
}
