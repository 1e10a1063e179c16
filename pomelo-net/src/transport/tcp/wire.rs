//! Messages of a link: frames whose tag of one byte is their kind, an envelope or something about the link itself.
//!
//! ```text
//!  length (4, BE) │ kind (1): envelope or control │ body: an envelope's bytes, or a Control as MessagePack
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use pomelo_core::cluster::{Member, Refused};
use pomelo_core::value::{Incarnation, ServerId};
use pomelo_core::wire::envelope::{Envelope, EnvelopeError};
use serde::{Deserialize, Serialize};

use crate::link::frame::{self, TooLong};
use crate::link::secret::{Nonce, Proof};

/// The version of this wire format; two servers whose versions differ can't be linked.
pub(super) const VERSION: u16 = 2;

/// Until both sides have proved who they are, frames are no longer than this.
pub(super) const MAX_GREETING_BYTES: usize = 1 << 20;

/// Bodies from this length on are not copied behind their envelope's head.
const SHARED_BODY_BYTES: usize = 8 << 10;

const ENVELOPE: u8 = 0;
const CONTROL: u8 = 1;

/// What servers say about their link.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Control {
    /// The dialer's first word. With `nudge` it asks to be dialed, and hangs up once it has heard
    /// [`Nudged`](Self::Nudged), or dials itself after [`Taken`](Self::Taken).
    Hello {
        version: u16,
        id: ServerId,
        nonce: Nonce,
        nudge: bool,
        /// Of a nudge: which process of the server wants to be dialed.
        #[serde(default)]
        incarnation: Option<Incarnation>,
    },
    /// The listener's answer.
    Challenge { version: u16, id: ServerId, nonce: Nonce, proof: Option<Proof> },
    /// The dialer proves itself, and says what it is and by which process of its host.
    Prove { proof: Option<Proof>, member: Member, pid: u32 },
    /// The listener says what it is: the link is up.
    Welcome { member: Member, pid: u32 },
    /// There will be no link.
    Refused(Refusal),
    /// I am there.
    Ping,
    /// Are you there? Whoever is says [`Here`](Self::Here) at once.
    Ask,
    /// I am, and was when this was asked.
    Here,
    /// I am something else than before.
    Changed { member: Member },
    /// That incarnation of mine is over.
    Goodbye { incarnation: Incarnation },
    /// I shall dial you.
    Nudged,
    /// I have a link to another process of yours, or don't know of you yet, and won't: dial me, and you hear what becomes of
    /// you.
    Taken,
}

/// Why there will be no link.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
pub(super) enum Refusal {
    /// The two would not understand each other.
    #[error("version {offered} of the protocol between servers was offered where version {spoken} is spoken")]
    Version { offered: u16, spoken: u16 },
    /// The other side has another secret, or none.
    #[error("its cluster secret is another one")]
    Secret,
    /// Neither has a secret, and it is on another machine.
    #[error(
        "without a cluster secret only servers of one machine can be linked; set POMELO_CLUSTER_SECRET, or `secret` in \
         cluster.json, to the same long text for all of them"
    )]
    NoSecret,
    /// Another server answers there.
    #[error("`{0}` listens there")]
    Stranger(ServerId),
    /// A later process has had the id.
    #[error("a later process of that server is known")]
    Superseded(Incarnation),
    /// An earlier process has the id, and answers.
    #[error("that server runs on {host} already, as the process {pid}")]
    Occupied { host: String, pid: u32, incarnation: Incarnation },
    /// What the two would have to settle first can't be sent.
    #[error("its greeting can't be sent")]
    Greeting,
}

impl Refusal {
    /// What it means for the server that is refused, if it means more than that there is no link.
    pub(super) fn for_server(&self) -> Option<Refused> {
        match self {
            Self::Superseded(later) => Some(Refused::Superseded(*later)),
            Self::Occupied { host, pid, incarnation } => {
                Some(Refused::Occupied { host: host.clone(), pid: *pid, incarnation: *incarnation })
            }
            _ => None,
        }
    }
}

/// A frame that arrived.
#[derive(Debug)]
pub(super) enum Frame {
    /// Something for the receiver.
    Envelope(Bytes),
    /// Something about the link.
    Control(Control),
}

/// Why bytes are no frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error("a frame of an unknown kind, {0}")]
    Kind(u8),
    #[error("a frame can't be read")]
    Unpack(#[from] rmp_serde::decode::Error),
}

/// Takes the next frame off `input`; none if more bytes are needed.
pub(super) fn take(input: &mut BytesMut, max: usize) -> Result<Option<Frame>, FrameError> {
    let Some(([kind], body)) = frame::take(input, max)? else { return Ok(None) };
    match kind {
        ENVELOPE => Ok(Some(Frame::Envelope(body))),
        CONTROL => Ok(Some(Frame::Control(rmp_serde::from_slice(&body)?))),
        kind => Err(FrameError::Kind(kind)),
    }
}

