//! The scratch buffer of a thread: what is encoded is written there first, so that its bytes take memory once, and no more than they
//! need.

use std::cell::Cell;

use bytes::Bytes;

/// Memory that something longer took is not kept.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The bytes that `write` appends to an empty buffer.
///
/// # Errors
/// That of `write`.
pub(crate) fn encoded<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Bytes, E> {
    // Taken, since writing a value may encode another one.
    let mut buffer = BUFFER.take();
    buffer.clear();
    let written = write(&mut buffer);
    let bytes = written.map(|()| Bytes::copy_from_slice(&buffer));
    give_back(buffer);
    bytes
}

/// The buffer itself, empty, for what is written piece by piece; [`give_back`] returns it.
pub(crate) fn take() -> Vec<u8> {
    let mut buffer = BUFFER.take();
    buffer.clear();
    buffer
}

/// Returns a buffer for whatever is encoded next.
pub(crate) fn give_back(buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT_BYTES {
        BUFFER.set(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> Bytes {
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(bytes);
            Ok::<_, ()>(())
        };
        encoded(write).unwrap()
    }

    #[test]
    fn what_is_encoded_while_something_else_is_has_bytes_of_its_own() {
        let outer = encoded(|out| {
            out.extend_from_slice(b"<");
            out.extend_from_slice(&written(b"inner"));
            out.extend_from_slice(b">");
            Ok::<_, ()>(())
        });
        assert_eq!(outer.unwrap(), "<inner>");
        assert_eq!(written(b"next"), "next");
    }

    #[test]
    fn what_was_half_written_when_it_failed_is_not_seen_again() {
        let failed = encoded(|out| {
            out.extend_from_slice(b"half");
            Err("no")
        });
        assert_eq!((failed, written(b"whole")), (Err("no"), "whole".into()));
    }
}
