//! Connections that lead nowhere.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use futures::future::BoxFuture;
use pomelo::ext::connector::Format;
use pomelo::ext::connector::Frontend;
use pomelo::ext::connector::{Connector, Listening};
use pomelo::ext::connector::{Outbox, Sink};
use pomelo::net::protocol::message::RouteRef;
use pomelo::net::protocol::outgoing::{Framing, push, response};
use pomelo::request::{Body, Encoding};

/// A connector without a port: the clients of a bench open their sessions themselves.
pub struct NullConnector;

impl Connector for NullConnector {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn start(self: Arc<Self>, _: Arc<Frontend>) -> BoxFuture<'static, pomelo::Result<Listening>> {
        let stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send> = Box::new(|| Box::pin(async {}));
        Box::pin(async { Ok(Listening { address: ([127, 0, 0, 1], 0).into(), protocol: "null", stop }) })
    }
}

/// Takes everything at once, and counts the bytes.
#[derive(Clone, Default)]
pub struct NullSink(Arc<[Count; THREADS]>);

/// How many threads count for themselves; more than that share.
const THREADS: usize = 4;

/// What some threads have written. One number for all of them would be what they wait for.
#[derive(Default)]
#[repr(align(128))]
struct Count(AtomicUsize);

thread_local! {
    static THREAD: usize = {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        COUNT.fetch_add(1, Ordering::Relaxed) % THREADS
    };
}

impl NullSink {
    /// How many bytes were written so far, to this one and its clones.
    pub fn written(&self) -> usize {
        self.0.iter().map(|count| count.0.load(Ordering::Relaxed)).sum()
    }

    /// Waits until so many were written, while others do it. tokio's `yield_now` would do, and allocate.
    pub async fn reaches(&self, bytes: usize) {
        poll_fn(|cx| {
            if self.written() >= bytes {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl Sink for NullSink {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = frames.iter().map(|frame| frame.len()).sum();
        THREAD.with(|thread| self.0[*thread].0.fetch_add(bytes, Ordering::Relaxed));
        Ok(bytes)
    }

    fn wait_writable(&self, _: Arc<Outbox>) {}

    fn close(&self) {}
}

/// Frames as raw tcp has them, bodies in JSON.
pub struct Tcp;

impl Format for Tcp {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, route: &str, body: &Body) -> pomelo::Result<Bytes> {
        Ok(push(Framing::Tcp, RouteRef::Name(route), &body.bytes)?)
    }

    fn response(&self, id: u64, body: &Body) -> pomelo::Result<Bytes> {
        Ok(response(Framing::Tcp, id, &body.bytes)?)
    }

    fn kick(&self, _: &str) -> Bytes {
        Bytes::new()
    }
}
