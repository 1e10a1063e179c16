//! The implementations that make a type a handler or a remote, each under the item's own `cfg`s.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Ident;

use super::Kind;
use super::model::{Block, Constructor, ConstructorCall};
use crate::remote;

impl Block {
    /// Where the names are that an expansion may use.
    pub(crate) fn private(&self) -> TokenStream {
        let krate = &self.krate;
        quote!(#krate::__private)
    }

    /// The name, the methods and, of a remote, the proxy.
    pub(super) fn contract(&self, name: &Ident, ty: &TokenStream) -> TokenStream {
        let (p, cfgs, trait_) = (self.private(), &self.cfgs, self.kind.contract());
        let (wire, methods) = (&self.name, self.method_table());
        let proxy = format_ident!("{name}Proxy", span = self.at);
        let associated = (self.kind == Kind::Remote).then(|| quote!(type Proxy = #proxy;));
        let proxy = (self.kind == Kind::Remote).then(|| remote::proxy(self, &proxy));
        quote! {
            #(#cfgs)*
            impl #p::#trait_ for #ty {
                #associated
                const NAME: &'static str = #wire;
                const METHODS: &'static [#p::Method] = #methods;
            }
            #proxy
        }
    }

    /// What runs its methods; `call` is the function.
    pub(super) fn serving(&self, ty: &TokenStream, call: &TokenStream) -> TokenStream {
        let (p, cfgs, trait_) =
            (self.private(), &self.cfgs, Ident::new(self.kind.name(), Span::mixed_site()));
        quote! {
            #(#cfgs)*
            #[allow(dead_code, deprecated, clippy::all, clippy::pedantic)]
            impl<__App: ::core::marker::Send + ::core::marker::Sync + 'static> #p::#trait_<__App> for #ty {
                #call
            }
        }
    }

    /// How a server makes its instance.
    pub(super) fn constructor(
        &self,
        constructor: &Constructor,
        name: &Ident,
        ty: &TokenStream,
    ) -> TokenStream {
        let (p, block_cfgs, cfgs) = (self.private(), &self.cfgs, &constructor.cfgs);
        let (app, instance) = match &constructor.call {
            // At the type, where a field that it has is reported.
            ConstructorCall::Unit => (None, quote_spanned!(name.span()=> Self {})),
            ConstructorCall::New => (None, quote!(Self::new())),
            ConstructorCall::NewOf(app) => (Some(app), quote!(Self::new(::core::clone::Clone::clone(app)))),
            ConstructorCall::NewOfBorrowed(app) => (Some(app), quote!(Self::new(app))),
            ConstructorCall::Rejected => (None, quote!(::core::unreachable!())),
        };
        let generics = app.is_none().then(|| quote!(<__App>));
        let app = app.map_or_else(|| quote!(__App), ToTokens::to_token_stream);
        quote! {
            #(#block_cfgs)*
            #(#cfgs)*
            #[allow(dead_code)]
            impl #generics #p::FromApp<#app> for #ty {
                fn from_app(app: &#app) -> Self {
                    #instance
                }
            }
        }
    }

    /// What `servers!` calls of each type that it lists. Of a type that none lists, the compiler warns that it is never
    /// used.
    pub(super) fn marker(&self) -> TokenStream {
        let marker = self.kind.marker(self.at);
        // With a place in the source: the compiler doesn't warn of what a macro made up.
        quote_spanned! { self.at=>
            #[doc(hidden)]
            #[allow(unreachable_pub)]
            pub fn #marker() {}
        }
    }
}
