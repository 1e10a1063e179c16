//! Tests of ports and sockets in memory.

use std::io::IoSlice;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::connector::Socket;

fn server(id: &str, more: &Value) -> ServerInfo {
    let mut entry = json!({ "id": id, "frontend": true });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(entry).unwrap()
}

fn listen(ports: &MemoryPorts, id: &str, more: &Value) -> Result<MemoryPort> {
    ports.listen(&server(id, more), &Options::default())
}

#[test]
fn a_port_is_reached_by_every_name_of_its_host_and_free_again_after_it() {
    let ports = MemoryPorts::default();
    let port = listen(&ports, "a", &json!({ "clientPort": 3010, "clientHost": "Game.Example" })).unwrap();
    assert_eq!(port.address(), "127.0.0.1:3010".parse().unwrap());
    for host in ["127.0.0.1", "localhost", "::1", "[::1]", "game.example"] {
        assert!(ports.connect(host, 3010).is_ok(), "{host}");
    }
    assert_eq!(ports.connect("10.0.0.1", 3010).err().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    drop(port);
    let refused = ports.connect("localhost", 3010).err().unwrap();
    assert_eq!(refused.to_string(), "nobody listens at localhost:3010 in memory");
}

#[test]
fn a_port_that_is_taken_is_named_and_a_network_has_ports_of_its_own() {
    let ports = MemoryPorts::default();
    let entry = json!({ "clientPort": 3010, "clientHost": "game.example" });
    let _first = listen(&ports, "a", &entry).unwrap();
    let refused = listen(&ports, "b", &entry).err().unwrap();
    assert_eq!(refused.message(), "b cannot listen on 127.0.0.1:3010 in memory: it is in use");
    assert!(listen(&MemoryPorts::default(), "b", &entry).is_ok());
}

#[test]
fn a_public_name_that_several_share_leads_to_the_first_of_them() {
    let ports = MemoryPorts::default();
    let first =
        listen(&ports, "a", &json!({ "host": "10.0.0.1", "clientPort": 443, "clientHost": "g" })).unwrap();
    let second =
        listen(&ports, "b", &json!({ "host": "10.0.0.2", "clientPort": 443, "clientHost": "g" })).unwrap();
    drop(second);
    assert!(ports.connect("g", 443).is_ok());
    drop(first);
    assert!(ports.connect("g", 443).is_err());
}

#[test]
fn who_asks_for_any_port_gets_one_of_its_own() {
    let ports = MemoryPorts::default();
    let options = Options { port: Some(0), ..Options::default() };
    let [a, b] = ["a", "b"].map(|id| ports.listen(&server(id, &json!({})), &options).unwrap());
    assert_eq!([a.address().port(), b.address().port()], [FIRST_DYNAMIC_PORT, FIRST_DYNAMIC_PORT + 1]);
    let missed = listen(&ports, "c", &json!({})).err().unwrap();
    assert!(missed.message().starts_with("c: servers.json gives it no clientPort"), "{missed}");
}

async fn connection() -> (MemorySocket, MemoryStream) {
    let ports = MemoryPorts::default();
    let port = listen(&ports, "a", &json!({ "clientPort": 1 })).unwrap();
    let client = ports.connect("localhost", 1).unwrap();
    (port.accept().await.unwrap().0, client)
}

async fn read(socket: &MemorySocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 64];
    let count = std::future::poll_fn(|cx| socket.poll_read(cx, &mut buffer)).await?;
    buffer.truncate(count);
    Ok(buffer)
}

#[tokio::test]
async fn bytes_go_both_ways_and_wait_for_room() {
    let (server, mut client) = connection().await;
    let (seen, sent) = tokio::join!(read(&server), client.write_all(b"to the server"));
    sent.unwrap();
    assert_eq!(seen.unwrap(), b"to the server");

    let long = vec![7; BUFFER_BYTES + 1];
    assert_eq!(
        server.try_write(&[IoSlice::new(&long)]).unwrap(),
        BUFFER_BYTES,
        "as much as there is room for"
    );
    assert_eq!(server.try_write(&[IoSlice::new(b"x")]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let mut buffer = vec![0; BUFFER_BYTES];
    let writable = std::future::poll_fn(|cx| server.poll_writable(cx));
    let (writable, read) = tokio::join!(writable, client.read_exact(&mut buffer));
    writable.unwrap();
    read.unwrap();
}

#[tokio::test]
async fn each_end_sees_how_the_other_one_ended() {
    let (server, mut client) = connection().await;
    server.try_write(&[IoSlice::new(b"bye")]).unwrap();
    server.shutdown();
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "bye", "what was written is read to its end");

    let (server, mut client) = connection().await;
    server.try_write(&[IoSlice::new(b"lost")]).unwrap();
    server.abort();
    assert_eq!(client.read_to_string(&mut seen).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);

    let (server, mut client) = connection().await;
    client.write_all(b"last").await.unwrap();
    drop(client);
    assert_eq!(read(&server).await.unwrap(), b"last");
    assert_eq!(read(&server).await.unwrap(), b"", "the end");
    assert_eq!(server.try_write(&[IoSlice::new(b"x")]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}
