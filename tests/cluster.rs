//! Servers that are processes of their own: here each has a transport and a discovery by itself.

mod support;

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use pomelo::app::{Builder, Running};
use pomelo::error::ErrorKind;
use pomelo::ext::discovery::{Discovery, MembershipEvents, Registration};
use pomelo::ext::transport::Member;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::server::ServerInfo;
use pomelo::{Event, Result, key, remote, to};
use support::{soon, until};
use tokio::sync::Semaphore;

pomelo::servers! {
    area: {},
    chat: { remotes: [ChatRemote] },
}

struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn wait(door: &Arc<Semaphore>) -> Result<u8> {
        door.acquire().await?.forget();
        Ok(7)
    }

    pub async fn name(app: &App) -> Result<String> {
        Ok(app.server_id().to_string())
    }
}

/// A discovery that says what the test wants.
#[derive(Default)]
struct Told(Mutex<Vec<Arc<dyn MembershipEvents>>>);

impl Told {
    fn expect(&self, servers: &[Arc<ServerInfo>]) {
        self.0.lock().unwrap().iter().for_each(|events| events.expect(servers.to_vec()));
    }
}

impl Discovery for Told {
    fn register(
        &self,
        _: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        self.0.lock().unwrap().push(events);
        Box::pin(async { Ok(Arc::new(Nowhere) as Arc<dyn Registration>) })
    }
}

struct Nowhere;

