//! What is particular to `#[handler]`: one message in, a body out.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::block::{Block, Method, Wire};

/// Reads the message into its variable.
pub(crate) fn read<'a>(block: &Block, wires: impl Iterator<Item = (Ident, &'a Wire)>) -> TokenStream {
    let p = block.private();
    let reads = wires.map(|(local, Wire { ty, .. })| {
        quote_spanned! { Span::mixed_site()=>
            let #local = <#ty as #p::FromMessage>::from_message(cx.message())?;
        }
    });
    quote!(#(#reads)*)
}

/// Encodes what the method returned.
pub(crate) fn answer(block: &Block, method: &Method) -> TokenStream {
    let (p, output) = (block.private(), &method.output);
    quote_spanned! { Span::mixed_site()=>
        <#output as #p::IntoResponse>::into_response(reply, cx.message())
    }
}
