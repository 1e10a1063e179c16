//! Envelopes as bytes, for transports that leave the process.
//!
//! What every request and every push needs has a fixed head and its body uncopied behind it; all else is MessagePack.
//! Numbers are big-endian, texts have their length in two bytes in front.
//!
//! | first byte | message | head | behind it, uncopied |
//! |---|---|---|---|
//! | `CALL`, `CALL_OF_HOOK`, `CALL_OF_HANDLER` | a call, by its origin | seq, method, lane, the handler's session | the arguments |
//! | `RETURNED` | the answer to a call | seq | what the method returned |
//! | `FORWARD` | a client's message | seq, session, route, id | the body |
//! | `RESPONSE` | the answer to that | seq | the body, if there is one |
//! | `PUSH` | a push to a channel | key, version, seq, route | the bodies |
//! | `PACKED` | all others | none | MessagePack |
//!
//! What comes in is not trusted: lengths are checked before anything is taken, and what is cut short or
//! stands for nothing is an [`EnvelopeError`], with which the link ends.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Answer, Envelope, GroupKey, GroupOp, Message, Origin, Payload, Push, Snapshot};
use crate::value::{Incarnation, Route, ServerId, SessionId, Uid};
use crate::wire::body::{Body, Encoding};

const PACKED: u8 = 0;
const CALL: u8 = 1;
const RETURNED: u8 = 2;
const RESPONSE: u8 = 3;
const FORWARD: u8 = 4;
const PUSH: u8 = 5;
const CALL_OF_HOOK: u8 = 6;
const CALL_OF_HANDLER: u8 = 7;

const HAS_ID: u8 = 1;
const HAS_UID: u8 = 2;

const VOLATILE: u8 = 1;
/// A push has a body in JSON; in the encoding with the next number, if the next bit is set, and so on.
const HAS_JSON: u8 = 2;

