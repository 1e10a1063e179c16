//! Mass disconnect: the cost for a room of 8,000 when all of its clients are gone at once, since their process is killed.
//!
//! `hangup [USERS]` starts servers and clients, once with all servers in one process and once with a process for each, and
//! prints the CPU time of the servers from the kill until nothing more happens, the most memory that they took meanwhile, and
//! what they take five seconds later, both in ratio to what they took before. It reads /proc, so it needs Linux, and the
//! ports of the chat example.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pomelo::net::protocol::message::{Message, MessageKind, MessageRoute};
use pomelo::net::protocol::package::{Package, PackageKind};
use pomelo::{Hybrid, Result, Session, handler, key, remote};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

pomelo::servers! {
    gate: {},
    connector: { handlers: [EntryHandler] },
    chat: { remotes: [RoomRemote] },
}

/// What the process is: `servers` or `crowd`. The arguments belong to the servers' command line.
const ROLE: &str = "POMELO_HANGUP_ROLE";
const ROOM: &str = "room";
const CONNECTORS: [u16; 3] = [3050, 3051, 3052];
const DEFAULT_USERS: usize = 8_000;
/// As /proc has it.
const TICKS_A_SECOND: f64 = 100.0;
const PAGE: u64 = 4096;

/// Where clients come in.
pub struct EntryHandler;

#[handler]
impl EntryHandler {
    /// Joins the room, and leaves it when the client goes.
    pub async fn enter(app: &App, session: &Session, uid: String) -> Result<()> {
        session.bind(&uid).await?;
        let (owner, sid) = (app.clone(), app.server_id().clone());
        session
            .on_closed(move |session| async move {
                let uid = session.uid().map(|uid| uid.to_string()).unwrap_or_default();
                owner.rpc.chat.room_remote.leave(key(ROOM), uid, &sid).await
            })
            .await?;
        app.rpc.chat.room_remote.join(key(ROOM), uid, app.server_id()).await
    }
}

/// The one room.
pub struct RoomRemote;

#[remote]
impl RoomRemote {
    /// A user comes; nobody is told, since that isn't what is measured.
    pub async fn join(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().create(ROOM).add(uid, sid)
    }

