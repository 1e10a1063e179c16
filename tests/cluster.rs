//! Servers that are processes of their own: here each has a transport and a discovery by itself.

mod support;

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use pomelo::core::app::Running;
use pomelo::core::cluster::Member;
use pomelo::core::discovery::{Discovery, Registration, Watcher};
use pomelo::core::server::ServerInfo;
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{ErrorKind, Result, remote, to};
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
}

/// A discovery that says what the test wants.
#[derive(Default)]
struct Told(Mutex<Vec<Arc<dyn Watcher>>>);

impl Told {
    fn expect(&self, servers: &[Arc<ServerInfo>]) {
        self.0.lock().unwrap().iter().for_each(|watcher| watcher.expect(servers.to_vec()));
    }
}

impl Discovery for Told {
    fn register(&self, _: Member, watcher: Arc<dyn Watcher>) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        self.0.lock().unwrap().push(watcher);
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

async fn start(servers: &str, id: &str, told: &Arc<Told>, door: &Arc<Semaphore>) -> Running<Rpc> {
    let builder = App::builder().servers(servers).insert(door.clone()).discovery(told.clone());
    let builder = builder.transport(Arc::new(Tcp::new(TcpOptions::default())));
    builder.start_server(id, None).await.unwrap()
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
    let gone = app.rpc.chat.chat_remote.wait(to("chat-1")).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NoServer);
    area.stop().await;
}
