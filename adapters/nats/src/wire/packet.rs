//! Packets: messages from one server to another, each with the ends of the link that it belongs to.
//!
//! ```text
//! version  kind  from: length, id   from end       to end         number  acknowledged  the rest
//! 1 byte   1     1, n               8 + 8          8 + 8          8       8             of the kind
//! ```
//!
//! An *end* of a link is a process and a number that this process never uses again for that peer. A packet belongs to a link only if
//! both ends are the present ones, so that what a broken connection delivers late concerns nobody.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use pomelo_core::cluster::{Member, Refused};
use pomelo_core::value::ServerId;

use super::VERSION;

const OPEN: u8 = 0;
const DATA: u8 = 1;
const MARK: u8 = 2;
const REFUSED: u8 = 3;

/// The longest id that fits into a packet's head.
const MAX_ID_BYTES: usize = u8::MAX as usize;

/// One end of a link between two processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkEnd {
    /// Which process.
    pub(crate) incarnation: u64,
    /// Which of its attempts to be linked with that peer: each is a later one. Zero if it isn't known.
    pub(crate) epoch: u64,
}

/// What every packet begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// Who wrote it.
    pub(crate) from: ServerId,
    /// The end of the link at the writer.
    pub(crate) own: LinkEnd,
    /// The end at the reader, as the writer knows it.
    pub(crate) other: LinkEnd,
    /// Of data: which packet of the link it is, from 0 on. Else: how many there are so far.
    pub(crate) number: u64,
    /// How many packets with data have come the other way.
    pub(crate) acknowledged: u64,
}

/// What a packet says.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// The writer wants a link, and is this.
    Open(Box<Member>),
    /// The next part of the stream of frames.
    Data(Bytes),
    /// The link is there, and so much has passed.
    Mark,
    /// There will be no link.
    Refused(Refused),
}

/// A message from one server to another.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) head: Head,
    pub(crate) body: Body,
}

/// Why bytes are no packet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PacketError {
    #[error("the packet is cut short")]
    Short,
    #[error("the packet is of version {0}")]
    Version(u8),
    #[error("the packet is of an unknown kind, {0}")]
    Kind(u8),
    #[error("the packet's writer has no readable id")]
    Id,
    #[error("the packet can't be read")]
    Unpack(#[from] rmp_serde::decode::Error),
}

/// Why a packet can't be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the id `{0}` is longer than 255 bytes")]
    Id(ServerId),
    #[error(transparent)]
    Pack(#[from] rmp_serde::encode::Error),
}

impl Head {
    /// The bytes of a head.
    pub(crate) fn len(&self) -> usize {
        3 + self.from.len() + 6 * 8
    }

    fn put(&self, kind: u8, out: &mut BytesMut) -> Result<(), WriteError> {
        let id = self.from.as_bytes();
        let length = u8::try_from(id.len()).map_err(|_| WriteError::Id(self.from.clone()))?;
        out.put_slice(&[VERSION, kind, length]);
        out.put_slice(id);
        for number in [
            self.own.incarnation,
            self.own.epoch,
            self.other.incarnation,
            self.other.epoch,
            self.number,
            self.acknowledged,
        ] {
            out.put_u64(number);
        }
        Ok(())
    }

    /// Takes a head off `bytes`, and the kind of what follows.
    fn take(bytes: &mut Bytes) -> Result<(Self, u8), PacketError> {
        let [version, kind, length] = [u8_of(bytes)?, u8_of(bytes)?, u8_of(bytes)?];
        if version != VERSION {
            return Err(PacketError::Version(version));
        }
        let length = usize::from(length);
        if bytes.len() < length {
            return Err(PacketError::Short);
        }
        let id = bytes.split_to(length);
        let from = std::str::from_utf8(&id).ok().filter(|id| !id.is_empty()).ok_or(PacketError::Id)?;
        let from = ServerId::from(from);
        let own = LinkEnd { incarnation: u64_of(bytes)?, epoch: u64_of(bytes)? };
        let other = LinkEnd { incarnation: u64_of(bytes)?, epoch: u64_of(bytes)? };
        Ok((Self { from, own, other, number: u64_of(bytes)?, acknowledged: u64_of(bytes)? }, kind))
    }
}

/// Writes a packet with data.
pub(crate) fn write_data(head: &Head, data: &[u8]) -> Result<Bytes, WriteError> {
    let mut out = BytesMut::with_capacity(head.len() + data.len());
    head.put(DATA, &mut out)?;
    out.put_slice(data);
    Ok(out.freeze())
}

/// Writes that the link is there.
pub(crate) fn write_mark(head: &Head) -> Result<Bytes, WriteError> {
    write(head, MARK, |_| Ok(()))
}

