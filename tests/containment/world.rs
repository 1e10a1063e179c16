//! A frontend and a backend with code of the application's at every place, any of which a test makes fail.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::app::{Builder, Configure, Running};
use pomelo::filter::{Filter, Verdict};
use pomelo::request::Body;
use pomelo::router::asynchronous;
use pomelo::{Error, Event, Hybrid, Request, Result, Session, handler, remote};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::support::{Client, connect};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [WorkHandler], remotes: [ChatRemote] },
    /// Its router has to ask somebody.
    area: { handlers: [AreaHandler] },
}

/// What goes wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    Panic,
    /// Asynchronous code never ends.
    Hang,
    /// Synchronous code keeps its thread.
    Block(Duration),
}

/// Which places fail, and what was seen.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<HashMap<&'static str, Fault>>>, Arc<Mutex<Vec<String>>>);

impl Faults {
    pub fn set(&self, place: &'static str, fault: Fault) {
        self.0.lock().unwrap().insert(place, fault);
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What synchronous code does at a place.
    pub fn pass(&self, place: &str) {
        let fault = self.0.lock().unwrap().get(place).copied();
        match fault {
            Some(Fault::Panic) => panic!("{place} panics"),
            Some(Fault::Block(time)) => std::thread::sleep(time),
            Some(Fault::Hang) | None => {}
        }
    }

    /// What asynchronous code does at a place.
    pub async fn reach(&self, place: &str) {
        self.pass(place);
        if self.0.lock().unwrap().get(place) == Some(&Fault::Hang) {
            pending::<()>().await;
        }
    }

    pub fn note(&self, what: impl ToString) {
        self.1.lock().unwrap().push(what.to_string());
    }

    pub fn noted(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.noted().iter().filter(|noted| *noted == what).count()
    }
}

pub struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn bind(session: &Session, uid: String) -> Result<()> {
        session.bind_unique(uid).await
    }

    /// Registers two hooks.
    pub async fn hook(session: &Session, faults: &Faults) -> Result<()> {
        for name in ["first hook", "second hook"] {
            let faults = faults.clone();
            let closed = move |_| async move {
                faults.reach(name).await;
                faults.note(name);
                Ok(())
            };
            session.on_closed(closed).await?;
        }
        Ok(())
    }

    pub async fn echo(faults: &Faults, text: String) -> Result<Value> {
        work(faults, text).await
    }

    /// Ends with an error.
    pub async fn fail() -> Result<()> {
        Err(Error::new(499, "as it should"))
    }

    #[pomelo(concurrent)]
    pub async fn beside(faults: &Faults, text: String) -> Result<Value> {
        work(faults, text).await
    }
}

pub struct WorkHandler;

#[handler]
impl WorkHandler {
    pub async fn echo(faults: &Faults, text: String) -> Result<Value> {
        work(faults, text).await
    }

    pub async fn fail() -> Result<()> {
        Err(Error::new(499, "as it should"))
    }

    /// Joins the room, and pushes to it.
    pub async fn join(app: &App, session: &Session) -> Result<()> {
        let uid = session.uid().ok_or_else(|| Error::new(401, "who are you?"))?;
        app.channels().create("den").add(uid, session.frontend_id())
    }

    /// Pushes what can't be written.
    pub async fn push(app: &App) -> Result<()> {
        app.channels().create("den").push("news", &Unwritable)
    }

    /// Answers with what can't be written.
    pub async fn answer() -> Result<Unwritable> {
        Ok(Unwritable)
    }

    /// Never ends; dropping it panics.
    pub async fn trap() {
        let _trap = Trap;
        pending::<()>().await;
    }
}

pub struct AreaHandler;

#[handler]
impl AreaHandler {
    pub async fn echo(faults: &Faults, text: String) -> Result<Value> {
        work(faults, text).await
    }
}

async fn work(faults: &Faults, text: String) -> Result<Value> {
    faults.reach("handler").await;
    Ok(json!({ "text": text }))
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn echo(faults: &Faults, number: u32) -> Result<u32> {
        faults.reach("remote").await;
        Ok(number)
    }
}

