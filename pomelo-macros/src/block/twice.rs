//! A second annotated block of one type: all that the first has made would be there twice, each an error of its own.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use super::Kind;
use crate::beside::{Beside, attributes, is};

/// Whether an annotated `impl` block of the type stands in front of the use at `span`, in its module. If that can't be told, there is
/// none.
pub(super) fn is_second(kind: Kind, span: Span, ty: &TokenStream) -> bool {
    Beside::of(span, |line| is_use(kind, line)).is_some_and(|beside| {
        // One that a `cfg` may take out is there by choice.
        let by_choice =
            attributes(&beside.before, beside.before.len()).any(|attribute| names(&attribute, "cfg"));
        !by_choice && has_block(kind, &beside.before, ty)
    })
}

/// Whether such a block stands anywhere beside the use.
pub(super) fn has_other(kind: Kind, span: Span, ty: &TokenStream) -> bool {
    let beside = Beside::of(span, |line| is_use(kind, line));
    beside.is_some_and(|Beside { before, after }| has_block(kind, &before, ty) || has_block(kind, &after, ty))
}

fn is_use(kind: Kind, line: &str) -> bool {
    line.starts_with("#[") && line.contains(kind.lower())
}

fn has_block(kind: Kind, tokens: &[TokenTree], ty: &TokenStream) -> bool {
    let wanted = joined(ty.clone());
    (0..tokens.len()).filter(|at| is(&tokens[*at], "impl")).any(|at| {
        let is_body = |token: &&TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let head = tokens[at + 1..].iter().take_while(|token| !is_body(token));
        let attributes: Vec<_> = attributes(tokens, at).collect();
        joined(head.cloned().collect()) == wanted
            && attributes.iter().any(|attribute| names(attribute, kind.lower()))
            && !attributes.iter().any(|attribute| names(attribute, "cfg"))
    })
}

/// Whether the attribute is of that name, by whatever path.
fn names(attribute: &TokenStream, name: &str) -> bool {
    let path = attribute.clone().into_iter().take_while(|token| !matches!(token, TokenTree::Group(_)));
    path.last().is_some_and(|last| is(&last, name))
}

fn joined(tokens: TokenStream) -> String {
    tokens.into_iter().map(|token| token.to_string()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "#[handler]\nimpl A { }\n#[pomelo::handler(fields)]\nimpl B { }\nmod m {\n #[handler]\n impl A { }\n}\n\
                        #[cfg(x)] #[handler]\nimpl C { }\n#[handler]\nimpl C { }\n#[handler]\nimpl A { }\n";

    fn before(line: usize, ty: &str) -> Option<bool> {
        let beside = Beside::in_text(FILE, line, |line| is_use(Kind::Handler, line))?;
        Some(has_block(Kind::Handler, &beside.before, &ty.parse().unwrap()))
    }

    #[test]
    fn the_second_block_of_a_type_in_a_module_is_told_from_the_first() {
        assert_eq!([(1, "A"), (3, "B"), (6, "A")].map(|(line, ty)| before(line, ty)), [Some(false); 3]);
        assert_eq!(before(13, "A"), Some(true));
        assert_eq!(before(11, "C"), Some(false), "by a `cfg` only one of them is there");
        assert_eq!(before(2, "A"), None, "there is no attribute");
    }
}