/// Writes that a link is wanted.
pub(crate) fn write_open(head: &Head, member: &Member) -> Result<Bytes, WriteError> {
    write(head, OPEN, |out| rmp_serde::encode::write_named(out, member))
}

/// Writes that there will be none.
pub(crate) fn write_refused(head: &Head, why: &Refused) -> Result<Bytes, WriteError> {
    write(head, REFUSED, |out| rmp_serde::encode::write_named(out, why))
}

fn write(
    head: &Head,
    kind: u8,
    rest: impl FnOnce(&mut bytes::buf::Writer<&mut BytesMut>) -> Result<(), rmp_serde::encode::Error>,
) -> Result<Bytes, WriteError> {
    let mut out = BytesMut::with_capacity(head.len());
    head.put(kind, &mut out)?;
    rest(&mut (&mut out).writer())?;
    Ok(out.freeze())
}

impl Packet {
    /// Reads a packet. It may come from anywhere.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn decode(mut bytes: Bytes) -> Result<Self, PacketError> {
        let (head, kind) = Head::take(&mut bytes)?;
        let body = match kind {
            OPEN => Body::Open(Box::new(rmp_serde::from_slice(&bytes)?)),
            DATA => Body::Data(bytes),
            MARK => Body::Mark,
            REFUSED => Body::Refused(rmp_serde::from_slice(&bytes)?),
            kind => return Err(PacketError::Kind(kind)),
        };
        Ok(Self { head, body })
    }
}

fn u8_of(bytes: &mut Bytes) -> Result<u8, PacketError> {
    bytes.try_get_u8().map_err(|_| PacketError::Short)
}

fn u64_of(bytes: &mut Bytes) -> Result<u64, PacketError> {
    bytes.try_get_u64().map_err(|_| PacketError::Short)
}

/// Whether packets can say that they are from a server of that id.
pub(crate) fn can_write(id: &str) -> bool {
    id.len() <= MAX_ID_BYTES
}

#[cfg(test)]
mod tests {
    use pomelo_core::value::Incarnation;

    use super::*;

    fn head() -> Head {
        Head {
            from: "chat-1".into(),
            own: LinkEnd { incarnation: 1, epoch: 2 },
            other: LinkEnd { incarnation: 3, epoch: 4 },
            number: 5,
            acknowledged: 6,
        }
    }

    #[test]
    fn a_packet_is_read_as_it_was_written() {
        let bytes = write_data(&head(), b"abc").unwrap();
        assert_eq!(bytes.len(), head().len() + 3);
        let packet = Packet::decode(bytes).unwrap();
        assert_eq!(packet.head, head());
        assert!(matches!(packet.body, Body::Data(data) if data == "abc"));
        assert!(matches!(Packet::decode(write_mark(&head()).unwrap()).unwrap().body, Body::Mark));
        let why = Refused::Superseded(Incarnation::begin("chat-1"));
        let packet = Packet::decode(write_refused(&head(), &why).unwrap()).unwrap();
        assert!(matches!(packet.body, Body::Refused(read) if read == why));
    }

    #[test]
    fn bytes_that_are_cut_or_altered_are_an_error_or_another_packet_and_no_panic() {
        let whole = write_mark(&head()).unwrap();
        for end in 0..whole.len() {
            assert!(Packet::decode(whole.slice(..end)).is_err(), "cut at {end}");
        }
        for at in 0..whole.len() {
            for value in 0..=u8::MAX {
                let mut altered = whole.to_vec();
                altered[at] = value;
                // Whatever comes of it, it is read without a panic.
                let _ = Packet::decode(altered.into());
            }
        }
    }

    #[test]
    fn an_id_of_more_than_255_bytes_can_not_write() {
        let long = "x".repeat(256);
        assert!(!can_write(&long) && can_write(&long[1..]));
        let head = Head { from: long.into(), ..head() };
        assert!(matches!(write_mark(&head), Err(WriteError::Id(_))));
    }

    #[test]
    fn fuzz_nats_packet() {
        let why = Refused::Superseded(Incarnation::begin("chat-1"));
        let samples = [
            write_open(&head(), &crate::endpoint::member("chat-1")).unwrap(),
            write_data(&head(), b"abc").unwrap(),
            write_mark(&head()).unwrap(),
            write_refused(&head(), &why).unwrap(),
        ];
        pomelo_fuzz::fuzz("NATS packet", &samples, |_, input| {
            let Ok(Packet { head, body }) = Packet::decode(Bytes::copy_from_slice(input)) else { return };
            let written = match &body {
                Body::Open(member) => write_open(&head, member),
                Body::Data(data) => write_data(&head, data),
                Body::Mark => write_mark(&head),
                Body::Refused(why) => write_refused(&head, why),
            };
            let again = Packet::decode(written.unwrap()).unwrap();
            assert_eq!(format!("{again:?}"), format!("{:?}", Packet { head, body }));
        });
    }
}