/// Panics when it is serialized.
pub struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("a serializer panics")
    }
}

/// Panics when it is dropped.
struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("dropping panics");
    }
}

/// A filter of which both halves may fail; it notes its after half.
#[derive(Clone)]
struct Checked {
    faults: Faults,
    before: &'static str,
    after: &'static str,
}

impl Filter for Checked {
    async fn before(&self, _: &Request) -> Result<Verdict> {
        self.faults.reach(self.before).await;
        Ok(Verdict::Continue)
    }

    async fn after(&self, _: &Request, _: &Result<Body>) {
        self.faults.reach(self.after).await;
        self.faults.note(self.after);
    }
}

pub const SERVERS: &str = r#"{ "connector": [{ "id": "connector-1", "frontend": true }],
    "chat": [{ "id": "chat-1" }], "area": [{ "id": "area-1" }] }"#;

/// Servers that run, with what makes them fail.
pub struct World {
    pub running: Running<Rpc>,
    pub faults: Faults,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(configure: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static) -> Self {
        let faults = Faults::default();
        let running = builder(&faults).configure("all", "all", configure).start().await.unwrap();
        Self { running, faults }
    }

    pub fn app(&self, id: &str) -> &App {
        self.running.app(id).unwrap()
    }

    pub async fn client(&self) -> Client {
        connect(self.running.addresses("connector-1")[0]).await
    }

    /// A client that is bound to a user.
    pub async fn user(&self, uid: &str) -> Client {
        let client = self.client().await;
        assert_eq!(client.request("connector.entryHandler.bind", json!(uid)).await, json!({}));
        client
    }

    /// How often the application's code has panicked on all servers.
    pub fn panics(&self) -> u64 {
        self.running.apps().map(|app| app.report().panics).sum()
    }
}

pub fn builder(faults: &Faults) -> Builder<Rpc> {
    let (faults, inserted) = (faults.clone(), faults.clone());
    App::builder()
        .servers(SERVERS)
        .insert(inserted)
        .configure("all", "connector", |app| app.connector(Hybrid::new().address(([127, 0, 0, 1], 0))))
        .configure("all", "all", move |app| {
            app.limits().lanes = 1;
            app.filter(filter(&faults, "before", "after"));
            app.filter(filter(&faults, "second before", "second after"));
            routers(app, &faults);
            error_handlers(app, &faults);
            if app.server().frontend {
                app.global_filter(filter(&faults, "global before", "global after"));
            }
            listeners(app, &faults);
        })
}

fn filter(faults: &Faults, before: &'static str, after: &'static str) -> Checked {
    Checked { faults: faults.clone(), before, after }
}

fn routers(app: &mut Configure<Rpc>, faults: &Faults) {
    let (at_once, later) = (faults.clone(), faults.clone());
    app.route("chat", move |_, servers| {
        at_once.pass("router");
        Ok(servers[0].clone())
    });
    app.router(
        "area",
        asynchronous(move |_, servers| {
            let later = later.clone();
            later.pass("router's first step");
            async move {
                later.reach("later router").await;
                Ok(servers[0].clone())
            }
        }),
    );
}

fn error_handlers(app: &mut Configure<Rpc>, faults: &Faults) {
    let faults = [faults.clone(), faults.clone()];
    let handler = |faults: Faults, first: &'static str, later: &'static str| {
        move |_, _, _| {
            faults.pass(first);
            let faults = faults.clone();
            async move {
                faults.reach(later).await;
                faults.note(later);
                None
            }
        }
    };
    let [own, global] = faults;
    app.error_handler(handler(own, "error handler's first step", "error handler"));
    app.global_error_handler(handler(global, "global error handler's first step", "global error handler"));
}

fn listeners(app: &mut Configure<Rpc>, faults: &Faults) {
    for name in ["first listener", "second listener"] {
        let faults = faults.clone();
        app.on_event(move |_, event| {
            if let Event::BindSession(session) = event {
                faults.pass(name);
                faults.note(format_args!("{name}: {}", session.uid().unwrap()));
            }
        });
    }
}
