//! Streams of packages, in whichever framing the first bytes asked for.
//!
//! ```text
//!  Unknown ─┬─ four bytes of an HTTP method ─▶ Upgrading ─▶ WebSocket: frames ─▶ packages
//!           └─ anything else ─▶ Tcp: packages, one after the other
//! ```
//!
//! pomelo closes a websocket that has two packages in a frame; here they are taken one by one. A frame that
//! ends inside a package is broken in both.

use bytes::{Bytes, BytesMut};

use super::{CloseReason, Outgoing, Settings, Sniff, State, sniff};
use crate::protocol::outgoing::Framing;
use crate::protocol::package::Package;
use crate::protocol::websocket::{
    self, FrameDecoder, Incoming, Opcode, Upgrade, UpgradeReader, UpgradeRequest,
};

/// Room in a websocket message for headers, and for an ack or a heartbeat along with the longest package.
const FRAME_SLACK: usize = 64;

/// How far it is known what a connection speaks, and what of it is understood.
#[derive(Debug, Default)]
pub(super) enum Stream {
    /// Fewer bytes have come than tell.
    #[default]
    Unknown,
    /// It is HTTP; the request isn't whole yet.
    Upgrading(UpgradeReader),
    /// Packages follow each other.
    Tcp,
    /// Packages come in messages.
    WebSocket {
        /// Takes frames apart.
        frames: FrameDecoder,
        /// Packages of the last message that were not taken yet, if there are any: mostly, a message has one.
        rest: Option<Box<Bytes>>,
    },
}

/// What was taken off the input.
pub(super) enum Taken {
    /// More bytes are needed.
    Nothing,
    /// A ping; its pong was queued. An event of its own, so that pongs are sent before more are made.
    Ping,
    /// It is a websocket from here on; what was asked for.
    Upgraded(Box<UpgradeRequest>),
    /// A whole package.
    Package(Package),
}

impl Stream {
    pub(super) fn framing(&self) -> Option<Framing> {
        match self {
            Self::Unknown | Self::Upgrading(_) => None,
            Self::Tcp => Some(Framing::Tcp),
            Self::WebSocket { .. } => Some(Framing::WebSocket),
        }
    }

    pub(super) fn deflates(&self) -> bool {
        matches!(self, Self::WebSocket { frames, .. } if frames.inflates())
    }

    pub(super) fn take(
        &mut self,
        input: &mut BytesMut,
        settings: &Settings,
        state: State,
        outgoing: &mut Outgoing,
    ) -> Result<Taken, CloseReason> {
        let limit = settings.limit(state);
        loop {
            match self {
                Self::Unknown => match sniff(input) {
                    Sniff::NeedMore => return Ok(Taken::Nothing),
                    Sniff::Http => *self = Self::Upgrading(UpgradeReader::default()),
                    Sniff::Package => *self = Self::Tcp,
                },
                Self::Upgrading(reader) => {
                    let Some(answer) = reader.read(input, &settings.upgrade) else {
                        return Ok(Taken::Nothing);
                    };
                    let (stream, request) = upgraded(answer, outgoing)?;
                    *self = stream;
                    if let Some(request) = request {
                        return Ok(Taken::Upgraded(request));
                    }
                }
                Self::Tcp => {
                    let package = Package::decode(input, limit).map_err(CloseReason::Package)?;
                    return Ok(package.map_or(Taken::Nothing, Taken::Package));
                }
                Self::WebSocket { frames, rest } => {
                    return take_frames(frames, rest, input, limit, outgoing);
                }
            }
        }
    }
}

fn upgraded(
    answer: Upgrade,
    outgoing: &mut Outgoing,
) -> Result<(Stream, Option<Box<UpgradeRequest>>), CloseReason> {
    match answer {
        Upgrade::Accepted { response, deflate, request } => {
            outgoing.push_back(response);
            let frames = match deflate {
                #[cfg(feature = "deflate")]
                true => FrameDecoder::inflating(),
                _ => FrameDecoder::default(),
            };
            Ok((Stream::WebSocket { frames, rest: None }, request))
        }
        Upgrade::Refused { status, response, why } => {
            outgoing.push_back(response);
            Err(CloseReason::Http { status, why })
        }
    }
}

fn take_frames(
    frames: &mut FrameDecoder,
    rest: &mut Option<Box<Bytes>>,
    input: &mut BytesMut,
    limit: usize,
    outgoing: &mut Outgoing,
) -> Result<Taken, CloseReason> {
    loop {
        if let Some(mut message) = rest.take()
            && let Some(package) = Package::decode_whole(&mut message, limit).map_err(CloseReason::Package)?
        {
            *rest = Some(message).filter(|message| !message.is_empty());
            return Ok(Taken::Package(package));
        }
        let longest = limit.saturating_add(FRAME_SLACK);
        match frames.decode(input, longest).map_err(CloseReason::WebSocket)? {
            None => return Ok(Taken::Nothing),
            Some(Incoming::Message(message)) if message.is_empty() => return Err(CloseReason::EmptyFrame),
            Some(Incoming::Message(mut message)) => {
                let package = Package::decode_whole(&mut message, limit).map_err(CloseReason::Package)?;
                *rest = Some(message).filter(|message| !message.is_empty()).map(Box::new);
                if let Some(package) = package {
                    return Ok(Taken::Package(package));
                }
            }
            Some(Incoming::Ping(payload)) => {
                outgoing.push_back(websocket::frame(Opcode::Pong, &payload));
                return Ok(Taken::Ping);
            }
            Some(Incoming::Pong) => {}
            Some(Incoming::Close(code)) => return Err(CloseReason::ByClient { code }),
        }
    }
}
