//! From a method's number to its call.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::model::{Block, Method, Param};
use super::{Kind, cron, handler, remote};

impl Block {
    /// `METHODS`: what can be called, and what must exist for it to be.
    pub(super) fn method_table(&self) -> TokenStream {
        let p = self.private();
        let rows = self.methods.iter().map(|method| {
            let (id, wire, concurrent, cfgs) = (method.id, &method.wire, method.concurrent, method.cfgs());
            let injects = method.params.iter().filter_map(|param| match param {
                Param::Injected(ty) => Some(quote!(#p::Injected::of::<#ty>())),
                Param::Wire(_) => None,
            });
            quote! {
                #(#cfgs)*
                #p::Method { id: #id, name: #wire, concurrent: #concurrent, injects: &[#(#injects),*] }
            }
        });
        quote!(&[#(#rows),*])
    }

    /// The function `name` that runs a method by its number; `generics` and `bounds` as its place needs them.
    pub(super) fn serve_function(
        &self,
        name: &Ident,
        generics: &TokenStream,
        bounds: &TokenStream,
        callee: &TokenStream,
    ) -> TokenStream {
        let arms = self.methods.iter().map(|method| self.arm(method, callee));
        let p = self.private();
        let unknown = quote!(#p::Error::of(#p::ErrorKind::NoSuchMethod, "no method has this number"));
        let body = quote_spanned! { Span::mixed_site()=>
            match method {
                #(#arms)*
                _ => ::std::boxed::Box::pin(::core::future::ready(::core::result::Result::Err(#unknown))),
            }
        };
        self.serve_function_of(name, generics, bounds, &body)
    }

    /// The same with a body.
    pub(super) fn serve_function_of(
        &self,
        name: &Ident,
        generics: &TokenStream,
        bounds: &TokenStream,
        body: &TokenStream,
    ) -> TokenStream {
        let p = self.private();
        let (message, answer) = (self.kind.message(), self.kind.answer());
        quote_spanned! { Span::mixed_site()=>
            fn #name<'a, #generics>(
                &'a self,
                cx: #p::Context<'a, __App, #p::#message>,
                method: u16,
            ) -> #p::BoxFuture<'a, #p::Result<#p::#answer>> #bounds {
                #body
            }
        }
    }

    fn arm(&self, method: &Method, callee: &TokenStream) -> TokenStream {
        let (id, name, cfgs) = (method.id, &method.ident, method.cfgs());
        let ours = Span::mixed_site();
        let receiver = method.takes_self.then(|| quote_spanned!(ours=> self));
        let args = method.params.iter().enumerate().map(|(index, param)| match param {
            Param::Injected(ty) => quote_spanned!(ours=> cx.inject::<#ty>()?),
            Param::Wire(_) => local(index).into_token_stream(),
        });
        let args = receiver.into_iter().chain(args);
        let wires =
            method.params.iter().enumerate().filter_map(|(index, param)| Some((local(index), param.wire()?)));
        let (read, answer) = match self.kind {
            Kind::Handler => (handler::read(self, wires), handler::answer(self, method)),
            Kind::Remote => (remote::read(self, wires), remote::answer(self, method)),
            Kind::Cron => (TokenStream::new(), cron::answer(self, method)),
        };
        // What a future that isn't `Send` is reported of begins and ends at the method's name. The rest has no place in
        // the source: an editor would offer it there.
        let at = ours.located_at(name.span());
        let future = grouped(
            Delimiter::Brace,
            at,
            quote_spanned! { ours=>
                #read
                let reply = #callee::#name(#(#args),*).await;
                #answer
            },
        );
        let future = grouped(Delimiter::Parenthesis, at, quote_spanned!(at=> async move #future));
        let pin = grouped(Delimiter::Parenthesis, at, quote_spanned!(ours=> ::std::boxed::Box::pin));
        quote_spanned!(ours=> #(#cfgs)* #id => #pin #future,)
    }
}

fn grouped(delimiter: Delimiter, at: Span, tokens: TokenStream) -> Group {
    let mut group = Group::new(delimiter, tokens);
    group.set_span(at);
    group
}

/// The variable that holds a parameter off the wire; the user's name for it may be a pattern.
fn local(index: usize) -> Ident {
    format_ident!("arg{index}", span = Span::mixed_site())
}
