//! The bytes of packages, messages and websocket frames, as far as a chat needs them.

/// Packages of these kinds come and go.
pub const HANDSHAKE: u8 = 1;
/// See [`HANDSHAKE`].
pub const DATA: u8 = 4;

/// A message that a client sent.
pub struct Request<'a> {
    /// Its number, as it stands in the message.
    pub id: &'a [u8],
    /// Where to.
    pub route: &'a [u8],
    /// JSON.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a request whose route is a name: flags, id, length of the route, route, body.
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let rest = message.get(1..)?;
        let (id, rest) = rest.split_at_checked(1 + rest.iter().position(|byte| byte & 0x80 == 0)?)?;
        let (length, rest) = rest.split_first()?;
        let (route, body) = rest.split_at_checked(usize::from(*length))?;
        Some(Self { id, route, body })
    }

    /// The message that answers it.
    pub fn answer(&self, body: &[u8]) -> Vec<u8> {
        [&[4], self.id, body].concat()
    }
}

/// A push of `onChat`.
pub fn push(body: &[u8]) -> Vec<u8> {
    [&b"\x06\x06onChat"[..], body].concat()
}

/// A package, in a frame if it goes to a websocket.
pub fn package(kind: u8, body: &[u8], websocket: bool) -> Vec<u8> {
    let [_, length @ ..] = (body.len() as u32).to_be_bytes();
    let mut bytes = if websocket { frame_header(body.len() + 4) } else { vec![] };
    bytes.push(kind);
    bytes.extend(length);
    bytes.extend(body);
    bytes
}

fn frame_header(length: usize) -> Vec<u8> {
    match length {
        0..126 => vec![0x82, length as u8],
        _ => [&[0x82, 126][..], &(length as u16).to_be_bytes()].concat(),
    }
}

/// Takes a package off the start of `input`: its kind and body.
pub fn take_package(input: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let [kind, a, b, c] = *input.first_chunk()?;
    let end = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
    let body = input.get(4..end)?.to_vec();
    input.drain(..end);
    Some((kind, body))
}

/// Takes a client's frame off the start of `input`, and the mask off its payload.
pub fn take_frame(input: &mut Vec<u8>) -> Option<Vec<u8>> {
    let [_, short] = *input.first_chunk()?;
    let (head, length) = match short & 0x7f {
        126 => {
            let [_, _, a, b] = *input.first_chunk()?;
            (4, usize::from(u16::from_be_bytes([a, b])))
        }
        short => (2, usize::from(short)),
    };
    let mask: [u8; 4] = *input.get(head..)?.first_chunk()?;
    let payload = input.get(head + 4..head + 4 + length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    input.drain(..head + 4 + length);
    Some(payload)
}
