//! The first bytes of a connection, which tell HTTP from a stream of packages: one port takes both.

/// The methods that pomelo takes for HTTP.
const METHODS: [&[u8]; 4] = [b"GET ", b"POST", b"PUT ", b"HEAD"];

/// What the first bytes of a connection are.
///
/// ```
/// use pomelo_net::protocol::connection::{Sniff, sniff};
///
/// assert!(matches!(sniff(b"GE"), Sniff::NeedMore));
/// assert!(matches!(sniff(b"GET / HTTP/1.1"), Sniff::Http));
/// assert!(matches!(sniff(&[1, 0, 0, 2]), Sniff::Package));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sniff {
    /// They may still become either.
    NeedMore,
    /// A request, probably a websocket's.
    Http,
    /// Packages.
    Package,
}

/// Looks at the first bytes, however few have come: four of them say that it is HTTP, a first one that
/// begins no method says that it is not.
pub fn sniff(first: &[u8]) -> Sniff {
    if METHODS.iter().any(|method| first.starts_with(method)) {
        Sniff::Http
    } else if METHODS.iter().any(|method| method.starts_with(first)) {
        Sniff::NeedMore
    } else {
        Sniff::Package
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_until_the_bytes_can_be_only_one_of_them() {
        for method in METHODS {
            for length in 0..4 {
                assert_eq!(sniff(&method[..length]), Sniff::NeedMore);
            }
            assert_eq!(sniff(method), Sniff::Http);
            assert_eq!(sniff(&[method, &b" / HTTP"[..]].concat()), Sniff::Http);
        }
        for first in [&[1][..], b"GET/", b"PO\x01", b"DELE", &[0x16, 3, 1]] {
            assert_eq!(sniff(first), Sniff::Package);
        }
    }
}
