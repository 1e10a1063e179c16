//! Hosts: names and addresses of machines, as files and command lines have them.
//!
//! An IPv6 address may be written with brackets, as in a URL, or without. Here it is kept without, as a resolver wants it, and
//! gets its brackets back where a port follows.
//!
//! ```
//! use pomelo_core::value::host;
//!
//! assert_eq!(host::bare("[::1]"), Ok("::1"));
//! assert_eq!(host::with_port("::1", 3005), "[::1]:3005");
//! assert_eq!(host::with_port("game.example", 3005), "game.example:3005");
//! ```

use std::borrow::Cow;
use std::net::Ipv6Addr;

use serde::{Deserialize, Deserializer};

/// A text that is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no host: {problem}")]
pub struct InvalidHost {
    text: String,
    problem: &'static str,
}

/// The host that `text` is: a name or an address, an IPv6 address without its brackets.
///
/// # Errors
/// If it is empty, has a blank or a `/` in it, or has a `:` and is no IPv6 address, as one with a port.
pub fn bare(text: &str) -> Result<&str, InvalidHost> {
    let wrong = |problem| InvalidHost { text: text.to_owned(), problem };
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let host = bracketed.unwrap_or(text);
    if host.is_empty() {
        return Err(wrong("it is empty"));
    }
    if host.contains(|c: char| c.is_whitespace() || "/[]".contains(c)) {
        return Err(wrong("it is a name or an address, and nothing else"));
    }
    match is_ipv6(host) {
        true => Ok(host),
        false if bracketed.is_some() => Err(wrong("only an IPv6 address is in brackets")),
        false if host.contains(':') => {
            Err(wrong("a port has a key of its own, and an IPv6 address looks like ::1"))
        }
        false => Ok(host),
    }
}

/// The host as a URL has it: an IPv6 address in brackets.
pub fn in_url(host: &str) -> Cow<'_, str> {
    if is_ipv6(host) { format!("[{host}]").into() } else { host.into() }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn with_port(host: &str, port: u16) -> String {
    format!("{}:{port}", in_url(host))
}

/// The host and port of a text like `host:port`, whose IPv6 address has brackets.
///
/// # Errors
/// If there is no host, or no port.
pub fn split_port(address: &str) -> Result<(&str, u16), InvalidHost> {
    let wrong = || InvalidHost { text: address.to_owned(), problem: "host:port is wanted" };
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let is_bracketed = host.starts_with('[');
    match bare(host) {
        Ok(bare) if is_bracketed || !bare.contains(':') => Ok((bare, port.parse().map_err(|_| wrong())?)),
        _ => Err(wrong()),
    }
}

/// A link-local address may have a zone behind it, as `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    host.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Reads a host of a file; for `#[serde(deserialize_with = …)]`.
///
/// # Errors
/// If it is no text, or no host.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    bare(text.trim()).map(str::to_owned).map_err(serde::de::Error::custom)
}

/// Reads a host that may be missing, and that only clients are told: what is no host for us stays as it is.
///
/// # Errors
/// If it is no text.
pub fn deserialize_told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| bare(&text).map(str::to_owned).unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_taken_off_an_ipv6_address_and_put_back_before_a_port() {
        for (text, host, address) in [
            ("::1", "::1", "[::1]:1"),
            ("[::1]", "::1", "[::1]:1"),
            ("[fe80::1%eth0]", "fe80::1%eth0", "[fe80::1%eth0]:1"),
            ("10.0.0.7", "10.0.0.7", "10.0.0.7:1"),
            ("localhost", "localhost", "localhost:1"),
        ] {
            assert_eq!((bare(text), with_port(host, 1).as_str()), (Ok(host), address), "{text}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert_eq!(split_port("[::1]:3005"), Ok(("::1", 3005)));
        assert_eq!(split_port("game.example:3005"), Ok(("game.example", 3005)));
        for text in ["game.example", "::1", "::1:3005", "h:70000", ":3005", "[::1]"] {
            assert!(split_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_told_with_the_reason() {
        for (text, problem) in [
            ("", "it is empty"),
            ("[]", "it is empty"),
            ("10.0.0.7:3050", "a port has a key of its own"),
            ("::1:3050:", "a port has a key of its own"),
            ("[10.0.0.7]", "only an IPv6 address is in brackets"),
            ("[::1", "nothing else"),
            ("ws://game", "nothing else"),
            ("two words", "nothing else"),
        ] {
            let error = bare(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no host")) && error.contains(problem), "{error}");
        }
    }
}
