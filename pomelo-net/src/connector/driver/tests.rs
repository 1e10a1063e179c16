//! A connection's driver with a session of a real frontend, over a socket on which nothing ever comes.

use std::future::poll_fn;
use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use pomelo_core::app::{App, Cluster, Mount, Platform, Running, ServerType};
use pomelo_core::frontend::{Connector, Frontend, Listening};
use pomelo_core::outbox::Sink;
use pomelo_core::router::Routers;
use pomelo_core::value::Result;
use pomelo_core::wire::{Body, Encoding, Format, FormatId};
use tokio::net::TcpStream;

use super::*;
use crate::connector::ConnectionLimits;
use crate::connector::pomelo::Pomelo;
use crate::connector::protocol::Event;
use crate::defaults::Embedded;

#[test]
fn the_task_of_an_idle_connection_is_small() {
    type Driver = super::Driver<Pomelo, TcpStream>;
    fn future_size<F>(_: impl FnOnce(Driver) -> F) -> usize {
        size_of::<F>()
    }
    let (state, task) = (size_of::<Driver>(), future_size(Driver::run));
    assert!(state <= 192 && task <= 256, "{state} bytes of state in a task of {task}");
}

/// An application of one frontend.
struct Alone;

impl Cluster for Alone {
    const SERVERS: &'static [ServerType] = &[ServerType { name: "gate", handlers: &[], remotes: &[] }];

    fn bind(_: &Arc<Routers>) -> Self {
        Self
    }

    fn mount(_: &App<Self>, _: &mut Mount<Self>) {}

    fn platform() -> &'static dyn Platform {
        &Embedded
    }
}

/// A connector that takes nobody.
struct Nobody;

impl Connector for Nobody {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn start(self: Arc<Self>, _: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        let stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send> = Box::new(|| Box::pin(async {}));
        Box::pin(async { Ok(Listening { address: ([127, 0, 0, 1], 0).into(), protocol: "none", stop }) })
    }
}

struct NoFrames;

impl Format for NoFrames {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, _: &str, _: &Body) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    fn response(&self, _: u64, _: &Body) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    fn kick(&self, _: &str) -> Bytes {
        Bytes::new()
    }
}

/// A protocol that opens at once and says nothing.
struct Silent {
    is_open: bool,
}

impl Protocol for Silent {
    type Shared = FormatId;
    type Hello = Infallible;
    type Decision = Infallible;

    fn new(_: &FormatId) -> Self {
        Self { is_open: false }
    }

    fn poll_event(&mut self, _: &mut BytesMut) -> Option<Event<Infallible>> {
        (!std::mem::replace(&mut self.is_open, true)).then_some(Event::Open)
    }

    fn poll_transmit(&mut self) -> Option<Bytes> {
        None
    }

    fn format(&self, shared: &FormatId) -> FormatId {
        *shared
    }

    fn timeout(&self, _: &FormatId) -> Timeout {
        Timeout::Never
    }

    async fn decide(_: Arc<FormatId>, hello: Infallible, _: Option<SocketAddr>) -> Infallible {
        hello
    }

    fn answer(&mut self, _: Option<Infallible>) {}
}

struct Quiet;

impl Socket for Quiet {
    fn poll_read(&self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn read_now(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn shutdown(&self) {}

    fn abort(&self) {}
}

/// The writing side of a connection that a session is attached to next.
struct Next;

impl Sink for Next {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }

    fn wait_writable(&self, _: Arc<Outbox>) {}

    fn close(&self) {}
}

async fn start() -> Running<Alone> {
    let servers = r#"{ "gate": [{ "id": "gate-1", "frontend": true }] }"#;
    let builder = App::<Alone>::builder().servers(servers);
    builder.configure("all", "gate", |app| app.connector(Nobody)).start().await.unwrap()
}

/// How a driver may end.
type Ending = fn(Driver<Silent, Quiet>) -> BoxFuture<'static, ()>;

const ENDINGS: [Ending; 2] = [
    |mut driver| Box::pin(async move { driver.finish(End::Gone(io::ErrorKind::BrokenPipe.into())).await }),
    |driver| Box::pin(async move { drop(driver) }),
];

#[tokio::test]
async fn a_connection_that_ends_closes_its_session_unless_another_one_has_taken_its_place() {
    let running = start().await;
    let frontend = running.app("gate-1").unwrap().frontend();
    let format = frontend.add_format(Arc::new(NoFrames)).unwrap();
    let connections = Connections::<Silent>::new(frontend.clone(), ConnectionLimits::default(), format);
    let next = || Outbox::new(Next, frontend.flusher(), format, 1 << 20);
    for end in ENDINGS {
        for is_replaced in [true, false] {
            let mut driver = Driver::new(connections.take_seat(None).unwrap(), Quiet, None);
            while poll_fn(|cx| driver.poll_next(cx)).now_or_never().is_some() {}
            let session = driver.attached.as_ref().unwrap().session.clone();
            if is_replaced {
                assert!(session.attach(&next()).is_some(), "it is open");
            }
            end(driver).await;
            assert_eq!(session.attach(&next()).is_some(), is_replaced, "open only if it was replaced");
        }
    }
    running.stop().await;
}
