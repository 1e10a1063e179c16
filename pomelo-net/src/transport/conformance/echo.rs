//! The servers of the checks: one that calls, one that is called. What `servers!` would write, by hand.

use std::ffi::OsString;
use std::future::pending;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use pomelo_core::app::{App, Mount, Network, Platform, Provided, ServerType, Task, Wants};
use pomelo_core::args::ArgReader;
use pomelo_core::inject::{Context, Injected};
use pomelo_core::method::{Contract, Inbound, IntoReply, Method, Proxy, Remote, Table};
use pomelo_core::router::Routers;
use pomelo_core::rpc::RpcClient;
use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, Result};
use pomelo_core::wire::Codecs;
use tokio::sync::Semaphore;

use crate::cluster::StaticDiscovery;

/// What the callee's methods wait at, and what they noted.
#[derive(Clone)]
pub(super) struct Gate {
    /// Closed, it keeps calls waiting.
    pub(super) open: Arc<Semaphore>,
    /// Numbers, in the order in which they came.
    pub(super) notes: Arc<Mutex<Vec<u32>>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { open: Arc::new(Semaphore::new(0)), notes: Arc::default() }
    }
}

impl Gate {
    pub(super) fn noted(&self) -> usize {
        self.notes.lock().expect("no test panics while it notes").len()
    }

    fn note(&self, number: u32) {
        self.notes.lock().expect("no test panics while it notes").push(number);
    }
}

/// The application of the checks.
pub(super) struct Cluster;

impl pomelo_core::app::Cluster for Cluster {
    const SERVERS: &'static [ServerType] = &[
        ServerType { name: "caller", handlers: &[], remotes: &[] },
        ServerType { name: "callee", handlers: &[], remotes: &[Table::remote::<Echo>()] },
    ];

    fn bind(_: &Arc<Routers>) -> Self {
        Self
    }

    fn mount(app: &App<Self>, mount: &mut Mount<Self>) {
        if app.server_type() == "callee" {
            mount.remote(Echo);
        }
    }

    fn platform() -> &'static dyn Platform {
        &Bare
    }
}

/// The platform of the checks: the transport is the one under test, all of servers.json is expected, and nobody reads a command line.
struct Bare;

impl Platform for Bare {
    fn task(&self, _: Vec<OsString>) -> Result<Task> {
        Ok(Task::RunAll { env: None, settings: Default::default() })
    }

    fn provide(&self, config: &Config, _: Wants) -> Result<Provided> {
        let discovery = Arc::new(StaticDiscovery::new(config.servers.iter().cloned()));
        let network = Network { discovery: Some(discovery), transport: None };
        Ok(Provided { network, codecs: Codecs::default(), operators: None, warnings: vec![], warned: false })
    }

    fn stop_signal(&self) -> BoxFuture<'static, ()> {
        pending().boxed()
    }
}

/// `echo` returns what it gets, `note` writes a number down, `wait` notes it and waits at the gate, `fail` fails.
pub(super) struct Echo;

/// The checks call by name.
pub(super) struct Untyped;

impl Proxy for Untyped {
    fn bind(_: RpcClient) -> Self {
        Self
    }
}

const INJECTED: &[Injected] = &[Injected::of::<Gate>()];

const fn method(id: u16, name: &'static str) -> Method {
    Method { id, name, concurrent: false, injects: INJECTED }
}

impl Contract for Echo {
    type Proxy = Untyped;
    const NAME: &'static str = "echo";
    const METHODS: &'static [Method] =
        &[method(0, "echo"), method(1, "note"), method(2, "wait"), method(3, "fail")];
}

impl<A: Send + Sync + 'static> Remote<A> for Echo {
    fn call<'a>(&'a self, cx: Context<'a, A, Inbound>, method: u16) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(async move {
            let (mut args, gate) = (ArgReader::new(cx.message().args())?, cx.inject::<Gate>()?);
            if method == 0 {
                return Ok::<_, Error>(args.next::<serde_bytes::ByteBuf>("body")?).into_reply();
            }
            let number = args.next("number")?;
            match method {
                1 | 2 => gate.note(number),
                _ => return Err(Error::new(417, "as it was told")),
            }
            if method == 2 {
                gate.open.acquire().await?.forget();
            }
            Ok::<_, Error>(number).into_reply()
        })
    }
}
