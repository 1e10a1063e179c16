//! Servers whose `Running` is dropped end at once: nothing of them stays.

mod support;

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use futures::future::pending;
use pomelo::app::{Builder, Running};
use pomelo::net::transport::{Memory, Tcp, TcpOptions};
use pomelo::testing::{self, TestSession};
use pomelo::{Component, Hybrid, Result, handler};
use support::{connect, soon, until};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: {},
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn ping() {}
}

fn servers(port: u16) -> String {
    format!(
        r#"{{ "connector": [{{ "id": "connector-1", "frontend": true }}], "chat": [{{ "id": "chat-1", "port": {port} }}] }}"#
    )
}

fn builder(servers: &str) -> Builder<Rpc> {
    let hybrid = Hybrid::new().address(([127, 0, 0, 1], 0));
    App::builder()
        .servers(servers)
        .configure("all", "connector", move |app| app.connector(hybrid.clone()))
        .configure("all", "all", |app| app.limits().link_timeout = Duration::ZERO)
}

/// Waits until nobody listens there.
async fn until_free(address: SocketAddr) {
    soon(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_port_is_free_its_clients_are_let_go_and_its_tasks_are_gone() {
    let running = builder(&servers(0)).start().await.unwrap();
    let address = running.addresses("connector-1")[0];
    let client = connect(address).await;
    client.request("connector.entryHandler.ping", serde_json::json!({})).await;
    // A stranger that never says anything.
    let mut stranger = TcpStream::connect(address).await.unwrap();
    // Connections are accepted in order.
    connect(address).await.close().await;
    let apps: Vec<App> = running.apps().cloned().collect();
    drop(running);
    until_free(address).await;
    assert_eq!(client.end().await, None);
    for app in apps {
        let frontend = app.frontend();
        until(|| frontend.tasks().running().is_empty()).await;
        until(|| app.sessions().is_empty()).await;
    }
    assert_eq!(soon(stranger.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_client_that_greets_a_server_which_is_gone_is_let_go() {
    let running = testing::start(builder(&servers(0))).await.unwrap();
    let app = running.app("connector-1").clone();
    let before = TestSession::open(&app);
    assert!(!before.is_closed());
    drop(running);
    assert_eq!(before.end().await, None);
    assert_eq!(TestSession::open(&app).end().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_see_that_it_left() {
    let memory = Arc::new(Memory::new());
    let text = servers(0);
    let start =
        |id: &'static str| builder(&text).transport(memory.clone()).start_only(move |info| info.id == id);
    let (connector, chat) = tokio::try_join!(start("connector-1"), start("chat-1")).unwrap();
    let app = connector.app("connector-1").unwrap().clone();
    until(|| app.servers("chat").len() == 1).await;
    drop(chat);
    until(|| app.servers("chat").is_empty()).await;
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_its_links_and_its_port_are_closed() {
    let port = free_port();
    let text = servers(port);
    let start = |id: &'static str| {
        let tcp = Arc::new(Tcp::new(TcpOptions::default()));
        builder(&text).transport(tcp).start_only(move |info| info.id == id)
    };
    let (connector, chat) = tokio::try_join!(start("connector-1"), start("chat-1")).unwrap();
    let app = connector.app("connector-1").unwrap().clone();
    until(|| app.servers("chat").len() == 1).await;
    drop(chat);
    until(|| app.servers("chat").is_empty()).await;
    until_free(([127, 0, 0, 1], port).into()).await;
    // Another takes its place.
    let chat = start("chat-1").await.unwrap();
    until(|| app.servers("chat").len() == 1).await;
    chat.stop().await;
    connector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_thread_of_a_server_that_has_one_ends_with_all_that_runs_there() {
    let held = Arc::new(());
    let kept = held.clone();
    let builder = builder(&servers(0)).configure("all", "chat", move |app| {
        app.one_thread();
        let kept = kept.clone();
        app.after_startup(move |_| {
            let kept = kept.clone();
            async move {
                // A loop of the application's, on the server's own thread.
                tokio::spawn(async move {
                    pending::<()>().await;
                    drop(kept);
                });
                Ok(())
            }
        });
    });
    let running: Running<Rpc> = builder.start().await.unwrap();
    drop(running);
    until(|| Arc::strong_count(&held) == 1).await;
}

struct Endless;

impl Component<App> for Endless {
    async fn start(&self, app: &App) -> Result<()> {
        if app.is_frontend() { Ok(()) } else { pending().await }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_given_up_leaves_nothing_either() {
    let port = free_port();
    let text = format!(
        r#"{{ "connector": [{{ "id": "connector-1", "frontend": true, "port": {port} }}], "chat": [{{ "id": "chat-1" }}] }}"#
    );
    let builder = builder(&text).transport(Arc::new(Tcp::new(TcpOptions::default())));
    let builder = builder.configure("all", "all", |app| app.component(Endless));
    let start = tokio::spawn(async { drop(builder.start().await) });
    // The frontend is reachable, and the other one never is.
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    soon(async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    start.abort();
    until_free(address).await;
}
