//! The expansion of an annotated item: the item itself, and the implementations that the framework calls it by.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Ident, Path, Token, TypeParamBound};

use super::emit::trait_members;
use super::members::Members;
use super::model::Block;
use super::parse::{Form, Item};
use super::{Kind, ident};
use crate::checked::checked;

impl Item {
    /// The item as it was written, without the attribute.
    pub(super) fn plain(&self) -> TokenStream {
        let attrs = &self.attrs;
        let item = match &self.form {
            Form::Impl { head, ty, members, .. } => quote!(#head #ty { #members }),
            Form::Module { head, ident, members } => quote!(#head #ident { #members }),
            Form::Trait { head, ident, bounds, members } => quote!(#head #ident: #bounds { #members }),
            Form::Implementor { head, contract, for_, ty, body } => quote!(#head #contract #for_ #ty #body),
        };
        quote!(#(#attrs)* #item)
    }
}

impl Block {
    pub(super) fn expand(&self, item: &Item) -> TokenStream {
        let expansion = match &item.form {
            Form::Impl { head, name, ty, members } => {
                let marker = self.marker();
                let served = self.served(name, &quote!(#ty), &quote!(Self));
                quote!(#head #ty { #members #marker } #served)
            }
            Form::Module { head, ident, members } => self.expand_module(head, ident, members),
            Form::Trait { head, ident, bounds, members } => self.expand_trait(head, ident, bounds, members),
            Form::Implementor { head, contract, for_, ty, body } => {
                let served = self.served_by(contract, &quote!(#ty));
                quote!(#head #contract #for_ #ty #body #served)
            }
        };
        let attrs = &item.attrs;
        quote!(#(#attrs)* #expansion)
    }

    /// All that makes a type one, although its block is not to be had.
    pub(super) fn expand_stand_in(&self, name: &Ident) -> TokenStream {
        let (marker, served) = (self.marker(), self.served(name, &quote!(#name), &quote!(Self)));
        quote!(impl #name { #marker } #served)
    }

    fn expand_module(&self, head: &TokenStream, ident: &Ident, members: &Members) -> TokenStream {
        let name = Ident::new(self.kind.name(), ident.span());
        let marker = self.marker();
        let served = self.served(&name, &quote!(#name), &quote!(self));
        quote! {
            #head #ident {
                #members
                /// The functions of this module, as `servers!` knows them.
                #[allow(missing_debug_implementations, unreachable_pub)]
                pub struct #name;
                impl #name { #marker }
                #served
            }
        }
    }

    fn expand_trait(
        &self,
        head: &TokenStream,
        ident: &Ident,
        bounds: &Punctuated<TypeParamBound, Token![+]>,
        members: &Members,
    ) -> TokenStream {
        let (members, bounds) = (trait_members(members), bounds.iter());
        let serve = self.serve_function(
            &self.kind.serve(),
            &quote!(__App: ::core::marker::Send + ::core::marker::Sync + 'static),
            &quote!(where Self: ::core::marker::Sized),
            &quote!(Self),
        );
        let contract = self.contract(ident, &quote!(dyn #ident));
        quote! {
            #head #ident: #(#bounds +)* ::core::marker::Send + ::core::marker::Sync + 'static {
                #members
                #[doc(hidden)]
                #serve
            }
            #contract
        }
    }

    /// All that makes the type `ty` a handler or a remote.
    fn served(&self, name: &Ident, ty: &TokenStream, callee: &TokenStream) -> TokenStream {
        let constructors =
            self.constructors.iter().map(|constructor| self.constructor(constructor, name, ty));
        let contract = self.contract(name, ty);
        let call = self.serve_function(&ident("call"), &quote!(), &quote!(), callee);
        let serving = self.serving(ty, &call);
        quote!(#(#constructors)* #contract #serving)
    }

    /// The same by the trait that `ty` implements; if that has no attribute, one error says so.
    fn served_by(&self, contract: &Path, ty: &TokenStream) -> TokenStream {
        let (p, cfgs, trait_, serve) = (self.private(), &self.cfgs, self.kind.contract(), self.kind.serve());
        let dyn_contract = quote_spanned!(contract.span()=> dyn #contract);
        let length = self.kind.name_length(&p, &dyn_contract);
        let checked = [&dyn_contract, ty].map(|ty| checked(ty, &quote!(__LENGTH)));
        let [checked_contract, checked_type] = checked;
        let proxy =
            (self.kind == Kind::Remote).then(|| quote!(type Proxy = <__Contract as #p::Contract>::Proxy;));
        let body = quote_spanned! { Span::mixed_site()=>
            use #contract as _;
            <__Type>::#serve(self, cx, method)
        };
        let call = self.serve_function_of(&ident("call"), &quote!(), &quote!(), &body);
        let serving = self.serving(ty, &call);
        quote! {
            #(#cfgs)*
            const _: () = {
                const __LENGTH: usize = #length;
                type __Contract = #checked_contract;
                type __Type = #checked_type;
                impl #p::#trait_ for #ty {
                    #proxy
                    const NAME: &'static str = <__Contract as #p::#trait_>::NAME;
                    const METHODS: &'static [#p::Method] = <__Contract as #p::#trait_>::METHODS;
                }
                #serving
            };
        }
    }
}
