//! Types off the wire: each is named where it is read, so that a type that can't be is one error, which says what to do.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::model::{Block, Wire, is, shared};
use super::{Kind, ident};
use crate::checked::{checked, checked_at};

/// What is lent, by its last name.
const LENT: [&str; 4] = ["App", "Session", "Request", "Inbound"];

/// What everybody knows to be readable, where asking would only cost time.
const READABLE: [&str; 15] = [
    "String", "bool", "char", "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32",
    "f64",
];

impl Block {
    /// The type of a parameter by value, as the code that reads and writes it names it.
    ///
    /// An argument must be read and written, which is asked one after the other: of a type that can't be either, the first
    /// is the only error.
    pub(crate) fn wire_type(&self, Wire { ty, .. }: &Wire) -> TokenStream {
        let (inner, traits) = self.asks(ty);
        let (p, at) = (self.private(), ty.span());
        let count = |asked: &TokenStream, trait_: &str| {
            let trait_ = ident(trait_);
            quote_spanned!(at=> <#asked as #p::#trait_>::COUNT)
        };
        let (ty, inner) = (ty.to_token_stream(), inner.to_token_stream());
        match *traits {
            [read] => checked(&ty, &count(&inner, read)),
            [write, read] => checked(&ty, &count(&checked(&inner, &count(&inner, write)), read)),
            _ => ty,
        }
    }

    /// The type of a reply, as the code that writes it names it; it is asked for in the same way.
    pub(super) fn reply_type(&self, ty: &Type) -> TokenStream {
        let (p, at) = (self.private(), ty.span());
        let plain = ty.to_token_stream();
        if READABLE.iter().any(|name| is(ty, name))
            || matches!(ty, Type::Tuple(unit) if unit.elems.is_empty())
        {
            return plain;
        }
        let written = quote_spanned!(at=> <#plain as #p::ToReply>::COUNT);
        let written = checked_at(at, &plain, &written);
        checked(&plain, &quote_spanned!(at=> <#written as #p::FromReply>::COUNT))
    }

    /// Of which type which traits are asked for; for a message it is the trait that reads it that says what is missing.
    fn asks<'a>(&self, ty: &'a Type) -> (&'a Type, &'static [&'static str]) {
        let lent = is_named_like_lent(ty);
        match (self.kind, shared(ty)) {
            (Kind::Handler, Some(inner)) => (inner, &["FromSharedMessage"]),
            (Kind::Remote, Some(inner)) => (inner, &["ToSharedArgument", "FromSharedArgument"]),
            (Kind::Handler, None) if lent => (ty, &["FromOwnMessage"]),
            (Kind::Remote, None) if lent => (ty, &["ToOwnArgument", "FromOwnArgument"]),
            (Kind::Handler, None) if !self.fields => (ty, &[]),
            _ if READABLE.iter().any(|name| is(ty, name)) => (ty, &[]),
            (Kind::Handler, None) => (ty, &["FromField"]),
            (Kind::Remote, None) => (ty, &["ToArgument", "FromArgument"]),
            // It takes nothing by value, which is reported where it does.
            (Kind::Cron, _) => (ty, &[]),
        }
    }
}

/// Whether the type is named like one that is lent.
pub(super) fn is_named_like_lent(ty: &Type) -> bool {
    LENT.iter().any(|name| is(ty, name))
}
