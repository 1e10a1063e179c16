//! How a missing attribute or derive becomes one error and not twelve.

use proc_macro2::TokenStream;
use quote::quote;

use crate::block::Kind;

/// The type `ty`, found on a detour by the length of a contract's name, which is an array's length there.
///
/// Where the contract has no attribute, computing the length is the error that the user sees. The compiler then takes
/// it, and with it this type, as unknown, and doesn't report what else is wrong with it.
pub(crate) fn checked(ty: &TokenStream, length: &TokenStream) -> TokenStream {
    quote! {
        <<[::std::boxed::Box<#ty>; #length] as ::core::iter::IntoIterator>::Item as ::core::ops::Deref>::Target
    }
}

impl Kind {
    /// The length of a contract's name.
    ///
    /// Not of its methods: they name the app that they are lent, and so the `Rpc` that is only being made.
    pub(crate) fn name_length(self, p: &TokenStream, contract: &TokenStream) -> TokenStream {
        let trait_ = self.contract();
        quote!(<#contract as #p::#trait_>::NAME.len())
    }
}
