//! The frontend behind the connectors: `connector-1` with the methods of `connector.entryHandler` that the tests call.
//!
//! | method | does |
//! |---|---|
//! | `echo` | answers with the body |
//! | `slow` `{ms}` | the same after that time |
//! | `push` `{route, body}` | pushes that to the client, then answers |
//! | `flood` `{count, size}` | pushes that many texts of that size while the client is there, then answers |
//! | `kick` `{reason}` | kicks the client |

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use pomelo_core::app::{Cluster, Mount, Platform, Running, ServerType};
use pomelo_core::channel::Recipient;
use pomelo_core::frontend::{Connector, Frontend, Listening};
use pomelo_core::inject::{Context, Injected};
use pomelo_core::method::{Handler, HandlerContract, Method, Table};
use pomelo_core::request::{IntoResponse, Request};
use pomelo_core::router::Routers;
use pomelo_core::session::Session;
use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, ErrorKind, Result};
use pomelo_core::wire::{Body, Encoding};
use serde_json::{Value, json};

use super::millis;

pub type App = pomelo_core::app::App<Tests>;

/// An application of connectors alone.
pub struct Tests;

impl Cluster for Tests {
    const SERVERS: &'static [ServerType] =
        &[ServerType { name: "connector", handlers: &[Table::handler::<EntryHandler>()], remotes: &[] }];

    fn bind(_: &Arc<Routers>) -> Self {
        Self
    }

    fn mount(_: &App, mount: &mut Mount<Self>) {
        mount.handler(EntryHandler);
    }

    fn platform() -> &'static dyn Platform {
        &pomelo_net::defaults::Embedded
    }
}

/// Runs `connector-1` with this dictionary and these protos. Its own connector takes nobody: the tests start theirs.
pub async fn start(config: &Config) -> Result<Running<Tests>> {
    let dir = ConfigDir::write(config);
    let builder = App::builder().env("development").config_dir(&dir.0);
    Ok(builder.configure("all", "connector", |app| app.connector(Nobody)).start().await?)
}

struct Nobody;

impl Connector for Nobody {
    fn encoding(&self) -> Encoding {
        Encoding::Protobuf
    }

    fn start(self: Arc<Self>, _: Arc<Frontend>) -> BoxFuture<'static, Result<Listening>> {
        let stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send> = Box::new(|| Box::pin(async {}));
        Box::pin(async { Ok(Listening { address: ([127, 0, 0, 1], 0).into(), protocol: "none", stop }) })
    }
}

/// A configuration directory of its own, until it is dropped.
struct ConfigDir(PathBuf);

impl ConfigDir {
    fn write(config: &Config) -> Self {
        static SERIAL: AtomicUsize = AtomicUsize::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("pomelo-net-{}-{serial}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let servers =
            json!({ "connector": [{ "id": "connector-1", "host": "127.0.0.1", "frontend": true }] });
        write(&dir, "servers.json", Some(&servers));
        write(&dir, "dictionary.json", config.dictionary.as_ref());
        write(&dir, "serverProtos.json", config.server_protos.as_ref());
        write(&dir, "clientProtos.json", config.client_protos.as_ref());
        Self(dir)
    }
}

impl Drop for ConfigDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn write(dir: &Path, name: &str, value: Option<&Value>) {
    if let Some(value) = value {
        std::fs::write(dir.join(name), value.to_string()).unwrap();
    }
}

struct EntryHandler;

impl HandlerContract for EntryHandler {
    const NAME: &'static str = "entryHandler";
    const METHODS: &'static [Method] =
        &[method(0, "echo"), method(1, "slow"), method(2, "push"), method(3, "flood"), method(4, "kick")];
}

const LENDS: &[Injected] = &[Injected::of::<App>(), Injected::of::<Session>()];

const fn method(id: u16, name: &'static str) -> Method {
    Method { id, name, concurrent: false, injects: LENDS }
}

impl Handler<App> for EntryHandler {
    fn call<'a>(&'a self, cx: Context<'a, App, Request>, method: u16) -> BoxFuture<'a, Result<Body>> {
        Box::pin(async move {
            let (app, session, request) = (cx.inject::<App>()?, cx.inject::<Session>()?, cx.message());
            let body: Value = request.decode()?;
            let number = |key: &str| body[key].as_u64().ok_or_else(|| missing(key));
            let text = |key: &str| body[key].as_str().ok_or_else(|| missing(key));
            match method {
                // As it came: not every body of the tests is JSON.
                0 => return Ok(request.body().clone()),
                1 => {
                    tokio::time::sleep(millis(number("ms")?)).await;
                    return Ok(request.body().clone());
                }
                2 => {
                    let client = client(session).await?;
                    app.channels().push_by_uids(text("route")?, &body["body"], [client])?;
                }
                3 => {
                    let client = client(session).await?;
                    let text = "x".repeat(number("size")? as usize);
                    for _ in 0..number("count")? {
                        // To a client that is kicked for it, encoding the rest only takes the others' time.
                        if app.sessions().get(session.id()).is_none() {
                            break;
                        }
                        app.channels().push_by_uids("onText", &text, [client.clone()])?;
                        // The others want to be served meanwhile.
                        tokio::task::yield_now().await;
                    }
                }
                _ => session.kick(Some(text("reason")?)).await?,
            }
            Ok::<_, Error>(()).into_response(request)
        })
    }
}

fn missing(key: &str) -> Error {
    Error::of(ErrorKind::BadMessage, format_args!("no {key}"))
}

/// The client of this session and no other: it is bound to a user of its own.
async fn client(session: &Session) -> Result<Recipient> {
    let uid = session.id().to_string();
    session.bind(&uid).await?;
    Ok(Recipient { uid: uid.into(), sid: session.frontend_id().clone() })
}