impl Registration for Nowhere {
    fn update(&self, _: Member) {}

    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A port that is free, and that no outgoing connection takes meanwhile: systems take those from 32768 on.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(89);
    let ports = std::iter::repeat_with(|| 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000);
    let mut ports = ports.map(|port| port as u16);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// What area-1 was told of others, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, event: &Event) {
        let ids = |servers: &[Arc<ServerInfo>]| {
            let mut ids: Vec<_> = servers.iter().map(|info| info.id.to_string()).collect();
            ids.sort();
            ids.join(" ")
        };
        self.0.lock().unwrap().push(match event {
            Event::AddServers(servers) => format!("added {}", ids(servers)),
            Event::RemoveServers(servers) => {
                format!("removed {}", servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            }
            Event::ReplaceServers(servers) => format!("expected {}", ids(servers)),
            _ => return,
        });
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn has(&self, what: &str) -> bool {
        self.0.lock().unwrap().iter().any(|seen| seen == what)
    }
}

/// Candidates of the routes to a chat server, as the router last saw them.
#[derive(Clone, Default)]
struct Candidates(Arc<Mutex<Vec<String>>>);

async fn start(servers: &str, id: &str, told: &Arc<Told>, door: &Arc<Semaphore>) -> Running<Rpc> {
    run(App::builder().servers(servers).insert(door.clone()), id, None, told).await
}

/// Runs one server, over tcp; `info` is its entry if servers.json has none.
async fn run(
    builder: Builder<Rpc>,
    id: &str,
    info: Option<Arc<ServerInfo>>,
    told: &Arc<Told>,
) -> Running<Rpc> {
    let builder = builder.discovery(told.clone()).transport(Arc::new(Tcp::new(TcpOptions::default())));
    builder.start_server(id, info).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_taken_off_the_list_ends_what_it_has_begun() {
    let servers = format!(
        r#"{{ "area": [{{ "id": "area-1", "port": {} }}], "chat": [{{ "id": "chat-1", "port": {} }}] }}"#,
        free_port(),
        free_port()
    );
    let (told, door) = (Arc::new(Told::default()), Arc::new(Semaphore::new(0)));
    let (area, chat) =
        tokio::join!(start(&servers, "area-1", &told, &door), start(&servers, "chat-1", &told, &door));
    let app = area.app("area-1").unwrap().clone();
    let call = tokio::spawn(app.rpc.chat.chat_remote.wait(to("chat-1")).into_future());
    until(|| app.report().pending_calls == 1).await;

    let list: Vec<_> = app.config().servers.iter().filter(|info| info.id != "chat-1").cloned().collect();
    told.expect(&list);
    let opening = async {
        until(|| app.servers("chat").is_empty()).await;
        door.add_permits(1);
    };
    soon(async { tokio::join!(chat.stop(), opening) }).await;
    assert_eq!(soon(call).await.unwrap().unwrap(), 7);
    // Until its leaving is seen, calls are told that it stops.
    let gone = async || app.rpc.chat.chat_remote.wait(to("chat-1")).await.unwrap_err().kind();
    soon(async {
        while gone().await != ErrorKind::NoServer {
            tokio::task::yield_now().await;
        }
    })
    .await;
    area.stop().await;
}

/// area-1, chat-1 of the list, and chat-2, which was added while they ran.
struct Grown {
    area: Running<Rpc>,
    chat: Running<Rpc>,
    added: Running<Rpc>,
    told: Arc<Told>,
    /// What area-1 sees.
    seen: Seen,
    candidates: Candidates,
}

impl Grown {
    async fn start() -> Self {
        Self::start_with(true).await
    }

    /// chat-2 says itself that it was taken in; area-1 and chat-1 are not told of it.
    async fn start_before_the_list() -> Self {
        Self::start_with(false).await
    }

    async fn start_with(is_listed: bool) -> Self {
        let servers = format!(
            r#"{{ "area": [{{ "id": "area-1", "port": {} }}], "chat": [{{ "id": "chat-1", "port": {} }}] }}"#,
            free_port(),
            free_port()
        );
        let (told, seen, candidates) = (Arc::new(Told::default()), Seen::default(), Candidates::default());
        let builder = || App::builder().servers(servers.as_str()).insert(Arc::new(Semaphore::new(0)));
        let (noting, routing) = (seen.clone(), candidates.clone());
        let area = builder().configure("all", "all", move |app| {
            let noting = noting.clone();
            app.on_event(move |_, event| noting.note(event));
        });
        let area = area.route("chat", move |_, servers| {
            *routing.0.lock().unwrap() = servers.iter().map(|info| info.id.to_string()).collect();
            Ok(servers[servers.len() - 1].id.clone())
        });
        let (area, chat) =
            tokio::join!(run(area, "area-1", None, &told), run(builder(), "chat-1", None, &told));
        let app = area.app("area-1").unwrap();
        let entry = serde_json::json!({ "id": "chat-2", "serverType": "chat", "port": free_port() });
        let entry: Arc<ServerInfo> = Arc::new(serde_json::from_value(entry).unwrap());
        let more: Vec<_> = app.config().servers.iter().cloned().chain([entry.clone()]).collect();
        if is_listed {
            told.expect(&more);
        }
        let added = run(builder(), "chat-2", Some(entry), &told).await;
        until(|| app.servers("chat").len() == 2).await;
        let grown = Self { area, chat, added, told, seen, candidates };
        assert_eq!(grown.routed().await, "chat-2");
        grown
    }

    /// Which server a call by key goes to.
    async fn routed(&self) -> String {
        soon(self.app().rpc.chat.chat_remote.name(key("room")).into_future()).await.unwrap()
    }

    fn app(&self) -> &App {
        self.area.app("area-1").unwrap()
    }

    /// A list that has chat-2, too.
    fn with_added(&self) -> Vec<Arc<ServerInfo>> {
        let added = self.added.app("chat-2").unwrap().server().clone();
        self.app().config().servers.iter().cloned().chain([added]).collect()
    }

    fn candidates(&self) -> Vec<String> {
        self.candidates.0.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_expected_is_said_also_where_a_server_comes_before_the_list_that_has_it() {
    let grown = Grown::start_before_the_list().await;
    let expected = "expected area-1 chat-1 chat-2";
    until(|| grown.seen.has(expected)).await;
    assert_eq!(grown.candidates(), ["chat-1", "chat-2"]);
    let seen = grown.seen.take();
    assert!(seen.ends_with(&["added chat-2".to_owned(), expected.to_owned()]), "{seen:?}");

    grown.told.expect(&grown.with_added());
    assert_eq!(grown.routed().await, "chat-2");
    assert_eq!(grown.seen.take(), Vec::<String>::new(), "it is said once");
    grown.area.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_a_server_that_is_up_is_said_as_routers_see_it() {
    let grown = Grown::start().await;
    grown.seen.take();
    // A master that begins anew has not heard of chat-2 yet, and an operator adds chat-3.
    let entry = serde_json::json!({ "id": "chat-3", "serverType": "chat", "port": free_port() });
    let added = Arc::new(serde_json::from_value(entry).unwrap());
    let list: Vec<_> = grown.app().config().servers.iter().cloned().chain([added]).collect();
    grown.told.expect(&list);
    let expected = "expected area-1 chat-1 chat-2 chat-3";
    until(|| !grown.seen.0.lock().unwrap().is_empty()).await;
    assert_eq!(grown.seen.take(), [expected]);
    // It is routed to chat-3, which is down.
    let error = grown.app().rpc.chat.chat_remote.name(key("room")).await.unwrap_err();
    assert_eq!((error.kind(), grown.candidates().len()), (ErrorKind::Refused, 3));
    grown.area.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_added_and_is_off_the_list_again_is_forgotten_when_it_leaves() {
    let mut grown = Grown::start().await;
    grown.told.expect(&grown.app().config().servers);
    assert_eq!(grown.routed().await, "chat-2", "it is up, so nobody's room moves");
    assert_eq!(grown.candidates(), ["chat-1", "chat-2"]);
    grown.seen.take();

    assert!(grown.added.stop_server("chat-2").await);
    until(|| grown.seen.has("expected area-1 chat-1")).await;
    assert_eq!(grown.routed().await, "chat-1");
    assert_eq!(grown.candidates(), ["chat-1"]);
    grown.told.expect(&grown.app().config().servers);
    assert_eq!(grown.seen.take(), ["removed chat-2", "expected area-1 chat-1"], "each is said once");
    grown.area.stop().await;
    grown.chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_added_and_is_on_the_list_is_expected_after_it_has_left() {
    let mut grown = Grown::start().await;
    grown.seen.take();
    assert!(grown.added.stop_server("chat-2").await);
    until(|| grown.seen.has("removed chat-2")).await;
    let error = grown.app().rpc.chat.chat_remote.name(key("room")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(grown.candidates(), ["chat-1", "chat-2"]);
    assert_eq!(grown.seen.take(), ["removed chat-2"]);
    grown.area.stop().await;
    grown.chat.stop().await;
}
