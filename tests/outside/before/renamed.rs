// A program with the names of before, in each form in which they are imported. `tests/renamed.rs` has what docs/renames.txt makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use pomelo::core::app::{Builder, Component, Configure, Core, Running};
use pomelo::core::cluster::Member;
use pomelo::core::counters::Dropped;
use pomelo::core::envelope::Envelope;
use pomelo::core::error::{Error, Fault};
use pomelo::core::message::Body;
use pomelo::core::remote::Inbound;
use pomelo::core::rpc::{Call, One};
use pomelo::core::server::{ServerId, ServerInfo, Servers};
use pomelo::core::session::Incarnation;
use pomelo::core::transport::{Inbox, Outlet, Transport, Unsent};
use pomelo::filter::{Filter, FilterFactory, Verdict};
use pomelo::net::transport::Memory;
use pomelo::session::{SessionId, Uid};
use pomelo::{
    ErrorKind, Event, OrErr, Raw, Request, Result, Session, handler, key, remote, router::RouteBy, to,
};
use serde_json::{Value, json};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { remotes: [RoomRemote] },
}

#[derive(Debug, thiserror::Error, pomelo::ErrorCode)]
enum RoomError {
    #[error("no room is called {0}")]
    #[error_code(404)]
    NoRoom(String),
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn raw(session: &Session, message: Raw) -> Result<Value> {
        let id: SessionId = session.id();
        Ok(json!([id.to_string(), message.0.len()]))
    }
}

struct RoomRemote;

#[remote]
impl RoomRemote {
    pub async fn enter(app: &App, call: &Inbound, room: String) -> Result<(ServerId, usize), RoomError> {
        if room.is_empty() {
            return Err(RoomError::NoRoom(room));
        }
        let channel = app.channels().create(&room);
        let uid: Uid = "ann".into();
        channel.add(uid, call.from().clone()).ok();
        Ok((app.server_id().clone(), channel.len()))
    }
}

/// Counts what it carries.
#[derive(Clone)]
struct Counting(Memory, Arc<AtomicUsize>);

struct CountingOutlet(Arc<dyn Outlet>, Arc<AtomicUsize>);

impl Transport for Counting {
    fn bind(&self, server: Member, inbox: Arc<dyn Inbox>) -> BoxFuture<'_, Result<Arc<dyn Outlet>>> {
        let count = self.1.clone();
        Box::pin(async move {
            let outlet = self.0.bind(server, inbox).await?;
            Ok(Arc::new(CountingOutlet(outlet, count)) as Arc<dyn Outlet>)
        })
    }
}

impl Outlet for CountingOutlet {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.send(to, envelope)
    }

    fn expect(&self, servers: &[Arc<ServerInfo>]) {
        self.0.expect(servers);
    }

    fn announce(&self, server: Member) {
        self.0.announce(server);
    }

    fn cut(&self, server: &ServerId, incarnation: Incarnation) {
        self.0.cut(server, incarnation);
    }

    fn queued_bytes(&self) -> usize {
        self.0.queued_bytes()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close()
    }
}

struct Named;

#[derive(Clone)]
struct Stop(String);

impl FilterFactory for Named {
    fn build(&self, app: &Core) -> impl Filter {
        Stop(app.server_id().to_string())
    }
}

impl Filter for Stop {
    async fn before(&self, request: &Request) -> Result<Verdict> {
        let body: &Body = request.body();
        match body.bytes.is_empty() {
            true => Err(Error::of(ErrorKind::Refused, &self.0).with_fault(Fault::Client)),
            false => Ok(Verdict::Continue),
        }
    }
}

struct Clock;

impl Component<App> for Clock {}

fn builder(transport: Arc<dyn Transport>) -> Builder<Rpc> {
    App::builder()
        .servers(r#"{ "connector": [{ "id": "connector-1" }], "chat": [{ "id": "chat-1" }] }"#)
        .transport(transport)
        .configure("all", "all", |app: &mut Configure<Rpc>| {
            app.filter(Named);
            app.component(Clock);
            app.on_event(|_, event| assert!(!matches!(event, Event::MembersLost { .. })));
        })
        .route("chat", |_: &RouteBy, servers: &Servers| {
            servers.first().map(|server| server.id.clone()).or_err(404, "no server")
        })
}

#[tokio::test]
async fn a_program_with_the_names_of_before_runs_when_they_are_rewritten() {
    let count = Arc::<AtomicUsize>::default();
    let running: Running<Rpc> = builder(Arc::new(Counting(Memory::new(), count.clone()))).start().await.unwrap();
    let app = running.app("connector-1").unwrap();
    let rooms = &app.rpc.chat.room_remote;
    let call: Call<(ServerId, usize), One> = rooms.enter(key("den"), "den");
    assert_eq!(call.await.unwrap(), ("chat-1".into(), 1));
    let error = rooms.enter(to("chat-1"), "").await.unwrap_err();
    assert_eq!((error.code(), error.message()), (404, "no room is called "));
    assert!(count.load(Ordering::Relaxed) > 1);
    assert_eq!(app.counters().dropped(Dropped::LaneFull), 0);
    running.stop().await;
}
