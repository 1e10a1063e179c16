//! Versions of a dictionary or of protos: a client that has the same one isn't sent it again.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};

/// The fingerprint of a dictionary (`dictVersion`) or of protos (`protoVersion`): base64 of an MD5 sum.
///
/// It tells versions apart, it protects nothing.
///
/// ```
/// use pomelo_net::protocol::version::Version;
///
/// let version = Version::of(&[r#"{"onChat":1}"#]);
/// assert_eq!(version.as_str().len(), 24);
/// assert!(version.matches(Some(version.as_str())) && !version.matches(None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// The fingerprint of these texts, one after the other.
    pub fn of(texts: &[&str]) -> Self {
        let mut sum = Md5::new();
        for text in texts {
            sum.update(text.as_bytes());
        }
        Self(BASE64_STANDARD.encode(sum.finalize()))
    }

    /// As it is written on the wire: 24 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a client that sent `theirs` has this version already.
    pub fn matches(&self, theirs: Option<&str>) -> bool {
        theirs == Some(self.as_str())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_base64_of_an_md5_sum() {
        assert_eq!(Version::of(&["{}", "{}"]).as_str(), "xT9OvpsqULwrUv2IpdUD4Q==");
        assert_eq!(Version::of(&["{}{}"]), Version::of(&["{}", "{}"]));
    }
}
