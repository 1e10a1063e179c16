//! The cache of a client: dictionary and schemas of the last handshake, so that the next one need not carry them again.

use std::sync::Arc;

use super::routes::Routes;
use crate::protocol::protobuf::Protos;

/// What a client keeps of one connection for the next: dictionary and schemas, with the versions that a server gave them.
///
/// A server leaves out what it is told that the client has already, by version; so one cache serves a gate and all connectors of an
/// application. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub(super) dictionary: Option<Versioned<Routes>>,
    pub(super) protos: Option<Versioned<Protos>>,
}

impl Known {
    /// The version of the dictionary, as `dictVersion` of a handshake.
    pub fn dictionary_version(&self) -> Option<&str> {
        self.dictionary.as_ref().map(|dictionary| &*dictionary.version)
    }

    /// The version of the schemas, as `protoVersion` of a handshake.
    pub fn proto_version(&self) -> Option<&str> {
        self.protos.as_ref().map(|protos| &*protos.version)
    }
}

/// Something that has a version.
#[derive(Debug)]
pub(super) struct Versioned<T> {
    pub(super) version: Arc<str>,
    pub(super) value: Arc<T>,
}

impl<T> Clone for Versioned<T> {
    fn clone(&self) -> Self {
        Self { version: self.version.clone(), value: self.value.clone() }
    }
}
