//! The client protocol by itself: packages, messages, bodies and websocket frames of a chat message.

use bytes::{Bytes, BytesMut};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, criterion_group, criterion_main};
use pomelo::net::protocol::message::{Message, MessageKind, MessageRoute, RouteRef};
use pomelo::net::protocol::outgoing::{Framing, push};
use pomelo::net::protocol::package::{MAX_BODY, Package, PackageKind};
use pomelo::net::protocol::protobuf::Protos;
use pomelo::net::protocol::websocket::{FrameDecoder, Opcode, frame};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the chat service pushes as `onChat`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Chat {
    msg: String,
    from: String,
    target: String,
}

fn chat() -> Chat {
    let msg = "sixty-four bytes of text, more or less, as people write them now".into();
    Chat { msg, from: "ann".into(), target: "*".into() }
}

fn body() -> Bytes {
    serde_json::to_vec(&chat()).expect("it is JSON").into()
}

fn schemas() -> Protos {
    let chat = json!({ "required string msg": 1, "required string from": 2, "required string target": 3 });
    let both = json!({ "onChat": chat });
    Protos::parse(&both, &both).expect("a schema")
}

/// Measures what takes its input away with it.
fn consuming<I, O>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    input: impl Fn() -> I,
    work: impl Fn(I) -> O,
) {
    group.bench_function(name, |bencher| bencher.iter_batched(&input, &work, BatchSize::SmallInput));
}

fn package(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("package");
    let body = body();
    group.bench_function("encode", |bencher| bencher.iter(|| Package::encode(PackageKind::Data, &body)));
    let encoded = Package::encode(PackageKind::Data, &body).expect("it fits");
    consuming(
        &mut group,
        "decode",
        || BytesMut::from(&*encoded),
        |mut input| Package::decode(&mut input, MAX_BODY).expect("it is one"),
    );
    group.finish();
}

fn message(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message");
    let route = Some(MessageRoute::Name("chat.chatHandler.send".into()));
    let request = Message { kind: MessageKind::Request, id: 300, route, body: body(), gzip: false };
    group.bench_function("encode request", |bencher| bencher.iter(|| request.encode()));
    let encoded = request.encode().expect("it fits");
    group.bench_function("decode request", |bencher| bencher.iter(|| Message::decode(encoded.clone())));
    for (name, framing) in [("push for tcp", Framing::Tcp), ("push for websocket", Framing::WebSocket)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| push(framing, RouteRef::Name("onChat"), &request.body));
        });
    }
    group.finish();
}

/// Bodies by the schema that the chat service has for them, beside serde_json by itself.
fn bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body");
    let (chat, json, protos) = (chat(), body(), schemas());
    let server = protos.server().message("onChat").expect("it is in there");
    let client = protos.client().message("onChat").expect("it is in there");
    let encoded = server.encode(&chat).expect("it fits the schema");
    group.bench_function("protobuf encode", |bencher| bencher.iter(|| server.encode(&chat)));
    group.bench_function("protobuf decode", |bencher| bencher.iter(|| client.decode::<Chat>(&encoded)));
    group.bench_function("json encode", |bencher| bencher.iter(|| serde_json::to_vec(&chat)));
    group.bench_function("json decode", |bencher| bencher.iter(|| serde_json::from_slice::<Chat>(&json)));
    let value: Value = serde_json::from_slice(&json).expect("it is JSON");
    group.bench_function("protobuf encode a Value", |bencher| bencher.iter(|| server.encode(&value)));
    group.finish();
}

fn websocket(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("websocket");
    let body = body();
    group.bench_function("frame", |bencher| bencher.iter(|| frame(Opcode::Binary, &body)));
    let masked = masked(&body);
    consuming(
        &mut group,
        "decode a masked frame",
        || BytesMut::from(&*masked),
        |mut input| FrameDecoder::default().decode(&mut input, MAX_BODY).expect("it is one"),
    );
    group.finish();
}

/// A client's frame, of 126 to 65,535 bytes or fewer than 126.
fn masked(payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![0x82];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(0x80 | length),
        _ => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(payload.len()).expect("a short body").to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

criterion_group!(benches, package, message, bodies, websocket);
criterion_main!(benches);
