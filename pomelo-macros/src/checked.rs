//! The detour of a type by its contract, so that a missing attribute or derive is one error and not twelve.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

/// The type `ty`, found on a detour by the length of a contract's name, which is an array's length there.
///
/// Where the contract has no attribute, computing the length is the error that the user sees. The compiler then takes
/// it, and with it this type, as unknown, and doesn't report what else is wrong with it.
pub(crate) fn checked(ty: &TokenStream, length: &TokenStream) -> TokenStream {
    checked_at(Span::call_site(), ty, length)
}

/// The same, where what is wrong with it is reported at `at`.
pub(crate) fn checked_at(at: Span, ty: &TokenStream, length: &TokenStream) -> TokenStream {
    quote_spanned! { at=>
        <<[::std::boxed::Box<#ty>; #length] as ::core::iter::IntoIterator>::Item as ::core::ops::Deref>::Target
    }
}
