//! Negotiation of permessage-deflate: a client's offer, and the server's response.

/// The answer to an offer that is accepted: neither side remembers anything from one message to the next.
///
/// A server may ask that of a client that didn't mention it (RFC 7692, 7.1.1).
pub(in super::super) const ANSWER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Whether one of the offers of a `Sec-WebSocket-Extensions` field can be taken.
pub(in super::super) fn is_acceptable(field: &str) -> bool {
    field.split(',').any(is_acceptable_offer)
}

/// An offer with a parameter that is unknown, wrong or there twice must be passed over (7.1).
///
/// One window serves all, so an offer that wants a smaller one is passed over, too.
fn is_acceptable_offer(offer: &str) -> bool {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return false;
    }
    let mut seen = Vec::new();
    parts.all(|part| {
        let (name, value) = part.split_once('=').map_or((part, None), |(n, v)| (n.trim_end(), Some(v)));
        let value = value.map(|value| value.trim().trim_matches('"'));
        let is_new = !seen.contains(&name);
        seen.push(name);
        is_new
            && match (name, value) {
                ("server_no_context_takeover" | "client_no_context_takeover", None)
                | ("client_max_window_bits", None)
                | ("server_max_window_bits", Some("15")) => true,
                ("client_max_window_bits", Some(bits)) => {
                    matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
                }
                _ => false,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_browsers_and_libraries_offer() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
            "permessage-deflate;client_max_window_bits=\"12\"",
            "x-webkit-deflate-frame, permessage-deflate ; client_max_window_bits = 8",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
        ] {
            assert!(is_acceptable(offer), "{offer}");
        }
    }

    #[test]
    fn passes_over_what_it_can_not_keep_or_read() {
        for offer in [
            "",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=08",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=15",
            "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; unknown",
            "permessage-deflate;",
        ] {
            assert!(!is_acceptable(offer), "{offer}");
        }
    }
}
