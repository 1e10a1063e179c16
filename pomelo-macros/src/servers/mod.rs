//! `servers!`: the list of a cluster's server types, and the types that it makes of it.

mod expand;
mod model;
mod parse;
mod twice;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{ParseStream, Parser};

use self::model::ServerList;
use self::parse::Input;
use crate::errors::Errors;

/// Expands `servers! { input }`; whatever is wrong with it, there is an `Rpc` and an `App`, if only those of the first
/// one of the module.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let here = Span::call_site();
    if twice::is_second(here) {
        let message = "a `servers!` stands in this module already: list all types of servers in one";
        errors.push(syn::Error::new(here, message));
        return quote!(#errors);
    }
    let input = (|input: ParseStream| Ok(Input::parse(input, &mut errors))).parse2(input);
    let input = errors.ok(input).unwrap_or_default();
    let servers = ServerList::new(input, &mut errors);
    let expansion = expand::expand(&servers);
    quote!(#expansion #errors)
}
