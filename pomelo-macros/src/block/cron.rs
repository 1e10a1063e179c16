//! The attribute `#[cron]`: nothing in, and whether it went well.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use super::parse::{Form, Item};
use super::{Block, Method};
use crate::errors::Errors;

/// Makes what the method returned the outcome of a run.
pub(super) fn answer(block: &Block, method: &Method) -> TokenStream {
    let (p, output) = (block.private(), &method.output);
    quote_spanned! { Span::mixed_site()=>
        <#output as #p::IntoOutcome>::into_outcome(reply)
    }
}

/// A cron belongs to a server that runs it, so there is nothing to describe where it isn't implemented.
pub(super) fn check_form(item: &Item, errors: &mut Errors) {
    match &item.form {
        Form::Impl { .. } | Form::Module { .. } => {}
        Form::Trait { ident, .. } => errors.at(ident, EXPECTED),
        Form::Implementor { contract, .. } => errors.at(contract, EXPECTED),
    }
}

const EXPECTED: &str = "nobody calls a cron but the clock of its own server: it goes on an `impl` block of a type, or on an inline `mod`";
