//! Texts: what of them logs and reports need.

/// The beginning of a text, no longer than that many bytes.
pub(crate) fn beginning(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}
