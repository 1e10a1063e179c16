//! Upgrade rules: the requests that are let in.

use thiserror::Error;

/// The default for [`UpgradeRules::max_head`]: browsers send cookies along, of which those of one site may be 4 KB each; nginx lets
/// as much through by default.
pub const MAX_HEAD: usize = 16 * 1024;
/// The default for [`UpgradeRules::max_fields`]: browsers send about fifteen, and each proxy on the way adds some.
pub const MAX_FIELDS: usize = 128;

/// Which upgrades are let in, and what is kept of them.
///
/// ```
/// use pomelo_net::protocol::websocket::{Origin, UpgradeRules};
///
/// let mut rules = UpgradeRules::default();
/// rules.origins = Some(vec![Origin::parse("https://game.example.com").unwrap()]);
/// assert!(rules.origins.unwrap()[0].is("https://game.example.com"));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpgradeRules {
    /// The longest head of a request that is read, in bytes.
    pub max_head: usize,
    /// The most header fields that are read.
    pub max_fields: usize,
    /// Pages of which other sites are refused; none lets all in.
    pub origins: Option<Vec<Origin>>,
    /// Whether an [`UpgradeRequest`](super::UpgradeRequest) comes of it. False by default: then it takes no memory.
    pub keeps_request: bool,
    /// Whether clients that offer permessage-deflate get it. False by default.
    #[cfg(feature = "deflate")]
    pub deflate: bool,
}

impl Default for UpgradeRules {
    fn default() -> Self {
        Self {
            max_head: MAX_HEAD,
            max_fields: MAX_FIELDS,
            origins: None,
            keeps_request: false,
            #[cfg(feature = "deflate")]
            deflate: false,
        }
    }
}

impl UpgradeRules {
    /// Whether permessage-deflate is wanted.
    pub(super) fn deflates(&self) -> bool {
        #[cfg(feature = "deflate")]
        return self.deflate;
        #[cfg(not(feature = "deflate"))]
        false
    }
}

/// A site, as browsers name it in `Origin`: `https://game.example.com`, with a port if that isn't the scheme's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// A text that no browser sends as `Origin`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no origin: one is a scheme, a host and maybe a port, such as `https://game.example.com`, without a path"
)]
pub struct OriginError(String);

impl Origin {
    /// Reads an origin as it stands in a configuration; `null` is that of a page without a site, such as a file.
    ///
    /// # Errors
    /// [`OriginError`] for what can't be one, such as an address with a slash at its end: it would let nobody in.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let wrong = || OriginError(text.to_owned());
        if text == "null" {
            return Ok(Self(text.to_owned()));
        }
        let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_part(scheme) || !is_part(host) || host.contains(['/', '?', '#', '*', '@']) {
            return Err(wrong());
        }
        Ok(Self(canonical(text)))
    }

    /// Whether a browser means this one.
    pub fn is(&self, sent: &str) -> bool {
        self.0 == canonical(sent)
    }
}

/// In lower case, and without the port that the scheme has anyway.
fn canonical(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let default = if origin.starts_with("https://") { ":443" } else { ":80" };
    match origin.strip_suffix(default) {
        Some(rest) if origin.starts_with("http") => rest.to_owned(),
        _ => origin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_same_however_its_case_and_with_the_port_of_its_scheme() {
        let origin = Origin::parse("https://Game.example.com:443").unwrap();
        for same in ["https://game.example.com", "HTTPS://GAME.EXAMPLE.COM", "https://game.example.com:443"] {
            assert!(origin.is(same), "{same}");
        }
        for other in
            ["http://game.example.com", "https://game.example.com:8443", "https://example.com", "null", ""]
        {
            assert!(!origin.is(other), "{other}");
        }
        assert!(Origin::parse("null").unwrap().is("null"));
        assert!(Origin::parse("http://[::1]:3001").unwrap().is("http://[::1]:3001"));
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in [
            "",
            "*",
            "game.example.com",
            "https://game.example.com/",
            "https://",
            "://x",
            "https://*.example.com",
            "https://a b",
        ] {
            assert_eq!(Origin::parse(text), Err(OriginError(text.to_owned())));
        }
    }
}
