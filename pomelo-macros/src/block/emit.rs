//! The user's own item, emitted again without our attributes.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{ReturnType, Token, Type, parse_quote};

use super::members::{Function, Member, Members};
use super::signature;

impl ToTokens for Members {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { inner, list } = self;
        tokens.extend(quote!(#(#inner)* #(#list)*));
    }
}

impl ToTokens for Member {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(function) => function.to_tokens(tokens),
            Self::Other(other) => other.to_tokens(tokens),
        }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, sig, .. } = self;
        let body = self.body.as_ref().map_or_else(|| quote!(;), ToTokens::to_token_stream);
        // `pub` and `async` make a method here, whoever can reach it and whatever it awaits.
        let allow = self.is_public().then(|| quote!(#[allow(unreachable_pub, clippy::unused_async)]));
        tokens.extend(quote!(#allow #(#attrs)* #vis #sig #body));
    }
}

/// A trait's members: functions promise `Send` futures and don't keep `dyn Trait` from being a type.
pub(super) fn trait_members(members: &Members) -> TokenStream {
    let inner = &members.inner;
    let list = members.list.iter().map(|member| match member {
        Member::Function(function) => trait_function(function),
        Member::Other(other) => other.clone(),
    });
    quote!(#(#inner)* #(#list)*)
}

fn trait_function(function: &Function) -> TokenStream {
    let Function { attrs, vis, .. } = function;
    let mut sig = function.sig.clone();
    let mut body = function.body.as_ref().map(ToTokens::to_token_stream);
    if sig.asyncness.take().is_some() {
        let output = signature::output(&sig);
        let future = quote!(impl ::core::future::Future<Output = #output> + ::core::marker::Send);
        sig.output = ReturnType::Type(Token![->](sig.fn_token.span), Box::new(Type::Verbatim(future)));
        body = body.map(|body| quote!({ async move #body }));
    }
    sig.generics.make_where_clause().predicates.push(parse_quote!(Self: ::core::marker::Sized));
    let body = body.unwrap_or_else(|| quote!(;));
    quote!(#(#attrs)* #vis #sig #body)
}