/// Appends an envelope's frame to `out`; a long body is returned, to follow uncopied.
pub(super) fn put_envelope(out: &mut BytesMut, envelope: &Envelope, max: usize) -> Result<Bytes, Unwritten> {
    let start = frame::begin(out, [ENVELOPE]);
    let body = match envelope.encode(out) {
        Ok(body) => body,
        Err(error) => {
            out.truncate(start);
            return Err(Unwritten::Encode(error));
        }
    };
    let length = frame::length::<1>(out, start) + body.len();
    if length > max {
        out.truncate(start);
        return Err(Unwritten::TooLong(length));
    }
    let body = if body.len() < SHARED_BODY_BYTES {
        out.extend_from_slice(&body);
        Bytes::new()
    } else {
        body
    };
    frame::end(out, start, length);
    Ok(body)
}

/// Why an envelope can't be a frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
    #[error("an envelope of {0} bytes is too long")]
    TooLong(usize),
    #[error(transparent)]
    Encode(EnvelopeError),
}

/// Appends a control frame to `out`.
pub(super) fn put_control(out: &mut BytesMut, control: &Control) {
    let start = frame::begin(out, [CONTROL]);
    if let Err(error) = rmp_serde::encode::write_named(&mut out.writer(), control) {
        tracing::error!(%error, ?control, "a control frame can't be written");
        return out.truncate(start);
    }
    let length = frame::length::<1>(out, start);
    frame::end(out, start, length);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_control_frame_is_read_as_it_was_written_however_it_arrives() {
        let mut whole = BytesMut::new();
        put_control(&mut whole, &Control::Refused(Refusal::Version { offered: 7, spoken: 1 }));
        put_control(&mut whole, &Control::Ping);
        let (mut input, mut seen) = (BytesMut::new(), Vec::new());
        for byte in whole {
            input.put_u8(byte);
            while let Some(frame) = take(&mut input, 100).unwrap() {
                seen.push(format!("{frame:?}"));
            }
        }
        assert_eq!(seen, ["Control(Refused(Version { offered: 7, spoken: 1 }))", "Control(Ping)"]);
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let mut input = BytesMut::from(&[0xff, 0xff, 0xff, 0xff, 0][..]);
        assert!(matches!(take(&mut input, 1 << 20), Err(FrameError::TooLong(_))));
        assert!(input.capacity() < 1 << 10);
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = take(&mut input, 1 << 10) {}
        }
    }
    /// A frame of each kind that needs no parts of a handshake, and an envelope.
    fn frames() -> Vec<BytesMut> {
        let id = ServerId::from("chat-1");
        let incarnation = Incarnation::begin("chat-1");
        let refused = [
            Refusal::Version { offered: 7, spoken: 1 },
            Refusal::Secret,
            Refusal::Stranger(id),
            Refusal::Superseded(incarnation),
            Refusal::Occupied { host: "host".into(), pid: 7, incarnation },
        ];
        let others = [
            Control::Ping,
            Control::Ask,
            Control::Here,
            Control::Goodbye { incarnation },
            Control::Nudged,
            Control::Taken,
        ];
        let controls = refused.map(Control::Refused).into_iter().chain(others);
        let mut frames: Vec<BytesMut> = controls
            .map(|control| {
                let mut frame = BytesMut::new();
                put_control(&mut frame, &control);
                frame
            })
            .collect();
        let mut frame = BytesMut::new();
        put_envelope(&mut frame, &Envelope::greeting(), 1 << 10).unwrap();
        frames.push(frame);
        frames
    }

    #[test]
    fn fuzz_link() {
        const LONGEST: usize = 1 << 10;
        let read = |pieces: &[&[u8]]| {
            let (mut input, mut found) = (BytesMut::new(), Vec::new());
            for piece in pieces {
                input.extend_from_slice(piece);
                loop {
                    match take(&mut input, LONGEST) {
                        Ok(Some(frame)) => found.push(frame),
                        Ok(None) => break,
                        Err(error) => return (found, Some(error.to_string())),
                    }
                }
            }
            (found, None)
        };
        pomelo_fuzz::fuzz("link", &frames(), |random, input| {
            let (found, error) = read(&[input]);
            let in_pieces = read(&random.pieces(input));
            assert_eq!(format!("{in_pieces:?}"), format!("{:?}", (&found, error)));
            for frame in found {
                match frame {
                    Frame::Control(control) => {
                        let mut written = BytesMut::new();
                        put_control(&mut written, &control);
                        let again = take(&mut written, usize::MAX).unwrap();
                        assert_eq!(format!("{again:?}"), format!("{:?}", Some(Frame::Control(control))));
                    }
                    Frame::Envelope(body) => drop(Envelope::decode(body)),
                }
            }
        });
    }
}
