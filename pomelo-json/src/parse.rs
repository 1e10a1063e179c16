//! The grammar of JSON, read without recursion.

use indexmap::IndexMap;

use crate::cursor::Cursor;
use crate::error::{MAX_DEPTH, SyntaxError};
use crate::text;
use crate::tree::{Number, Tree};

/// Reads a text that is one JSON value.
pub(crate) fn parse(text: &str) -> Result<Tree, SyntaxError> {
    Parser { cursor: Cursor::new(text), open: Vec::new() }.parse()
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
                Open::Object(Box::default(), self.key()?)
            }
            Some(b'[') => {
                self.cursor.skip_space();
                if self.cursor.skip(b']') {
                    return Ok(Some(Tree::Array(Vec::new())));
                }
                Open::Array(Vec::new())
            }
            Some(first) => return self.scalar(first).map(Some),
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
                        let key = self.key()?;
                        self.open.push(Open::Object(entries, key));
                    }
                    _ => return Err(self.cursor.unexpected_last()),
                }
                Ok(Placed::Next)
            }
        }
    }

    /// A key with its colon.
    fn key(&mut self) -> Result<String, SyntaxError> {
        self.cursor.skip_space();
        if !self.cursor.skip(b'"') {
            return Err(self.cursor.unexpected());
        }
        let key = text::read(&mut self.cursor)?;
        self.cursor.skip_space();
        if self.cursor.skip(b':') { Ok(key) } else { Err(self.cursor.unexpected()) }
    }

    /// A text, a number or a word, of which the first byte is taken.
    fn scalar(&mut self, first: u8) -> Result<Tree, SyntaxError> {
        match first {
            b'"' => text::read(&mut self.cursor).map(Tree::String),
            b't' => self.word("rue", Tree::Bool(true)),
            b'f' => self.word("alse", Tree::Bool(false)),
            b'n' => self.word("ull", Tree::Null),
            b'-' | b'0'..=b'9' => self.cursor.number().map(|number| Tree::Number(Number::read(number))),
            _ => Err(self.cursor.unexpected_last()),
        }
    }

    fn word(&mut self, rest: &str, value: Tree) -> Result<Tree, SyntaxError> {
        if self.cursor.skip_word(rest) { Ok(value) } else { Err(self.cursor.unexpected_last()) }
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
