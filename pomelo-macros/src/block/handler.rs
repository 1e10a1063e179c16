//! The attribute `#[handler]`: one message in, a body out.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::{Block, Method, Wire};
use crate::names;

/// Reads the message into its variable, or its fields into theirs.
pub(super) fn read<'a>(block: &Block, wires: impl Iterator<Item = (Ident, &'a Wire)>) -> TokenStream {
    if block.fields {
        return read_fields(block, wires);
    }
    let p = block.private();
    let reads = wires.map(|(local, wire)| {
        let ty = block.wire_type(wire);
        quote_spanned! { Span::mixed_site()=>
            let #local = <#ty as #p::FromMessage>::from_message(cx.message())?;
        }
    });
    quote!(#(#reads)*)
}

/// Reads the fields by a struct of them, named as methods are. A type that can't be read is one error, by an alias: derived
/// code would have one at each place that reads the field.
fn read_fields<'a>(block: &Block, wires: impl Iterator<Item = (Ident, &'a Wire)>) -> TokenStream {
    let p = block.private();
    let serde = quote!(#p::serde).to_string();
    let (mut types, mut locals, mut fields) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (local, wire)) in wires.enumerate() {
        let Wire { ident, optional, .. } = wire;
        let (name, default) = (names::lower_camel(ident), optional.then(|| quote!(default,)));
        let alias = format_ident!("__Field{index}");
        let type_ = block.wire_type(wire);
        types.push(quote!(type #alias = #type_;));
        fields.push(quote!(#[serde(#default rename = #name)] #local: #alias));
        locals.push(local);
    }
    if fields.is_empty() {
        return TokenStream::new();
    }
    quote_spanned! { Span::mixed_site()=>
        #(#types)*
        #[derive(#p::serde::Deserialize)]
        #[serde(crate = #serde)]
        struct __Fields { #(#fields),* }
        let __Fields { #(#locals),* } = <__Fields as #p::FromMessage>::from_message(cx.message())?;
    }
}

/// Encodes what the method returned.
pub(super) fn answer(block: &Block, method: &Method) -> TokenStream {
    let (p, output) = (block.private(), &method.output);
    quote_spanned! { Span::mixed_site()=>
        <#output as #p::IntoResponse>::into_response(reply, cx.message())
    }
}
