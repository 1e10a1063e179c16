//! A channel whose members are all at the server that pushes.

use pomelo::channel::Channel;
use pomelo::core::app::Running;
use pomelo::core::connector::Format;
use pomelo::core::message::Body;
use pomelo::core::outbox::Outbox;
use pomelo::{OrErr, Result};

use crate::null::{NullSink, Tcp};
use crate::{App, Chat, Rpc, SERVERS};

/// A channel whose members are all at the server that pushes.
pub struct Room {
    channel: Channel,
    members: usize,
    frame: usize,
    sink: NullSink,
    message: Chat,
    _running: Running<Rpc>,
}

impl Room {
    /// A room with so many members, each with a session.
    ///
    /// # Errors
    /// If the servers don't start.
    pub async fn new(members: usize) -> Result<Self> {
        let running = App::builder().servers(SERVERS).start().await?;
        let app = running.app("connector-1").or_err(500, "no server")?;
        let (frontend, sink, message) = (app.frontend(), NullSink::default(), Chat::sample());
        let format = frontend.add_format(std::sync::Arc::new(Tcp));
        let channel = app.channels().create("room");
        for member in 0..members {
            let outbox = Outbox::new(sink.clone(), frontend.flusher(), format, 1 << 20);
            let session = frontend.open(&outbox, None);
            let uid = format!("u{member}");
            app.sessions().bind(session.id(), uid.as_str()).await?;
            channel.add(uid, app.server_id())?;
        }
        let body = Body::json(serde_json::to_vec(&message)?);
        let frame = Tcp.push("onChat", &body)?.len();
        Ok(Self { channel, members, frame, sink, message, _running: running })
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
