//! Origins of connections: how many each address has, where that is limited.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard};

use crate::address::Origin;

/// The connections of each origin that has any.
pub(super) struct Origins {
    /// How many one may have.
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
    use std::net::IpAddr;

    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::from(address.parse::<IpAddr>().unwrap())
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
