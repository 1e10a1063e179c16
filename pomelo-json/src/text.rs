//! Texts between quotes.

use crate::cursor::Cursor;
use crate::error::SyntaxError;

/// Reads a text from after its opening quote to behind its closing one.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    let mut text = String::new();
    loop {
        text.push_str(cursor.take_while(|byte| !matches!(byte, b'"' | b'\\' | ..0x20)));
        match cursor.next() {
            Some(b'"') => return Ok(text),
            Some(b'\\') => text.push(escaped(cursor)?),
            // The end, or a control character.
            _ => return Err(cursor.unexpected_last()),
        }
    }
}

/// What follows a backslash.
fn escaped(cursor: &mut Cursor<'_>) -> Result<char, SyntaxError> {
    Ok(match cursor.next() {
        Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let unit = unit(cursor)?;
            character(cursor, unit)
        }
        _ => return Err(cursor.unexpected_last()),
    })
}

/// The character of a unit of UTF-16, and of the one that follows if these two are one. A lone half has none.
fn character(cursor: &mut Cursor<'_>, unit: u16) -> char {
    let alone = char::decode_utf16([unit]).next().and_then(Result::ok);
    alone.or_else(|| low_half(cursor, unit)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Takes the escaped second half of a pair, if it is one.
fn low_half(cursor: &mut Cursor<'_>, high: u16) -> Option<char> {
    let mut ahead = *cursor;
    if !ahead.skip(b'\\') || !ahead.skip(b'u') {
        return None;
    }
    let low = unit(&mut ahead).ok()?;
    let pair = char::decode_utf16([high, low]).next()?.ok()?;
    *cursor = ahead;
    Some(pair)
}

/// Four hexadecimal digits.
fn unit(cursor: &mut Cursor<'_>) -> Result<u16, SyntaxError> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = cursor.next().and_then(|byte| char::from(byte).to_digit(16));
        unit = unit << 4 | digit.ok_or_else(|| cursor.unexpected_last())?;
    }
    Ok(unit as u16)
}
