//! A second `servers!` in a module: all names that it makes would be there twice, each an error of its own.

use proc_macro2::{Delimiter, Span, TokenTree};

use crate::beside::{Beside, is, is_punct};

/// Whether a `servers!` stands before this one, at `span`, in its module. If that can't be told, there is none.
pub(super) fn is_second(span: Span) -> bool {
    Beside::of(span, is_use).is_some_and(|beside| is_after_another(&beside.before))
}

fn is_use(line: &str) -> bool {
    line.contains("servers!")
}

/// Whether a `servers! {…}` without attributes is among the tokens.
fn is_after_another(before: &[TokenTree]) -> bool {
    let used = |at: usize| matches!(&before[at..], [name, bang, TokenTree::Group(_), ..] if is(name, "servers") && is_punct(bang, '!'));
    (0..before.len()).any(|at| used(at) && !has_attribute(&before[..at]))
}

/// Whether an attribute, such as a `cfg`, precedes the path that ends here.
fn has_attribute(before: &[TokenTree]) -> bool {
    let path = |token: &&TokenTree| matches!(token, TokenTree::Ident(_)) || is_punct(token, ':');
    let last = before.iter().rev().find(|token| !path(token));
    matches!(last, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the file, and the line from 1 that the macro is on.
    fn second(file: &str, line: usize) -> Option<bool> {
        Beside::in_text(file, line, is_use).map(|beside| is_after_another(&beside.before))
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
