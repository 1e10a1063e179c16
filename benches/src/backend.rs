//! A channel as its backend sees it: the members are at one frontend, and what is sent there is dropped.

use std::sync::Arc;

use pomelo::Result;
use pomelo::app::Running;
use pomelo::channel::Channel;
use pomelo::error::OrErr;
use pomelo::ext::transport::Envelope;

use crate::null::Tcp;
use crate::tap::Tap;
use crate::{Chat, Rpc, servers};

/// A channel whose frontend is never reached.
pub struct Backend {
    channel: Channel,
    message: Chat,
    tap: Tap,
    _running: Running<Rpc>,
}

impl Backend {
    /// A channel with so many members.
    ///
    /// # Errors
    /// If the servers don't start.
    pub async fn new(members: usize) -> Result<Self> {
        let tap = Tap::default();
        let running = servers().transport(Arc::new(tap.clone())).start().await?;
        // The frontend says what its clients take; else there is nothing to encode for.
        running.app("connector-1").or_err(500, "no server")?.frontend().add_format(Arc::new(Tcp))?;
        tap.close();
        let channel = running.app("chat-1").or_err(500, "no server")?.channels().create("room");
        for member in 0..members {
            channel.add(format!("u{member}"), "connector-1")?;
        }
        Ok(Self { channel, message: Chat::sample(), tap, _running: running })
    }

    /// Pushes to all: one envelope, whatever their number.
    pub fn push(&self) {
        self.channel.push("onChat", &self.message).expect("the channel exists");
    }

    /// The channel itself.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// How many envelopes were sent.
    pub fn sent(&self) -> u64 {
        self.tap.count()
    }

    /// The envelope of a push.
    pub fn envelope(&self) -> Envelope {
        self.push();
        self.tap.last().expect("it was sent")
    }
}
