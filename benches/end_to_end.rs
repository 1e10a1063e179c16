//! Real sockets on loopback, clients and servers in this process: a request and its answer, and a push to a room.
//!
//! `bare` is the same bytes over the same sockets with nothing between: the floor. Everything runs on one thread, so that
//! no wake-up of another one is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pomelo::app::Running;
use pomelo::channel::Channel;
use pomelo::client::{Connection, Wire};
use pomelo::net::protocol::message::{Message, MessageKind, MessageRoute};
use pomelo::net::protocol::package::{Package, PackageKind};
use pomelo::{Hybrid, Result, Session, handler};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [ChatHandler] },
}

const MEMBERS: usize = 100;

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn login(session: &Session, uid: String) -> Result<()> {
        session.bind(uid).await
    }

    pub async fn echo(message: Value) -> Result<Value> {
        Ok(message)
    }
}

struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn echo(message: Value) -> Result<Value> {
        Ok(message)
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn start() -> Result<Running<Rpc>> {
    let servers =
        r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#;
    let builder = App::builder().servers(servers);
    let connector = || Hybrid::new().address(([127, 0, 0, 1], 0));
    Ok(builder.configure("all", "connector", move |app| app.connector(connector())).start().await?)
}

/// A client that has done its handshake. From then on its bytes are those of the benchmark, so that nothing of the client is measured.
async fn connect(address: SocketAddr) -> Wire {
    let connection = Connection::connect(&format!("tcp://{address}")).await;
    connection.expect("a connection").into_wire()
}

async fn ask(client: &mut Wire, request: &Bytes) -> Package {
    client.send(request.clone()).await.expect("an open connection");
    loop {
        let package = client.read_package().await.expect("a package");
        if package.kind != PackageKind::Heartbeat {
            return package;
        }
    }
}

fn package(kind: PackageKind, body: &[u8]) -> Bytes {
    Package::encode(kind, body).expect("a short body")
}

fn request(route: &str, body: &Value) -> Bytes {
    let (route, body) = (Some(MessageRoute::Name(route.into())), Bytes::from(body.to_string()));
    let message = Message { kind: MessageKind::Request, id: 1, route, body, gzip: false };
    package(PackageKind::Data, &message.encode().expect("a short message"))
}

fn chat() -> Value {
    json!({ "msg": "sixty-four bytes of text, more or less, as people write", "from": "u1", "target": "*" })
}

/// A server that sends back what it reads.
async fn bare() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer).await? {
                0 => return std::io::Result::Ok(()),
                read => stream.write_all(&buffer[..read]).await?,
            }
        }
    });
    Ok(address)
}

fn requests(criterion: &mut Criterion) {
    let runtime = runtime();
    let running = runtime.block_on(start()).expect("two servers");
    let address = running.addresses("connector-1")[0];
    let mut group = criterion.benchmark_group("request");
    group.measurement_time(Duration::from_secs(4));
    for (name, route) in [("here", "connector.entryHandler.echo"), ("at a backend", "chat.chatHandler.echo")]
    {
        let mut client = runtime.block_on(connect(address));
        let request = request(route, &chat());
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(ask(&mut client, &request)));
        });
    }
    let request = request("chat.chatHandler.echo", &chat());
    let mut stream = runtime.block_on(async {
        let stream = TcpStream::connect(bare().await?).await?;
        stream.set_nodelay(true)?;
        std::io::Result::Ok(stream)
    });
    let stream = stream.as_mut().expect("a connection");
    group.bench_function("bare", |bencher| {
        let mut buffer = vec![0; request.len()];
        bencher.iter(|| {
            runtime.block_on(async {
                stream.write_all(&request).await?;
                stream.read_exact(&mut buffer).await
            })
        });
    });
    group.finish();
    runtime.block_on(running.stop());
}

/// A room whose members are clients that count what they read.
async fn room(running: &Running<Rpc>, read: &Arc<AtomicUsize>) -> Channel {
    let room = running.app("chat-1").expect("it is up").channels().create("room");
    for member in 0..MEMBERS {
        let mut client = connect(running.addresses("connector-1")[0]).await;
        let uid = format!("u{member}");
        ask(&mut client, &request("connector.entryHandler.login", &json!(uid))).await;
        room.add(uid, "connector-1").expect("a room");
        tokio::spawn(count(client, read.clone()));
    }
    room
}

/// Counts bytes, and looks at none of them.
async fn count(mut client: Wire, read: Arc<AtomicUsize>) {
    let mut buffer = [0; 4096];
    while let Ok(bytes @ 1..) = client.stream().read(&mut buffer).await {
        read.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Pushes once, and waits until all members have read it.
async fn deliver(room: &Channel, read: &AtomicUsize, goal: usize) {
    room.push("onChat", &chat()).expect("a room");
    while read.load(Ordering::Relaxed) < goal {
        tokio::task::yield_now().await;
    }
}

fn pushes(criterion: &mut Criterion) {
    let runtime = runtime();
    let running = runtime.block_on(start()).expect("two servers");
    let read = Arc::new(AtomicUsize::new(0));
    let room = runtime.block_on(room(&running, &read));
    let push = Message {
        kind: MessageKind::Push,
        id: 0,
        route: Some(MessageRoute::Name("onChat".into())),
        body: chat().to_string().into(),
        gzip: false,
    };
    let bytes = package(PackageKind::Data, &push.encode().expect("a short message")).len() * MEMBERS;
    let mut group = criterion.benchmark_group("push to a room");
    group.measurement_time(Duration::from_secs(4)).throughput(Throughput::Elements(MEMBERS as u64));
    group.bench_function("100 members", |bencher| {
        bencher.iter(|| {
            let goal = read.load(Ordering::Relaxed) + bytes;
            runtime.block_on(deliver(&room, &read, goal));
        });
    });
    group.finish();
    runtime.block_on(running.stop());
}

criterion_group!(benches, requests, pushes);
criterion_main!(benches);
