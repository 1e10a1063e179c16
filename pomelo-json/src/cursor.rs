//! The cursor: a place in a text, which moves by bytes, words and numbers.

use crate::error::SyntaxError;

/// A place in a text.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn next(&mut self) -> Option<u8> {
        let byte = self.rest().first().copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// Takes this byte, if it is the next.
    pub(crate) fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.rest().first() == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes bytes, which end before an ASCII character or at the end.
    pub(crate) fn take_while(&mut self, is_taken: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !is_taken(*byte)).unwrap_or(rest.len());
        let taken = self.text.get(self.at..self.at + length).unwrap_or_default();
        self.at += length;
        taken
    }

    pub(crate) fn skip_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// The next byte is wrong.
    pub(crate) fn unexpected(&self) -> SyntaxError {
        SyntaxError::Unexpected { at: self.at }
    }

    /// The byte before is wrong; at the end, there is one missing.
    pub(crate) fn unexpected_last(&self) -> SyntaxError {
        SyntaxError::Unexpected { at: self.at.saturating_sub(usize::from(!self.is_at_end())) }
    }

    /// Takes this word, if it is next.
    pub(crate) fn skip_word(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word.as_bytes());
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// Takes a number, of which the first byte is taken.
    pub(crate) fn number(&mut self) -> Result<&'a str, SyntaxError> {
        self.at = self.at.saturating_sub(1);
        let start = self.at;
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        match self.take_while(|byte| byte.is_ascii_digit()) {
            "" => Err(self.unexpected()),
            _ => Ok(()),
        }
    }
}
