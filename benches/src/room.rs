//! Channels whose members are all at the server that pushes.

use std::ops::Deref;
use std::sync::Arc;

use pomelo::Result;
use pomelo::app::Running;
use pomelo::channel::Channel;
use pomelo::error::OrErr;
use pomelo::ext::connector::Outbox;
use pomelo::ext::connector::{Format, FormatId};
use pomelo::request::Body;

use crate::null::{NullSink, Tcp};
use crate::{App, Chat, Rpc, servers};

/// A channel whose members are all at the server that pushes.
pub struct Room {
    channel: Channel,
    members: usize,
    frame: usize,
    sink: NullSink,
    message: Chat,
}

/// Rooms at one server, as long as this is kept.
pub struct Rooms {
    rooms: Arc<[Room]>,
    _running: Running<Rpc>,
}

impl Rooms {
    /// So many rooms, each with so many members of its own, that have a session each.
    ///
    /// # Errors
    /// If the servers don't start.
    pub async fn new(rooms: usize, members: usize) -> Result<Self> {
        let running = servers().start().await?;
        let app = running.app("connector-1").or_err(500, "no server")?;
        let format = app.frontend().add_format(Arc::new(Tcp))?;
        let mut list = Vec::new();
        for room in 0..rooms {
            list.push(Room::new(&format!("room{room}"), members, app, format).await?);
        }
        Ok(Self { rooms: list.into(), _running: running })
    }

    /// For tasks that push at the same time.
    pub fn shared(&self) -> Arc<[Room]> {
        self.rooms.clone()
    }
}

impl Deref for Rooms {
    type Target = [Room];

    fn deref(&self) -> &[Room] {
        &self.rooms
    }
}

impl Room {
    async fn new(name: &str, members: usize, app: &App, format: FormatId) -> Result<Self> {
        let (frontend, sink, message) = (app.frontend(), NullSink::default(), Chat::sample());
        let channel = app.channels().create(name);
        for member in 0..members {
            let outbox = Outbox::new(sink.clone(), frontend.flusher(), format, 1 << 20);
            let session = frontend.open(&outbox, None);
            let uid = format!("{name}u{member}");
            app.sessions().bind(session.id(), uid.as_str()).await?;
            channel.add(uid, app.server_id())?;
        }
        let body = Body::json(serde_json::to_vec(&message)?);
        let frame = Tcp.push("onChat", &body)?.len();
        Ok(Self { channel, members, frame, sink, message })
    }

    /// Pushes to all: each has the frame queued when this returns. Gives how many bytes will have been written when it has
    /// left.
    pub fn push(&self) -> usize {
        let goal = self.sink.written() + self.members * self.frame;
        self.channel.push("onChat", &self.message).expect("the channel exists");
        goal
    }

    /// Waits until so many bytes have been written.
    pub async fn written(&self, goal: usize) {
        self.sink.reaches(goal).await;
    }
}