/// Why bytes are no envelope, or an envelope can't be bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The bytes end too early.
    #[error("the envelope is cut short")]
    Short,
    /// A text is no UTF-8, or a number stands for nothing.
    #[error("the envelope has a wrong {0}")]
    Wrong(&'static str),
    /// A text is longer than 65,535 bytes.
    #[error("the {0} is too long to be sent to another server")]
    TooLong(&'static str),
    /// The MessagePack in it can't be read.
    #[error("the envelope can't be read")]
    Unpack(#[from] rmp_serde::decode::Error),
    /// Something in it can't be written as MessagePack.
    #[error("the envelope can't be written")]
    Pack(#[from] rmp_serde::encode::Error),
}

type Result<T, E = EnvelopeError> = std::result::Result<T, E>;

impl Envelope {
    /// Appends the envelope to `out`, all but the bytes that are returned: they follow, and are shared, not copied.
    ///
    /// # Errors
    /// If something in it is too long; then `out` may have a part of it.
    pub fn encode(&self, out: &mut BytesMut) -> Result<Bytes> {
        match &self.0 {
            Message::Call { seq, method, lane, origin, args } => {
                match origin {
                    Origin::Outside => out.put_u8(CALL),
                    Origin::Hook => out.put_u8(CALL_OF_HOOK),
                    Origin::Handler(session) => {
                        out.put_u8(CALL_OF_HANDLER);
                        put_id(out, *session);
                    }
                }
                out.put_u64(*seq);
                out.put_u32(*method);
                out.put_u64(*lane);
                Ok(args.clone())
            }
            Message::Reply { seq, result: Ok(Answer::Returned(bytes)) } => {
                out.put_u8(RETURNED);
                out.put_u64(*seq);
                Ok(bytes.clone())
            }
            Message::Reply { seq, result: Ok(Answer::Response(Some(body))) } => {
                out.put_u8(RESPONSE);
                out.put_u64(*seq);
                out.put_u8(body.encoding.number());
                Ok(body.bytes.clone())
            }
            Message::Forward { seq, session, route, id, body, accept } => {
                out.put_u8(FORWARD);
                out.put_u64(*seq);
                out.put_u8(id.map_or(0, |_| HAS_ID) | session.uid.as_ref().map_or(0, |_| HAS_UID));
                out.put_u8(accept.number());
                out.put_u8(body.encoding.number());
                out.put_u64(id.unwrap_or(0));
                put_session(out, session)?;
                put_text(out, route.as_str(), "route")?;
                Ok(body.bytes.clone())
            }
            Message::Group { key, version, op: GroupOp::Push { seq, push } } => {
                out.put_u8(PUSH);
                out.put_u64(*seq);
                out.put_u64(key.incarnation.to_bits());
                out.put_u64(key.group);
                out.put_u64(*version);
                put_text(out, &key.backend, "server id")?;
                put_push(out, push)
            }
            message => {
                out.put_u8(PACKED);
                rmp_serde::encode::write(&mut out.writer(), message)?;
                Ok(Bytes::new())
            }
        }
    }

    /// Reads an envelope; its bodies are parts of `bytes`.
    ///
    /// # Errors
    /// If the bytes are none. They may come from anywhere.
    pub fn decode(bytes: Bytes) -> Result<Self> {
        let mut reader = Reader { bytes, position: 0 };
        let message = match reader.u8()? {
            PACKED => rmp_serde::from_slice(reader.unread())?,
            CALL => reader.call(Origin::Outside)?,
            CALL_OF_HOOK => reader.call(Origin::Hook)?,
            CALL_OF_HANDLER => {
                let session = reader.id()?;
                reader.call(Origin::Handler(session))?
            }
            RETURNED => Message::Reply { seq: reader.u64()?, result: Ok(Answer::Returned(reader.rest())) },
            RESPONSE => {
                let (seq, encoding) = (reader.u64()?, reader.encoding()?);
                let body = Body { encoding, bytes: reader.rest() };
                Message::Reply { seq, result: Ok(Answer::Response(Some(body))) }
            }
            FORWARD => reader.forward()?,
            PUSH => reader.group_push()?,
            _ => return Err(EnvelopeError::Wrong("kind")),
        };
        Ok(Self(message))
    }
}

fn put_id(out: &mut BytesMut, id: SessionId) {
    out.put_u64(id.incarnation.to_bits());
    out.put_u64(id.serial);
}

fn put_session(out: &mut BytesMut, session: &Snapshot) -> Result<()> {
    put_id(out, session.id);
    out.put_u64(session.version);
    put_text(out, &session.frontend, "server id")?;
    if let Some(uid) = &session.uid {
        put_text(out, uid, "uid")?;
    }
    let at = out.len();
    out.put_u32(0);
    if !session.settings.is_empty() {
        rmp_serde::encode::write(&mut out.writer(), &session.settings)?;
    }
    let length = u32::try_from(out.len() - at - 4).map_err(|_| EnvelopeError::TooLong("session"))?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// All bodies but the last have their length in front.
fn put_push(out: &mut BytesMut, push: &Push) -> Result<Bytes> {
    let bodies = push.payload.bodies();
    let flags = if push.volatile { VOLATILE } else { 0 };
    out.put_u8(bodies.iter().fold(flags, |flags, body| flags | HAS_JSON << body.encoding.number()));
    put_text(out, &push.route, "route")?;
    let Some((last, others)) = bodies.split_last() else { return Ok(Bytes::new()) };
    for body in others {
        out.put_u32(u32::try_from(body.bytes.len()).map_err(|_| EnvelopeError::TooLong("body"))?);
        out.put_slice(&body.bytes);
    }
    Ok(last.bytes.clone())
}

fn put_text(out: &mut BytesMut, text: &str, what: &'static str) -> Result<()> {
    out.put_u16(u16::try_from(text.len()).map_err(|_| EnvelopeError::TooLong(what))?);
    out.put_slice(text.as_bytes());
    Ok(())
}

/// Bytes with the place up to which they are read. Reading moves that only: a piece of [`Bytes`] counts who shares it.
struct Reader {
    bytes: Bytes,
    /// At most the length of `bytes`.
    position: usize,
}

impl Reader {
    fn unread(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some(array) = self.unread().first_chunk().copied() else { return Err(EnvelopeError::Short) };
        self.position += N;
        Ok(array)
    }

    fn u8(&mut self) -> Result<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn slice(&mut self, length: usize) -> Result<&[u8]> {
        let start = self.position;
        let Some(slice) = self.bytes.get(start..).and_then(|unread| unread.get(..length)) else {
            return Err(EnvelopeError::Short);
        };
        self.position = start + length;
        Ok(slice)
    }

    /// Bytes with their length in front.
    fn sized(&mut self) -> Result<&[u8]> {
        let length = self.u32()? as usize;
        self.slice(length)
    }

    /// A body with its length in front, uncopied.
    fn body(&mut self) -> Result<Bytes> {
        let length = self.sized()?.len();
        Ok(self.bytes.slice(self.position - length..self.position))
    }

    /// All that is left, uncopied.
    fn rest(&mut self) -> Bytes {
        let mut rest = std::mem::take(&mut self.bytes);
        rest.advance(std::mem::take(&mut self.position));
        rest
    }

    /// A text with its length in front.
    fn text(&mut self, what: &'static str) -> Result<&str> {
        let length = usize::from(self.u16()?);
        std::str::from_utf8(self.slice(length)?).map_err(|_| EnvelopeError::Wrong(what))
    }

    fn encoding(&mut self) -> Result<Encoding> {
        match Encoding::from_number(self.u8()?) {
            Some(encoding) => Ok(encoding),
            None => Err(EnvelopeError::Wrong("encoding")),
        }
    }

    fn incarnation(&mut self) -> Result<Incarnation> {
        self.u64().map(Incarnation::from_bits)
    }

    fn id(&mut self) -> Result<SessionId> {
        Ok(SessionId { incarnation: self.incarnation()?, serial: self.u64()? })
    }

    fn call(&mut self, origin: Origin) -> Result<Message> {
        Ok(Message::Call {
            seq: self.u64()?,
            method: self.u32()?,
            lane: self.u64()?,
            origin,
            args: self.rest(),
        })
    }

    fn forward(&mut self) -> Result<Message> {
        let (seq, flags) = (self.u64()?, self.u8()?);
        let (accept, encoding, id) = (self.encoding()?, self.encoding()?, self.u64()?);
        let session = self.session(flags & HAS_UID != 0)?;
        let route = Route::parse(self.text("route")?).map_err(|_| EnvelopeError::Wrong("route"))?;
        Ok(Message::Forward {
            seq,
            session,
            route,
            id: (flags & HAS_ID != 0).then_some(id),
            body: Body { encoding, bytes: self.rest() },
            accept,
        })
    }

    fn session(&mut self, has_uid: bool) -> Result<Snapshot> {
        let id = self.id()?;
        let version = self.u64()?;
        let frontend = ServerId::from(self.text("text")?);
        let uid = if has_uid { Some(Uid::from(self.text("text")?)) } else { None };
        let settings = match self.sized()? {
            [] => Default::default(),
            settings => rmp_serde::from_slice(settings)?,
        };
        Ok(Snapshot { id, frontend, uid, settings, version })
    }

    fn group_push(&mut self) -> Result<Message> {
        let (seq, incarnation, group, version) = (self.u64()?, self.incarnation()?, self.u64()?, self.u64()?);
        let key = GroupKey { backend: self.text("text")?.into(), incarnation, group };
        Ok(Message::Group { key, version, op: GroupOp::Push { seq, push: self.push()? } })
    }

    fn push(&mut self) -> Result<Push> {
        let (flags, route) = (self.u8()?, self.text("text")?.into());
        let (mut payload, mut left) = (Payload::default(), flags / HAS_JSON);
        while left != 0 {
            // The lowest bit that is set is the next encoding, and the last body needs no length.
            let number = left.trailing_zeros() as u8;
            left &= left - 1;
            let Some(encoding) = Encoding::from_number(number) else {
                return Err(EnvelopeError::Wrong("encoding"));
            };
            let bytes = if left == 0 { self.rest() } else { self.body()? };
            payload.add_last(Body { encoding, bytes });
        }
        Ok(Push { route, payload, volatile: flags & VOLATILE != 0 })
    }
}

#[cfg(test)]
mod tests;
