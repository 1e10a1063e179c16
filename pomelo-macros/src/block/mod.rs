//! The annotated block, which `#[handler]` and `#[remote]` share: what they go on, what a method is, and how it is run by number.

mod check;
mod dispatch;
mod emit;
mod expand;
mod handler;
mod implement;
mod members;
mod model;
mod params;
mod parse;
mod remote;
mod signature;
mod wire;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{ParseStream, Parser};

pub(crate) use self::model::{Block, Method, Wire, is, plain};
use self::parse::Item;
use crate::attributes::BlockOptions;
use crate::errors::Errors;

/// Which of the two attributes it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Handler,
    Remote,
}

impl Kind {
    /// The trait that is called, and the struct that stands for a module.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Handler => "Handler",
            Self::Remote => "Remote",
        }
    }

    /// As the name of a function; also as users read it.
    pub(crate) fn lower(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Remote => "remote",
        }
    }

    /// Who calls it.
    fn callers(self) -> &'static str {
        match self {
            Self::Handler => "clients",
            Self::Remote => "other servers",
        }
    }

    /// The trait that has the name and the methods.
    pub(crate) fn contract(self) -> Ident {
        ident(match self {
            Self::Handler => "HandlerContract",
            Self::Remote => "Contract",
        })
    }

    /// The length of a contract's name.
    ///
    /// Not of its methods: they name the app that they are lent, and so the `Rpc` that is only being made.
    pub(crate) fn name_length(self, p: &TokenStream, contract: &TokenStream) -> TokenStream {
        let trait_ = self.contract();
        quote!(<#contract as #p::#trait_>::NAME.len())
    }

    /// The function that `servers!` calls of each type, named for the warning where none does.
    pub(crate) fn marker(self, span: Span) -> Ident {
        Ident::new(&format!("{}_not_listed_in_servers", self.lower()), span)
    }

    /// The hidden function of a trait that runs a method by its number.
    fn serve(self) -> Ident {
        ident(match self {
            Self::Handler => "__serve_handler",
            Self::Remote => "__serve_remote",
        })
    }

    /// What is handled.
    fn message(self) -> Ident {
        ident(match self {
            Self::Handler => "Request",
            Self::Remote => "Inbound",
        })
    }

    /// What is answered.
    fn answer(self) -> Ident {
        ident(match self {
            Self::Handler => "Body",
            Self::Remote => "Bytes",
        })
    }
}

/// A name of ours.
pub(crate) fn ident(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The tokens at another place.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let at = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.into_iter().map(at).collect()
}

/// Expands `#[handler(args)] input` or `#[remote(args)] input`.
pub(crate) fn expand(kind: Kind, args: TokenStream, input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = BlockOptions::parse(args, &mut errors);
    let item = (|input: ParseStream| Item::parse(input, &mut errors)).parse2(input.clone());
    match item {
        Ok(item) => {
            let block = Block::new(kind, &item, options, &mut errors);
            let expansion = block.expand(&item);
            quote!(#expansion #errors)
        }
        Err(error) => {
            errors.push(error);
            quote!(#input #errors)
        }
    }
}
