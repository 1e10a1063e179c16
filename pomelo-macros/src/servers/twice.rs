//! A second `servers!` in a module: all names that it makes would be there twice, each an error of its own.
//!
//! A macro doesn't see what is beside it, so this one looks into the file that it stands in.

use std::fs;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// Stands where the macro does in the tokens of its file.
const HERE: &str = "__here_is_servers";

/// Whether a `servers!` stands before this one, at `span`, in its module. If that can't be told, there is none.
pub(super) fn is_second(span: Span) -> bool {
    let span = span.unwrap();
    let Some(path) = span.local_file() else { return false };
    // What is in the documentation of a crate has a place in its file, but is none of its tokens.
    if path.extension().is_none_or(|extension| extension != "rs") {
        return false;
    }
    fs::read_to_string(path).ok().and_then(|text| marked(&text, span.line())).is_some_and(|text| {
        let tokens = text.parse::<TokenStream>();
        tokens.is_ok_and(|tokens| is_after_another(tokens) == Some(true))
    })
}

/// The text with the mark in front of that line (from 1), if there is one that uses the macro.
fn marked(text: &str, line: usize) -> Option<String> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let (before, after) = text.split_at_checked(before)?;
    let ours = after.lines().next()?.trim_start();
    (ours.contains("servers!") && !ours.starts_with("//")).then(|| format!("{before} {HERE} {after}"))
}

/// Whether a `servers! {…}` without attributes stands before the mark and in the same braces; none if there is no mark.
fn is_after_another(tokens: TokenStream) -> Option<bool> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mark = tokens.iter().position(|token| is(token, HERE));
    let Some(mark) = mark else {
        return tokens.into_iter().find_map(|token| match token {
            TokenTree::Group(group) => is_after_another(group.stream()),
            _ => None,
        });
    };
    let before = &tokens[..mark];
    let used = |at: usize| matches!(&before[at..], [name, bang, TokenTree::Group(_), ..] if is(name, "servers") && is_punct(bang, '!'));
    Some((0..before.len()).any(|at| used(at) && !has_attribute(&before[..at])))
}

/// Whether an attribute, such as a `cfg`, precedes the path that ends here.
fn has_attribute(before: &[TokenTree]) -> bool {
    let path = |token: &&TokenTree| matches!(token, TokenTree::Ident(_)) || is_punct(token, ':');
    let last = before.iter().rev().find(|token| !path(token));
    matches!(last, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket)
}

fn is(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the file, and the line from 1 that the macro is on.
    fn second(file: &str, line: usize) -> Option<bool> {
        marked(file, line).and_then(|text| is_after_another(text.parse().unwrap()))
    }

    #[test]
    fn the_second_of_a_module_is_told_from_the_first() {
        let file =
            "use a::b;\npomelo::servers! { chat: {} }\nfn f() { 1; }\npomelo::servers! {\n gate: {}\n}\n";
        assert_eq!([2, 4].map(|line| second(file, line)), [Some(false), Some(true)]);
        let file = "servers!(chat: {});\nservers!(chat: {});\n";
        assert_eq!([1, 2].map(|line| second(file, line)), [Some(false), Some(true)]);
    }

    #[test]
    fn one_in_another_module_or_by_choice_is_not_counted() {
        let file = "servers! {}\nmod a {\n  servers! {}\n}\nfn b() {\n  servers! {}\n}\n";
        assert_eq!([3, 6].map(|line| second(file, line)), [Some(false); 2]);
        let file = "#[cfg(a)]\npomelo::servers! {}\n#[cfg(not(a))]\npomelo::servers! {}\n";
        assert_eq!(second(file, 4), Some(false));
    }

    #[test]
    fn what_is_documentation_or_elsewhere_is_not_looked_at() {
        let file = "servers! {}\n/// pomelo::servers! {}\nfn f() {}\n";
        assert_eq!([0, 2, 3, 9].map(|line| second(file, line)), [None; 4]);
    }
}
