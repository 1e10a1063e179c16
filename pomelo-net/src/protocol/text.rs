//! Text as pomelo's clients send it.
//!
//! TCP clients send UTF-8. Pomelo's browser client encodes each UTF-16 unit by itself, so a character
//! outside the basic plane arrives as two surrogates of three bytes each (CESU-8); pomelo reads six
//! U+FFFD from that, we read the character.
//!
//! ```
//! use pomelo_net::protocol::text;
//!
//! assert_eq!(text::decode("中文".as_bytes()), "中文");
//! // An emoji of a browser: its two halves, three bytes each.
//! assert_eq!(text::decode(b"\xed\xa0\xbd\xed\xb8\x80"), "😀");
//! ```

use std::borrow::Cow;

/// Decodes bytes of a client to text.
///
/// Valid UTF-8 is borrowed. CESU-8 surrogate pairs become the character they mean; every other
/// invalid sequence becomes U+FFFD, just as many as Node writes. The text is at most three times as
/// long as the bytes.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(decode_lossy(bytes)),
    }
}

fn decode_lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let invalid = match str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                break;
            }
            Err(error) => error,
        };
        let (valid, bad) = rest.split_at_checked(invalid.valid_up_to()).unwrap_or((&[], rest));
        text.push_str(str::from_utf8(valid).unwrap_or_default());
        let (character, length) = match surrogate_pair(bad) {
            Some(character) => (character, 6),
            None => (char::REPLACEMENT_CHARACTER, invalid.error_len().unwrap_or(bad.len())),
        };
        text.push(character);
        rest = bad.get(length..).unwrap_or_default();
    }
    text
}

/// The character that the first six bytes mean, if they are a high and a low surrogate.
fn surrogate_pair(bytes: &[u8]) -> Option<char> {
    let &[0xed, a @ 0xa0..=0xaf, b @ 0x80..=0xbf, 0xed, c @ 0xb0..=0xbf, d @ 0x80..=0xbf] =
        bytes.first_chunk::<6>()?
    else {
        return None;
    };
    let unit = |high: u8, low: u8| 0xd000 | (u16::from(high & 0x3f) << 6) | u16::from(low & 0x3f);
    char::decode_utf16([unit(a, b), unit(c, d)]).next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrows_valid_text() {
        assert!(matches!(decode("你好 😀".as_bytes()), Cow::Borrowed("你好 😀")));
    }

    #[test]
    fn joins_the_surrogates_of_a_browser() {
        assert_eq!(decode(b"a\xed\xa0\xbd\xed\xb8\x80b"), "a😀b");
        assert_eq!(decode(b"\xed\xa0\x80\xed\xb0\x80"), "\u{10000}");
        assert_eq!(decode(b"\xed\xaf\xbf\xed\xbf\xbf"), "\u{10ffff}");
    }

    #[test]
    fn replaces_what_is_no_text_as_node_does() {
        for bytes in [
            &b"\xc3("[..],
            b"x\xed\xa0\xbdy",
            b"\xed\xb8\x80\xed\xa0\xbd",
            b"\xed\xa0\xbd\xed\xb8",
            b"\xff\xfe",
            b"\xf0\x9f\x98",
        ] {
            assert_eq!(decode(bytes), String::from_utf8_lossy(bytes));
        }
    }
}
