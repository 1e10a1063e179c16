//! Neighbours of a use of a macro. A macro does not see them, so this looks into the file that the use stands in.

use std::fs;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// Stands where the use does in the tokens of its file.
const HERE: &str = "__here_is_the_macro";

/// The tokens in the same braces as a use of a macro.
pub(crate) struct Beside {
    pub(crate) before: Vec<TokenTree>,
    /// With the use itself.
    pub(crate) after: Vec<TokenTree>,
}

impl Beside {
    /// What is beside the use at `span`, whose line is one that `is_use` knows. None if that can't be told.
    pub(crate) fn of(span: Span, is_use: impl Fn(&str) -> bool) -> Option<Self> {
        let span = span.unwrap();
        let path = span.local_file()?;
        // What is in the documentation of a crate has a place in its file, but is none of its tokens.
        path.extension().filter(|extension| *extension == "rs")?;
        Self::in_text(&fs::read_to_string(path).ok()?, span.line(), is_use)
    }

    /// As [`of`](Self::of), of the line (from 1) of a text.
    pub(crate) fn in_text(text: &str, line: usize, is_use: impl Fn(&str) -> bool) -> Option<Self> {
        let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let (before, after) = text.split_at_checked(before)?;
        let ours = after.lines().next()?.trim_start();
        let is_ours = is_use(ours) && !ours.starts_with("//");
        is_ours.then(|| format!("{before} {HERE} {after}").parse().ok()).flatten().and_then(Self::at_mark)
    }

    fn at_mark(tokens: TokenStream) -> Option<Self> {
        let mut before: Vec<TokenTree> = tokens.into_iter().collect();
        match before.iter().position(|token| is(token, HERE)) {
            Some(mark) => {
                let after = before.split_off(mark).into_iter().skip(1).collect();
                Some(Self { before, after })
            }
            None => before.into_iter().find_map(|token| match token {
                TokenTree::Group(group) => Self::at_mark(group.stream()),
                _ => None,
            }),
        }
    }
}

/// The attributes in front of the item whose first token is at `at`, without their brackets, the last first.
pub(crate) fn attributes(tokens: &[TokenTree], at: usize) -> impl Iterator<Item = TokenStream> {
    let mut before = tokens[..at].iter().rev();
    std::iter::from_fn(move || match (before.next()?, before.next()?) {
        (TokenTree::Group(group), hash) if is_attribute(group, hash) => Some(group.stream()),
        _ => None,
    })
}

fn is_attribute(group: &proc_macro2::Group, hash: &TokenTree) -> bool {
    group.delimiter() == Delimiter::Bracket && is_punct(hash, '#')
}

pub(crate) fn is(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

pub(crate) fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}
