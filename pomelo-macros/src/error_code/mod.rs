//! `#[derive(ErrorCode)]`: the codes of an application's own error type, by its variants' attributes.

mod expand;
mod model;

use proc_macro2::TokenStream;
use quote::quote;

use self::model::Coded;
use crate::errors::Errors;

/// Expands `#[derive(ErrorCode)] input`; whatever is wrong with an attribute, the type has the trait.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(input) = errors.ok(syn::parse2(input)) else { return quote!(#errors) };
    let coded = Coded::new(&input, &mut errors);
    let expansion = coded.map(|coded| coded.expand());
    quote!(#expansion #errors)
}
