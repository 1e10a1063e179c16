//! The rule for test code: what is compiled for tests alone makes no arrows and isn't counted.
//!
//! That is what a `#[test]` or a `#[cfg(…)]` marks whose predicate can't be true without `test`: `test` itself, `all(…)` of which
//! one is so, `any(…)` of which all are so. Code behind `any(test, feature = "…")` is code of the crate like any other.

use syn::{Attribute, Meta, Token, punctuated::Punctuated};

/// Whether an item with these attributes exists in tests alone.
pub fn only_in_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let name = path.segments.last().map(|last| last.ident.to_string());
        match name.as_deref() {
            Some("test") => true,
            Some("cfg") if path.segments.len() == 1 => {
                attribute.parse_args::<Meta>().is_ok_and(|meta| needs_test(&meta))
            }
            _ => false,
        }
    })
}

fn needs_test(predicate: &Meta) -> bool {
    match predicate {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            let Ok(parts) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
                return false;
            };
            match list.path.get_ident().map(ToString::to_string).as_deref() {
                Some("all") => parts.iter().any(needs_test),
                Some("any") => !parts.is_empty() && parts.iter().all(needs_test),
                _ => false,
            }
        }
        Meta::NameValue(_) => false,
    }
}
