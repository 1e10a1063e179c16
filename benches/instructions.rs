//! Does one thing so many times, for valgrind to count the instructions: `instructions NAME TIMES`; without arguments it
//! prints the names. `instructions.mjs` runs it.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use pomelo::app::Builder;
use pomelo::ext::transport::Envelope;
use pomelo::net::protocol::message::{Message, MessageKind, MessageRoute, RouteRef};
use pomelo::net::protocol::outgoing::{Framing, push};
use pomelo::net::protocol::package::{MAX_BODY, Package, PackageKind};
use pomelo::net::protocol::protobuf::Protos;
use pomelo::{Result, to};
use pomelo_benches::backend::Backend;
use pomelo_benches::request::{AT_A_BACKEND, Client, HERE};
use pomelo_benches::room::Rooms;
use pomelo_benches::{Chat, Rpc, linked_servers, schema, servers};
use tokio::runtime::{self, Runtime};

/// What is done so many times on a runtime.
type Subject = fn(&Runtime, usize) -> Result<()>;

const SUBJECTS: [(&str, Subject); 12] = [
    ("push to a channel of 1,000", push_to_members),
    ("push at a backend", push_at_a_backend),
    ("request here", |runtime, times| request(runtime, times, servers(), HERE)),
    ("request at a backend", |runtime, times| request(runtime, times, servers(), AT_A_BACKEND)),
    ("request over tcp", |runtime, times| request(runtime, times, linked_servers()?, AT_A_BACKEND)),
    ("call", |runtime, times| call(runtime, times, servers())),
    ("call over tcp", |runtime, times| call(runtime, times, linked_servers()?)),
    ("request decode", |_, times| decode_request(times)),
    ("push encode", |_, times| encode_push(times)),
    ("protobuf encode", |_, times| protobuf(times)),
    ("envelope encode", encode_envelope),
    ("envelope decode", decode_envelope),
];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, times] = &*args else {
        SUBJECTS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    let Some((_, subject)) = SUBJECTS.iter().find(|(known, _)| known == name) else {
        return Err(pomelo::Error::new(404, format!("there is no {name}")));
    };
    subject(&runtime::Builder::new_current_thread().enable_all().build()?, times.parse()?)
}

fn push_to_members(runtime: &Runtime, times: usize) -> Result<()> {
    let rooms = runtime.block_on(Rooms::new(1, 1_000))?;
    let room = &rooms[0];
    (0..times).for_each(|_| runtime.block_on(room.written(room.push())));
    Ok(())
}

fn push_at_a_backend(runtime: &Runtime, times: usize) -> Result<()> {
    let backend = runtime.block_on(Backend::new(1_000))?;
    (0..times).for_each(|_| backend.push());
    Ok(())
}

fn request(runtime: &Runtime, times: usize, servers: Builder<Rpc>, route: &str) -> Result<()> {
    let client = runtime.block_on(Client::of(servers))?;
    (0..times).for_each(|_| runtime.block_on(client.ask(route)));
    Ok(())
}

fn call(runtime: &Runtime, times: usize, servers: Builder<Rpc>) -> Result<()> {
    let running = runtime.block_on(servers.start())?;
    let app = running.app("connector-1").expect("it is up");
    let remote = &app.rpc.chat.chat_remote;
    for _ in 0..times {
        let call = remote.add(to("chat-1"), "ann*den", "connector-1", "den", true);
        black_box(runtime.block_on(call.into_future())?);
    }
    Ok(())
}

fn decode_request(times: usize) -> Result<()> {
    let route = Some(MessageRoute::Name("chat.chatHandler.send".into()));
    let body = serde_json::to_vec(&Chat::sample())?.into();
    let request = Message { kind: MessageKind::Request, id: 300, route, body, gzip: false };
    let bytes = Package::encode(PackageKind::Data, &request.encode()?)?;
    for _ in 0..times {
        let package = Package::decode(&mut BytesMut::from(&*bytes), MAX_BODY)?;
        black_box(Message::decode(package.map(|package| package.body).unwrap_or_default())?);
    }
    Ok(())
}

fn encode_push(times: usize) -> Result<()> {
    let body = serde_json::to_vec(&Chat::sample())?;
    for _ in 0..times {
        black_box(push(Framing::WebSocket, RouteRef::Name("onChat"), black_box(&body))?);
    }
    Ok(())
}

fn protobuf(times: usize) -> Result<()> {
    let (chat, protos) = (Chat::sample(), Protos::parse(&schema(), &schema())?);
    let message = protos.server().message("onChat").expect("it is in there");
    for _ in 0..times {
        black_box(message.encode(black_box(&chat))?);
    }
    Ok(())
}

fn encode_envelope(runtime: &Runtime, times: usize) -> Result<()> {
    let envelope = runtime.block_on(Backend::new(1))?.envelope();
    let mut out = BytesMut::new();
    for _ in 0..times {
        out.clear();
        black_box(envelope.encode(&mut out)?);
    }
    Ok(())
}

fn decode_envelope(runtime: &Runtime, times: usize) -> Result<()> {
    let envelope = runtime.block_on(Backend::new(1))?.envelope();
    let mut out = BytesMut::new();
    let rest = envelope.encode(&mut out)?;
    out.extend_from_slice(&rest);
    let bytes: Bytes = out.freeze();
    for _ in 0..times {
        black_box(Envelope::decode(bytes.clone())?);
    }
    Ok(())
}
