//! Paths in tokens that nobody has parsed: what macros are given, what `macro_rules!` write, arguments of attributes.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::imports::Written;

/// A path found in tokens.
#[derive(Debug)]
pub struct Spotted {
    /// What is written.
    pub path: Written,
    /// How it ends.
    pub end: End,
}

/// What follows the last segment of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No further segment.
    Whole,
    /// `::*`.
    Glob,
    /// `::$name`: a part that only an expansion knows.
    Open,
    /// `!`: it names a macro.
    Bang,
}

/// Finds all paths in tokens, one segment suffices.
pub fn paths_in(tokens: &TokenStream) -> Vec<Spotted> {
    let mut found = Vec::new();
    scan(tokens.clone(), &mut found);
    found
}

/// The texts of literals in tokens: `with = "crate::value::text"`.
pub fn texts_in(tokens: &TokenStream) -> Vec<(String, usize)> {
    tokens.clone().into_iter().fold(Vec::new(), |mut texts, token| {
        match token {
            TokenTree::Group(group) => texts.extend(texts_in(&group.stream())),
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                texts.extend(text.ok().map(|text| (text.value(), line)));
            }
            _ => {}
        }
        texts
    })
}

fn scan(tokens: TokenStream, found: &mut Vec<Spotted>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => {
                scan(group.stream(), found);
                at += 1;
            }
            _ if begins(&tokens, at) => at = path(&tokens, at, &Written::default(), found),
            _ => at += 1,
        }
    }
}

/// Whether a path begins at a token: a name that stands after no dot, `::`, `'` or `$`, or `$crate`, or `::` before a name.
fn begins(tokens: &[TokenTree], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
    if double_colon(tokens, at) {
        let ends_path = |token: &TokenTree| matches!(token, TokenTree::Ident(_)) || is(Some(token), '>');
        return !before(1).is_some_and(ends_path) && matches!(tokens.get(at + 2), Some(TokenTree::Ident(_)));
    }
    if is(tokens.get(at), '$') {
        return matches!(tokens.get(at + 1), Some(TokenTree::Ident(name)) if name == "crate");
    }
    let field = is(before(1), '.') && !is(before(2), '.');
    let apart =
        !field && !is(before(1), ':') | !is(before(2), ':') && !is(before(1), '\'') && !is(before(1), '$');
    matches!(tokens[at], TokenTree::Ident(_)) && apart
}

/// Reads a path with all its branches; where it ends.
fn path(tokens: &[TokenTree], mut at: usize, before: &Written, found: &mut Vec<Spotted>) -> usize {
    let mut path = before.clone();
    if double_colon(tokens, at) {
        path.leading = path.segments.is_empty();
        at += 2;
    }
    loop {
        if is(tokens.get(at), '$')
            && matches!(tokens.get(at + 1), Some(TokenTree::Ident(name)) if name == "crate")
        {
            path.line = tokens[at].span().start().line;
            path.segments.push("$crate".to_owned());
            at += 2;
        } else if let Some(TokenTree::Ident(name)) = tokens.get(at) {
            path.line = name.span().start().line;
            // `a::{self}` is `a`.
            if name != "self" || path.segments.is_empty() {
                path.segments.push(crate::source::name_of(name));
            }
            at += 1;
        }
        if !double_colon(tokens, at) {
            let end =
                if is(tokens.get(at), '!') && !is(tokens.get(at + 1), '=') { End::Bang } else { End::Whole };
            found.push(Spotted { path, end });
            return at;
        }
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(_)) => at += 2,
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                branches(group.stream(), &path, found);
                return at + 3;
            }
            Some(token) => {
                let end = match token {
                    token if is(Some(token), '*') => End::Glob,
                    token if is(Some(token), '$') => End::Open,
                    _ => End::Whole,
                };
                found.push(Spotted { path, end });
                return at + 3;
            }
            None => {
                found.push(Spotted { path, end: End::Whole });
                return at + 2;
            }
        }
    }
}

/// The branches of `use a::{b, c::d}`.
fn branches(tokens: TokenStream, before: &Written, found: &mut Vec<Spotted>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for branch in tokens.split(|token| is(Some(token), ',')).filter(|branch| !branch.is_empty()) {
        if is(branch.first(), '*') {
            found.push(Spotted { path: before.clone(), end: End::Glob });
        } else if is(branch.first(), '$') {
            found.push(Spotted { path: before.clone(), end: End::Open });
        } else {
            path(branch, 0, before, found);
        }
    }
}

fn double_colon(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens.get(at), ':') && is(tokens.get(at + 1), ':')
}

fn is(token: Option<&TokenTree>, punctuation: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == punctuation)
}