    /// A user goes, and all others are told.
    pub async fn leave(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().update(ROOM, |room| match room.leave(&uid, &sid) {
            true => room.push("onLeave", &json!({ "user": uid })),
            false => Ok(()),
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::var(ROLE).as_deref() {
        Ok("servers") => serve().await,
        Ok("crowd") => crowd().await,
        _ => measure_all().await,
    }
}

async fn serve() -> Result<()> {
    App::builder()
        .config_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/chat/config"))
        .configure("all", "gate|connector", |app| app.connector(Hybrid::new().use_dict().use_protobuf()))
        .route("chat", |by, servers| pomelo::pick(by.key_or("rid")?, servers))
        .run()
        .await
}

/// Connects all users, says so, and reads until it is killed.
async fn crowd() -> Result<()> {
    let users = users();
    let mut clients = Vec::new();
    for nth in 0..users {
        let port = CONNECTORS[nth % CONNECTORS.len()];
        clients.push(enter(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), nth).await?);
    }
    println!("ready");
    for mut client in clients {
        tokio::spawn(async move {
            let mut read = [0; 4096];
            while matches!(client.read(&mut read).await, Ok(1..)) {}
        });
    }
    std::future::pending().await
}

async fn enter(address: SocketAddr, nth: usize) -> Result<TcpStream> {
    let mut client = TcpStream::connect(address).await?;
    let hello = json!({ "sys": { "type": "bench", "version": "1" }, "user": {} }).to_string();
    client.write_all(&Package::encode(PackageKind::Handshake, hello.as_bytes())?).await?;
    let mut input = BytesMut::new();
    next(&mut client, &mut input).await?;
    client.write_all(&Package::encode(PackageKind::HandshakeAck, b"")?).await?;
    let request = Message {
        kind: MessageKind::Request,
        id: 1,
        route: Some(MessageRoute::Name("connector.entryHandler.enter".into())),
        body: Bytes::from(json!(format!("u{nth}")).to_string()),
        gzip: false,
    };
    client.write_all(&Package::encode(PackageKind::Data, &request.encode()?)?).await?;
    while next(&mut client, &mut input).await?.kind != PackageKind::Data {}
    Ok(client)
}

async fn next(client: &mut TcpStream, input: &mut BytesMut) -> Result<Package> {
    loop {
        if let Some(package) = Package::decode(input, 1 << 20)? {
            return Ok(package);
        }
        if client.read_buf(input).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

fn users() -> usize {
    std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(DEFAULT_USERS)
}

async fn measure_all() -> Result<()> {
    for (name, args) in [("embedded", &[][..]), ("processes", &["start"])] {
        let mut servers = start("servers", args.iter().copied())?;
        let measured = measure(servers.id()).await;
        Command::new("kill").args(["-INT", &servers.id().to_string()]).status()?;
        servers.wait()?;
        println!("{name}: {}", measured?);
    }
    Ok(())
}

fn start<'a>(role: &str, args: impl Iterator<Item = &'a str>) -> io::Result<Child> {
    Command::new(std::env::current_exe()?).args(args).env(ROLE, role).stdout(Stdio::piped()).spawn()
}

async fn measure(servers: u32) -> Result<String> {
    for port in CONNECTORS {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    }
    sleep(Duration::from_secs(1)).await;
    let pids = family(servers);
    let users = users().to_string();
    let mut crowd = start("crowd", std::iter::once(users.as_str()))?;
    let mut ready = String::new();
    if let Some(output) = crowd.stdout.take() {
        io::BufRead::read_line(&mut io::BufReader::new(output), &mut ready)?;
    }
    quiet(&pids).await;
    let (held, before) = (memory(&pids), cpu(&pids));
    crowd.kill()?;
    crowd.wait()?;
    let peak = Arc::new(AtomicU64::new(held));
    let sampler = tokio::spawn({
        let (pids, peak) = (pids.clone(), peak.clone());
        async move {
            loop {
                peak.fetch_max(memory(&pids), Ordering::Relaxed);
                sleep(Duration::from_millis(5)).await;
            }
        }
    });
    quiet(&pids).await;
    sampler.abort();
    let took = cpu(&pids) - before;
    sleep(Duration::from_secs(5)).await;
    let ratio = |bytes: u64| bytes as f64 / held as f64;
    Ok(format!(
        "{users} gone: CPU {took:.2} s, held {} MB, peak x{:.2}, five seconds later x{:.2}",
        held / 1_000_000,
        ratio(peak.load(Ordering::Relaxed)),
        ratio(memory(&pids)),
    ))
}

/// Waits until the processes do nothing any more.
async fn quiet(pids: &[u32]) {
    let mut before = -1.0;
    loop {
        let now = cpu(pids);
        if now - before < 0.015 {
            return;
        }
        before = now;
        sleep(Duration::from_millis(500)).await;
    }
}

/// A process and those that it started.
fn family(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |pid: &u32| field(*pid, 1);
    std::iter::once(pid).chain(pids.filter(|child| parent(child) == u64::from(pid))).collect()
}

fn cpu(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| field(*pid, 11) + field(*pid, 12)).sum::<u64>() as f64 / TICKS_A_SECOND
}

fn memory(pids: &[u32]) -> u64 {
    pids.iter().map(|pid| field(*pid, 21) * PAGE).sum()
}

/// A number of /proc/PID/stat, counted from behind the name; 0 if the process is gone.
fn field(pid: u32, nth: usize) -> u64 {
    let stat =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    behind.split_whitespace().nth(nth).and_then(|number| number.parse().ok()).unwrap_or(0)
}
