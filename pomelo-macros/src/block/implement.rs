//! The implementations that make a type a handler or a remote, each under the item's own `cfg`s.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

use super::model::{Block, Constructor, ConstructorCall};
use super::remote;
use super::{Kind, respan};
use crate::checked::checked;

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
            ConstructorCall::Unit => (None, unit(&p, name, ty)),
            ConstructorCall::Made => (None, quote!(Self {})),
            ConstructorCall::New => (None, quote!(Self::new())),
            ConstructorCall::NewOf(app) => {
                let asked = self.asked_app(app);
                (Some(app), quote!(Self::new(<#asked as ::core::clone::Clone>::clone(app))))
            }
            ConstructorCall::NewOfBorrowed(app) => (Some(app), quote!(Self::new(app))),
            ConstructorCall::Rejected => (None, quote!(::core::unreachable!())),
        };
        let generics = app.is_none().then(|| quote!(<__App>));
        let app = app.map_or_else(|| quote!(__App), |app| self.asked_app(app));
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

    /// The type that `new` takes, which must be the app's: one error says so, and what to do.
    fn asked_app(&self, app: &syn::Type) -> TokenStream {
        let (p, at, app) = (self.private(), app.span(), app.to_token_stream());
        checked(&app, &quote_spanned!(at=> <#app as #p::AppParameter>::COUNT))
    }

    /// What `servers!` calls of each type that it lists. Of a type that none lists, the compiler warns that it is never
    /// used.
    pub(super) fn marker(&self) -> TokenStream {
        let marker = self.kind.marker(self.at);
        // Nobody else can use what a program has, but the compiler takes what is `pub` in main.rs as used. (Where
        // `servers!` can't see it, as it is in another crate, it calls a function that it has for all types.)
        let vis = match std::env::var_os("CARGO_BIN_NAME") {
            Some(_) => quote_spanned!(self.at=> pub(crate)),
            None => quote_spanned!(self.at=> pub),
        };
        // With a place in the source: the compiler doesn't warn of what a macro made up.
        quote_spanned! { self.at=>
            #[doc(hidden)]
            #[allow(unreachable_pub, clippy::redundant_pub_crate)]
            #vis fn #marker() {}
        }
    }
}

/// A unit struct, made; one that has fields is one error, which says to write a `new`.
fn unit(p: &TokenStream, name: &Ident, ty: &TokenStream) -> TokenStream {
    let size = quote!({ ::core::mem::size_of::<#ty>() });
    let count = respan(quote!(<#p::SizeOf<#size> as #p::NoFields<#ty>>::COUNT), name.span());
    let (unit, ty) = (Ident::new("Unit", name.span().resolved_at(Span::mixed_site())), checked(ty, &count));
    // At the type, where a field of no size is reported.
    let made = quote_spanned!(name.span()=> {});
    quote!(type #unit = #ty; #unit #made)
}
