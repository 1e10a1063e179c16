//! Reads an annotated item up to its functions' bodies, which stay tokens.
//!
//! Half-written code in a body is then the compiler's to report, once, and the method still exists for its callers.

use proc_macro2::{Group, Span, TokenStream};
use quote::quote;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Generics, Ident, Path, Result, Token, Type, TypeParamBound, TypePath, Visibility,
};

use super::members::Members;
use super::model::plain;
use crate::errors::Errors;

/// An annotated item.
pub(crate) struct Item {
    pub(crate) attrs: Vec<Attribute>,
    /// Where its keyword stands: the place of what we add. At a name, an editor would offer it beside what the name
    /// means.
    pub(crate) at: Span,
    pub(crate) form: Form,
}

/// The four things that an attribute can be put on.
pub(crate) enum Form {
    /// `impl ChatRemote { … }`
    Impl { head: Token![impl], name: Ident, ty: Type, members: Members },
    /// `mod chat_remote { … }`
    Module { head: TokenStream, ident: Ident, members: Members },
    /// `trait ChatRemote { … }`
    Trait { head: TokenStream, ident: Ident, bounds: Punctuated<TypeParamBound, Token![+]>, members: Members },
    /// `impl ChatRemote for Chat { … }`, whose functions the trait describes.
    Implementor { head: Token![impl], contract: Path, for_: Token![for], ty: Type, body: Group },
}

impl Item {
    /// Reads an item.
    ///
    /// # Errors
    /// If it is none of the four; mistakes in its functions go to `errors`.
    pub(crate) fn parse(input: ParseStream, errors: &mut Errors) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        let at = input.span();
        let form = if input.peek(Token![impl]) {
            parse_impl(input, errors)?
        } else if input.peek(Token![mod]) {
            parse_module(vis, input, errors)?
        } else if input.peek(Token![trait]) {
            parse_trait(vis, input, errors)?
        } else {
            return Err(input.error(
                "expected an `impl` block, an inline `mod` or a `trait`: the attribute goes on the block that has the \
                 methods, not on a type or on one function",
            ));
        };
        Ok(Self { attrs, at, form })
    }
}

fn parse_impl(input: ParseStream, errors: &mut Errors) -> Result<Form> {
    let head = input.parse()?;
    concrete(&input.parse()?)?;
    let ty: Type = input.parse()?;
    let for_ = input.parse()?;
    let Some((path, name)) = path(&ty) else {
        return Err(Error::new_spanned(ty, "expected the name of a type or a trait"));
    };
    let Some(for_) = for_ else {
        concrete(&Generics { where_clause: input.parse()?, ..Generics::default() })?;
        return Ok(Form::Impl { head, name, ty, members: Members::parse(input, errors)? });
    };
    let ty = input.parse()?;
    concrete(&Generics { where_clause: input.parse()?, ..Generics::default() })?;
    Ok(Form::Implementor { head, contract: path, for_, ty, body: input.parse()? })
}

fn path(ty: &Type) -> Option<(Path, Ident)> {
    match plain(ty) {
        Type::Path(TypePath { qself: None, path, .. }) => {
            Some((path.clone(), path.segments.last()?.ident.clone()))
        }
        _ => None,
    }
}

fn parse_module(vis: Visibility, input: ParseStream, errors: &mut Errors) -> Result<Form> {
    let head: Token![mod] = input.parse()?;
    let ident = input.parse()?;
    if input.peek(Token![;]) {
        return Err(input.error(
            "the functions of a module in a file of its own can't be seen from here: use an \
                                `impl` block",
        ));
    }
    Ok(Form::Module { head: quote!(#vis #head), ident, members: Members::parse(input, errors)? })
}

fn parse_trait(vis: Visibility, input: ParseStream, errors: &mut Errors) -> Result<Form> {
    let head: Token![trait] = input.parse()?;
    let ident = input.parse()?;
    concrete(&input.parse()?)?;
    let mut bounds = Punctuated::new();
    if input.parse::<Option<Token![:]>>()?.is_some() {
        while !input.peek(Token![where]) && !input.peek(syn::token::Brace) {
            bounds.push_value(input.parse()?);
            if let Some(plus) = input.parse()? {
                bounds.push_punct(plus);
            }
        }
    }
    concrete(&Generics { where_clause: input.parse()?, ..Generics::default() })?;
    Ok(Form::Trait { head: quote!(#vis #head), ident, bounds, members: Members::parse(input, errors)? })
}

/// `servers!` names a type, and a caller knows nothing of its parameters.
fn concrete(generics: &Generics) -> Result<()> {
    match (&generics.where_clause, generics.params.is_empty()) {
        (None, true) => Ok(()),
        (Some(clause), true) => Err(Error::new_spanned(clause, GENERIC)),
        (_, false) => Err(Error::new_spanned(&generics.params, GENERIC)),
    }
}

const GENERIC: &str = "handlers and remotes can't be generic";
