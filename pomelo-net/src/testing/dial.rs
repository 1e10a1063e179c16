//! Dialing in memory: the clients of a test connect to where its servers listen.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::client::{BoxedStream, Dial, ServerUrl};
use crate::connector::MemoryPorts;

impl Dial for MemoryPorts {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, io::Result<BoxedStream>> {
        let stream = self.connect(url.host(), url.port());
        ready(stream.map(|stream| Box::new(stream) as BoxedStream)).boxed()
    }
}

/// Dials once in memory, and notes the client's own address.
#[derive(Clone)]
pub(super) struct Noting {
    pub(super) ports: MemoryPorts,
    pub(super) own: Arc<OnceLock<SocketAddr>>,
}

impl Dial for Noting {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, io::Result<BoxedStream>> {
        let stream = self.ports.connect(url.host(), url.port());
        let noted = stream.map(|stream| {
            // A test client dials once.
            let _ = self.own.set(stream.local_addr());
            Box::new(stream) as BoxedStream
        });
        ready(noted).boxed()
    }
}
