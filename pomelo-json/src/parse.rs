//! The grammar of JSON, read without recursion.

use indexmap::IndexMap;

use crate::error::SyntaxError;
use crate::text;
use crate::tree::{Number, Tree};

/// How deep arrays and objects may lie within each other: four times as deep as for `serde_json`, and far above what anybody means.
///
/// `JSON.parse` has no limit, but a type is read, written and dropped on the stack. A thread of tokio has 2 MiB of it, and of those a
/// value of this depth takes 1.2 MiB where nothing is optimized.
pub const MAX_DEPTH: usize = 512;

/// Reads a text that is one JSON value.
pub(crate) fn parse(text: &str) -> Result<Tree, SyntaxError> {
    Parser { cursor: Cursor { text, at: 0 }, open: Vec::new() }.parse()
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    /// The arrays and objects that are not complete, outermost first.
    open: Vec<Open>,
}

enum Open {
    Array(Vec<Tree>),
    /// The last one's key, of which the value comes next.
    Object(Box<IndexMap<String, Tree>>, String),
}

impl Parser<'_> {
    fn parse(mut self) -> Result<Tree, SyntaxError> {
        loop {
            let Some(mut value) = self.begin()? else { continue };
            // A value may end the array that it is in, and this the next, and so on.
            loop {
                match self.place(value)? {
                    Placed::Next => break,
                    Placed::Closed(outer) => value = outer,
                    Placed::Root(root) => return Ok(root),
                }
            }
        }
    }

    /// Reads a value that is none of others, or an opening bracket.
    fn begin(&mut self) -> Result<Option<Tree>, SyntaxError> {
        self.cursor.skip_space();
        let first = self.cursor.next();
        if matches!(first, Some(b'{' | b'[')) && self.open.len() >= MAX_DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        let open = match first {
            Some(b'{') => {
                self.cursor.skip_space();
                if self.cursor.skip(b'}') {
                    return Ok(Some(Tree::Object(Box::default())));
                }
                Open::Object(Box::default(), self.cursor.key()?)
            }
            Some(b'[') => {
                self.cursor.skip_space();
                if self.cursor.skip(b']') {
                    return Ok(Some(Tree::Array(Vec::new())));
                }
                Open::Array(Vec::new())
            }
            Some(first) => return self.cursor.scalar(first).map(Some),
            None => return Err(self.cursor.unexpected()),
        };
        self.open.push(open);
        Ok(None)
    }

    /// Puts a value where it belongs, and reads what follows.
    fn place(&mut self, value: Tree) -> Result<Placed, SyntaxError> {
        self.cursor.skip_space();
        match self.open.pop() {
            None if self.cursor.is_at_end() => Ok(Placed::Root(value)),
            None => Err(self.cursor.unexpected()),
            Some(Open::Array(mut elements)) => {
                elements.push(value);
                match self.cursor.next() {
                    Some(b']') => return Ok(Placed::Closed(Tree::Array(elements))),
                    Some(b',') => self.open.push(Open::Array(elements)),
                    _ => return Err(self.cursor.unexpected_last()),
                }
                Ok(Placed::Next)
            }
            Some(Open::Object(mut entries, key)) => {
                entries.insert(key, value);
                match self.cursor.next() {
                    Some(b'}') => return Ok(Placed::Closed(Tree::Object(entries))),
                    Some(b',') => {
                        let key = self.cursor.key()?;
                        self.open.push(Open::Object(entries, key));
                    }
                    _ => return Err(self.cursor.unexpected_last()),
                }
                Ok(Placed::Next)
            }
        }
    }
}

/// What became of a value.
enum Placed {
    /// Another one follows.
    Next,
    /// It was the last one of this.
    Closed(Tree),
    /// It was all.
    Root(Tree),
}

/// A place in a text.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn is_at_end(&self) -> bool {
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

    fn skip_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// The next byte is wrong.
    fn unexpected(&self) -> SyntaxError {
        SyntaxError::Unexpected { at: self.at }
    }

    /// The byte before is wrong; at the end, there is one missing.
    pub(crate) fn unexpected_last(&self) -> SyntaxError {
        SyntaxError::Unexpected { at: self.at.saturating_sub(usize::from(!self.is_at_end())) }
    }

    /// A key with its colon.
    fn key(&mut self) -> Result<String, SyntaxError> {
        self.skip_space();
        if !self.skip(b'"') {
            return Err(self.unexpected());
        }
        let key = text::read(self)?;
        self.skip_space();
        if self.skip(b':') { Ok(key) } else { Err(self.unexpected()) }
    }

    /// A text, a number or a word, of which the first byte is taken.
    fn scalar(&mut self, first: u8) -> Result<Tree, SyntaxError> {
        let word = |cursor: &mut Self, rest: &str, value| match cursor.rest().starts_with(rest.as_bytes()) {
            true => {
                cursor.at += rest.len();
                Ok(value)
            }
            false => Err(cursor.unexpected_last()),
        };
        match first {
            b'"' => text::read(self).map(Tree::String),
            b't' => word(self, "rue", Tree::Bool(true)),
            b'f' => word(self, "alse", Tree::Bool(false)),
            b'n' => word(self, "ull", Tree::Null),
            b'-' | b'0'..=b'9' => {
                self.at = self.at.saturating_sub(1);
                self.number()
            }
            _ => Err(self.unexpected_last()),
        }
    }

    fn number(&mut self) -> Result<Tree, SyntaxError> {
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
        Ok(Tree::Number(Number::read(self.text.get(start..self.at).unwrap_or_default())))
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        match self.take_while(|byte| byte.is_ascii_digit()) {
            "" => Err(self.unexpected()),
            _ => Ok(()),
        }
    }
}
