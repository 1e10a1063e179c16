//! Hostile connections to a server's port: no link, or a link that talks nonsense.

use pomelo::config::Config;
use pomelo::net::transport::Tcp;
use pomelo::rpc::Caller;
use pomelo::to;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::proxy::Proxy;
use crate::support::{soon, until};
use crate::world::{World, patient, servers};

const ENVELOPE: u8 = 0;
const CONTROL: u8 = 1;

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &[kind], body].concat()
}

/// What a guest says until it is linked, with its name changed to one of the same length.
async fn greeting(world: &World) -> Vec<u8> {
    let proxy = Proxy::start(world.chat().server().port.unwrap()).await;
    let servers = Config::from_servers(&servers(proxy.port()), "development").unwrap().servers;
    let guest = Caller::join(&Tcp::new(patient()), "guest-1", &servers).await.unwrap();
    guest.call::<u32>("chat-1", "chatRemote", "echo", &(1,)).await.unwrap();
    let said = proxy.said().concat();
    guest.close().await;
    // Hello and Prove; what follows is the call.
    let mut end = 0;
    for _ in 0..2 {
        let length = u32::from_be_bytes(said[end..end + 4].try_into().unwrap()) as usize;
        end += 5 + length;
    }
    let mut greeting = said[..end].to_vec();
    while let Some(at) = greeting.windows(7).position(|part| part == b"guest-1") {
        greeting[at..at + 7].copy_from_slice(b"ghost-1");
    }
    greeting
}

/// What is answered to a connection that says this; others must not notice.
async fn say(world: &World, parts: &[&[u8]]) -> Vec<u8> {
    let port = world.chat().server().port.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for part in parts {
        // It may be closed before all is said.
        let _ = stream.write_all(part).await;
    }
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    assert_eq!(world.remote().echo(to("chat-1"), 7).await.unwrap(), 7, "another link is disturbed");
    answer
}

/// Reads until the other side welcomes.
async fn welcomed(world: &World, greeting: &[u8]) -> TcpStream {
    let port = world.chat().server().port.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(greeting).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(7).any(|part| part == b"Welcome") {
        assert_ne!(soon(stream.read_buf(&mut answer)).await.unwrap(), 0, "it was not linked: {answer:?}");
    }
    stream
}

/// As after a machine of which one side hears nothing any more: the other side's link is dead, and not over yet.
#[tokio::test]
async fn a_link_of_which_only_one_side_knows_gives_way_to_the_next_of_the_same_process() {
    let world = World::start(patient()).await;
    let greeting = greeting(&world).await;
    let mut dead = welcomed(&world, &greeting).await;
    let mut next = welcomed(&world, &greeting).await;
    let mut rest = Vec::new();
    // It may be reset, since nobody reads what comes there.
    let _ = soon(dead.read_to_end(&mut rest)).await;
    next.write_all(&frame(CONTROL, b"\xa3Ask")).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|part| part == b"Here") {
        assert_ne!(soon(next.read_buf(&mut answer)).await.unwrap(), 0, "the link is over: {answer:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn strangers_that_talk_nonsense_disturb_nobody() {
    let world = World::start(patient()).await;
    let said = world.proxy.said().len();
    let call = tokio::spawn(world.remote().wait(to("chat-1")).into_future());
    until(|| world.log.has("a call waits")).await;
    for nonsense in [
        &b""[..],
        b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n",
        &[0, 0, 0],
        &[0xff; 5],
        &[0xff; 1 << 16],
        &frame(7, b"what is it"),
        &frame(ENVELOPE, &[1, 2, 3]),
        &frame(CONTROL, &[0xc1]),
        &frame(CONTROL, b"\xa4Ping"),
        &frame(CONTROL, &[0xdf, 0xff, 0xff, 0xff, 0xff]),
    ] {
        say(&world, &[nonsense]).await;
    }
    world.gate.0.add_permits(1);
    soon(call).await.unwrap().unwrap();
    assert_eq!(world.proxy.said().len(), said, "the link was made anew");
    world.stop().await;
}

#[tokio::test]
async fn a_link_that_talks_nonsense_costs_only_itself() {
    let world = World::start(patient()).await;
    let greeting = greeting(&world).await;
    let said = world.proxy.said().len();
    let huge = (u32::MAX).to_be_bytes();
    // A MessagePack array that says it has 4 billion elements.
    let swollen = [&[0][..], &[0xdd, 0xff, 0xff, 0xff, 0xff]].concat();
    let no_method = [&[1][..], &[0; 8], &[0xff; 4], &[0; 8], &[0x90]].concat();
    for nonsense in [
        [&huge[..], &[ENVELOPE]].concat(),
        frame(ENVELOPE, b""),
        frame(ENVELOPE, &[200, 1, 2, 3]),
        frame(ENVELOPE, &[1, 0, 0]),
        frame(ENVELOPE, &swollen),
        frame(ENVELOPE, &no_method),
        frame(9, b"?"),
        frame(CONTROL, b"\xa7Welcome"),
        frame(CONTROL, &[0xc1]),
        vec![0, 0, 1],
    ] {
        let answer = say(&world, &[&greeting, &nonsense]).await;
        assert!(answer.windows(7).any(|part| part == b"Welcome"), "it was not linked: {answer:?}");
    }
    assert_eq!(world.proxy.said().len(), said, "the link was made anew");
    world.stop().await;
}

/// Envelopes of random bytes, of every kind, by a link that is up.
#[tokio::test]
async fn random_envelopes_harm_nobody() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_124_u64);
    println!("SEED={seed}");
    let mut state = seed;
    let mut random = move || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let world = World::start(patient()).await;
    let greeting = greeting(&world).await;
    for _ in 0..200 {
        let mut body: Vec<u8> = (0..random() % 120).map(|_| random() as u8).collect();
        if let Some(kind) = body.first_mut() {
            *kind %= 6;
        }
        say(&world, &[&greeting, &frame(ENVELOPE, &body)]).await;
    }
    world.stop().await;
}
