//! Rules of documentation: how a file's header opens, and what the docs of an async function must say.

use syn::{Attribute, Expr, ImplItem, Item, ItemTrait, Lit, Meta, Signature, TraitItem, Visibility};

use crate::only_tests::only_in_tests;
use crate::source::{Module, name_of};

/// Words that ask instead of naming.
const QUESTIONS: [&str; 7] = ["What", "Who", "Whose", "How", "Where", "Which", "Why"];

/// What is wrong with the header of a file, if anything: it must open with the noun that the file is about.
pub fn header(text: &str) -> Option<String> {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!"))?;
    let Some(header) = first.strip_prefix("//!") else {
        return Some(
            "has no header: begin with `//!`, the noun that the file is about and its standard name"
                .to_owned(),
        );
    };
    let word = header.trim_start().split(|end: char| !end.is_alphabetic()).next().unwrap_or_default();
    QUESTIONS.contains(&word).then(|| {
        format!("opens with `{word}`: open with the noun that the file is about and its standard name")
    })
}

/// The paths that a text names: what is between backticks and has a slash, but for patterns.
pub fn paths(text: &str) -> Vec<&str> {
    let names = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_path = |name: &&str| {
        let is_of_paths = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
        name.contains('/') && name.chars().all(is_of_paths)
    };
    names.filter(is_path).collect()
}

/// Public async functions of a module whose docs don't say what happens when the future is dropped: name and line.
pub fn without_cancel_safety(module: &Module) -> Vec<(String, usize)> {
    let functions = module.items.iter().flat_map(public_async);
    let silent = functions.filter(|(_, attributes)| !doc(attributes).contains("# Cancel safety"));
    silent.map(|(signature, _)| (name_of(&signature.ident), signature.ident.span().start().line)).collect()
}

/// Public async functions that an item defines, with their attributes.
fn public_async(item: &Item) -> Vec<(&Signature, &[Attribute])> {
    let found: Vec<(&Signature, &[Attribute])> = match item {
        Item::Fn(item) if is_public(&item.vis) => vec![(&item.sig, &item.attrs)],
        Item::Impl(item) if item.trait_.is_none() => {
            let functions = item.items.iter().filter_map(|item| match item {
                ImplItem::Fn(item) if is_public(&item.vis) => Some((&item.sig, item.attrs.as_slice())),
                _ => None,
            });
            functions.collect()
        }
        Item::Trait(item) if is_public(&item.vis) => of_trait(item),
        _ => Vec::new(),
    };
    found
        .into_iter()
        .filter(|(signature, attributes)| is_async(signature) && !only_in_tests(attributes))
        .collect()
}

fn of_trait(item: &ItemTrait) -> Vec<(&Signature, &[Attribute])> {
    let functions = item.items.iter().filter_map(|item| match item {
        TraitItem::Fn(item) => Some((&item.sig, item.attrs.as_slice())),
        _ => None,
    });
    functions.collect()
}

/// By `async`, by a boxed future, or by `impl Future`.
fn is_async(signature: &Signature) -> bool {
    let returns = |name: &str| match &signature.output {
        syn::ReturnType::Type(_, output) => names(output, name),
        syn::ReturnType::Default => false,
    };
    signature.asyncness.is_some() || returns("BoxFuture") || returns("Future")
}

/// Whether a type is named so, or is `impl` of a trait that is.
fn names(output: &syn::Type, name: &str) -> bool {
    let last = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == name);
    match output {
        syn::Type::Path(path) => last(&path.path),
        syn::Type::ImplTrait(bounds) => bounds
            .bounds
            .iter()
            .any(|bound| matches!(bound, syn::TypeParamBound::Trait(bound) if last(&bound.path))),
        _ => false,
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The text of doc comments.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}
