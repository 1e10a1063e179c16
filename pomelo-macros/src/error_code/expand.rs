//! The code that an error type gets: `impl ErrorCode`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse_quote;

use super::model::{Code, Coded, Variant};

impl Coded<'_> {
    pub(super) fn expand(&self) -> TokenStream {
        let (krate, ident) = (&self.krate, &self.input.ident);
        let p = quote!(#krate::__private);
        let mut generics = self.input.generics.clone();
        if !generics.params.is_empty() {
            generics.make_where_clause().predicates.push(parse_quote!(Self: ::core::fmt::Display));
        }
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let use_ = use_(&p);
        let (code, into_error) = match self.variants.is_empty() {
            true => (quote!(match *self {}), quote!(match self {})),
            false => (self.code(&p), self.whole_error(&p)),
        };
        quote! {
            #[automatically_derived]
            #[allow(deprecated, clippy::all, clippy::pedantic)]
            impl #impl_generics #p::ErrorCode for #ident #ty_generics #where_clause {
                fn code(&self) -> u16 { #code }
                fn cause(&self) -> ::core::option::Option<&(dyn ::core::error::Error + 'static)> {
                    #use_
                    (&#p::DerivedCode(self)).cause()
                }
                fn into_error(self) -> #p::Error { #into_error }
            }
        }
    }

    fn code(&self, p: &TokenStream) -> TokenStream {
        let arms = self.variants.iter().map(|Variant { path, code, .. }| match code {
            Code::Given(code) => quote!(#path { .. } => { const CODE: u16 = #code; CODE }),
            Code::Transparent(member, ty) => {
                quote_spanned!(Span::mixed_site()=> #path { #member: inner } => <#ty as #p::ErrorCode>::code(inner))
            }
            Code::Unsaid => quote!(#path { .. } => (&#p::DerivedCode(self)).code()),
        });
        let use_ = use_(p);
        quote! {
            #use_
            match self { #(#arms),* }
        }
    }

    /// By reference what code is given, and by value the field that is the error itself.
    fn whole_error(&self, p: &TokenStream) -> TokenStream {
        let arms = self.variants.iter().map(|Variant { path, code, fault }| {
            let fault = fault.as_ref().map(|fault| {
                let fault = Ident::new(if fault == "client" { "Client" } else { "Server" }, fault.span());
                quote!(.with_fault(#p::Fault::#fault))
            });
            let code = match code {
                Code::Given(code) => quote!({ const CODE: u16 = #code; ::core::option::Option::Some(CODE) }),
                Code::Unsaid => quote!(::core::option::Option::None),
                Code::Transparent(member, ty) => {
                    return quote_spanned! { Span::mixed_site()=>
                        #path { #member: inner } => <#ty as #p::ErrorCode>::into_error(inner)
                    };
                }
            };
            quote_spanned! { Span::mixed_site()=>
                error @ #path { .. } => (&#p::DerivedCode(&error)).error(#code) #fault
            }
        });
        let use_ = use_(p);
        quote! {
            #use_
            match self { #(#arms),* }
        }
    }
}

fn use_(p: &TokenStream) -> TokenStream {
    quote! {
        #[allow(unused_imports)]
        use #p::{OfDisplay as _, OfError as _};
    }
}
