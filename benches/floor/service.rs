//! The chat service: `gate.gateHandler.queryEntry`, `connector.entryHandler.enter` and `chat.chatHandler.send`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::connection::Connection;
use crate::frames::{DATA, HANDSHAKE, Request, package, push};

/// All clients, and the rooms that they are in.
pub struct Service {
    port: u16,
    /// By number; none where one has left.
    pub connections: Vec<Option<Connection>>,
    rooms: HashMap<String, Vec<usize>>,
    buffer: Vec<u8>,
}

impl Service {
    /// No clients yet.
    pub fn new(port: u16) -> Self {
        Self { port, connections: vec![], rooms: HashMap::new(), buffer: vec![0; 1 << 16] }
    }

    /// Something can be read from this client, or written to it.
    pub fn ready(&mut self, client: usize, writable: bool) {
        let Some(Some(connection)) = self.connections.get_mut(client) else { return };
        if writable {
            connection.resume();
        }
        let open = connection.read(&mut self.buffer);
        while let Some((kind, body)) = self.connections[client].as_mut().and_then(Connection::package) {
            match kind {
                HANDSHAKE => self.send(client, HANDSHAKE, br#"{"code":200,"sys":{}}"#),
                DATA => {
                    if let Some(request) = Request::read(&body) {
                        self.handle(client, &request);
                    }
                }
                _ => {}
            }
        }
        if !open {
            self.leave(client);
        }
    }

    fn handle(&mut self, client: usize, request: &Request<'_>) {
        let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
        match request.route {
            b"gate.gateHandler.queryEntry" => {
                let entry = json!({ "code": 200, "host": "127.0.0.1", "port": self.port });
                self.send(client, DATA, &request.answer(entry.to_string().as_bytes()));
            }
            b"connector.entryHandler.enter" => {
                self.enter(client, body["rid"].as_str().unwrap_or_default());
                self.send(client, DATA, &request.answer(br#"{"users":[]}"#));
            }
            _ => {
                self.send(client, DATA, &request.answer(b"{}"));
                self.chat(client, &body);
            }
        }
    }

    fn enter(&mut self, client: usize, room: &str) {
        if let Some(connection) = &mut self.connections[client] {
            connection.room = room.to_owned();
            self.rooms.entry(room.to_owned()).or_default().push(client);
        }
    }

    fn leave(&mut self, client: usize) {
        let Some(connection) = self.connections[client].take() else { return };
        if let Some(members) = self.rooms.get_mut(&connection.room) {
            members.retain(|member| *member != client);
        }
    }

    /// To the room (`*`), or to the sender: whoever is named otherwise.
    fn chat(&mut self, client: usize, body: &Value) {
        let Some(Some(sender)) = self.connections.get(client) else { return };
        let message = json!({ "msg": body["content"], "from": client, "target": body["target"] });
        let message = push(message.to_string().as_bytes());
        if body["target"] != "*" {
            return self.send(client, DATA, &message);
        }
        let (tcp, websocket) = (package(DATA, &message, false), package(DATA, &message, true));
        for member in self.rooms.get(&sender.room).into_iter().flatten() {
            if let Some(Some(member)) = self.connections.get_mut(*member) {
                member.write(if member.is_websocket() { &websocket } else { &tcp });
            }
        }
    }

    fn send(&mut self, client: usize, kind: u8, body: &[u8]) {
        if let Some(Some(connection)) = self.connections.get_mut(client) {
            let bytes = package(kind, body, connection.is_websocket());
            connection.write(&bytes);
        }
    }
}
