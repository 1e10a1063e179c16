//! Raw streams: packages one after the other.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use crate::client::{BoxedStream, ByteStream, WireError};
use crate::protocol::package::Package;

/// How much is read at once, at least. A program may have thousands of connections.
const READ_BYTES: usize = 4096;

/// A stream, what was read of it and is not taken, and what is to be written.
pub(super) struct Raw {
    stream: BoxedStream,
    input: BytesMut,
    output: VecDeque<Bytes>,
    /// Something was written that may still be in a buffer of the stream.
    unflushed: bool,
}

impl Raw {
    pub(super) fn new(stream: BoxedStream) -> Self {
        Self { stream, input: BytesMut::new(), output: VecDeque::new(), unflushed: false }
    }

    pub(super) fn stream(&mut self) -> &mut dyn ByteStream {
        &mut self.stream
    }

    pub(super) fn take_package(&mut self, limit: usize) -> Result<Option<Package>, WireError> {
        Ok(Package::decode(&mut self.input, limit)?)
    }

    pub(super) fn queue(&mut self, bytes: Bytes) {
        self.output.push_back(bytes);
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        self.input.reserve(READ_BYTES);
        // Reading into a buffer holds no state: a future that is dropped has read nothing.
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(cx);
        match ready!(read)? {
            0 => Poll::Ready(Err(WireError::Closed { code: None })),
            _ => Poll::Ready(Ok(())),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        while let Some(bytes) = self.output.front_mut() {
            if bytes.has_remaining() {
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
                if written == 0 {
                    return Poll::Ready(Err(WireError::Closed { code: None }));
                }
                bytes.advance(written);
                self.unflushed = true;
            } else {
                self.output.pop_front();
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        Pin::new(&mut self.stream).poll_shutdown(cx).map_err(WireError::Io)
    }
}
