//! The annotated block, which `#[handler]`, `#[remote]` and `#[cron]` share: what they go on, what a method is, and how it is run by number.

mod check;
mod cron;
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
mod twice;
mod wire;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser};

pub(crate) use self::model::{Block, Method, Wire, is, plain};
use self::parse::{Form, Item};
use crate::attributes::BlockOptions;
use crate::errors::Errors;

/// Which of the attributes it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Handler,
    Remote,
    Cron,
}

impl Kind {
    /// The trait that is called, and the struct that stands for a module.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Handler => "Handler",
            Self::Remote => "Remote",
            Self::Cron => "Cron",
        }
    }

    /// As the name of a function; also as users read it.
    pub(crate) fn lower(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Remote => "remote",
            Self::Cron => "cron",
        }
    }

    /// Who calls it.
    fn callers(self) -> &'static str {
        match self {
            Self::Handler => "clients",
            Self::Remote => "other servers",
            Self::Cron => "crons.json",
        }
    }

    /// The trait that has the name and the methods.
    pub(crate) fn contract(self) -> Ident {
        ident(match self {
            Self::Handler => "HandlerContract",
            Self::Remote => "Contract",
            Self::Cron => "CronContract",
        })
    }

    /// The length of a contract's name.
    ///
    /// Not of its methods: they name the app that they are lent, and so the `Rpc` that is only being made.
    pub(crate) fn name_length(self, p: &TokenStream, contract: &TokenStream) -> TokenStream {
        let trait_ = self.contract();
        // All of it at the contract, so that what is wrong with that is the same error as where it is named.
        let at = contract.clone().into_iter().last().map_or_else(Span::mixed_site, |token| token.span());
        quote_spanned!(at=> <#contract as #p::#trait_>::NAME.len())
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
            Self::Cron => "__serve_cron",
        })
    }

    /// What is handled.
    fn message(self) -> Ident {
        ident(match self {
            Self::Handler => "Request",
            Self::Remote => "Inbound",
            Self::Cron => "CronRun",
        })
    }

    /// What is answered.
    fn answer(self) -> Ident {
        ident(match self {
            Self::Handler => "Body",
            Self::Remote => "Bytes",
            Self::Cron => "Nothing",
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

/// Expands `#[handler(args)] input`, and the same of the other attributes.
pub(crate) fn expand(kind: Kind, args: TokenStream, input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = BlockOptions::parse(args, &mut errors);
    let item = (|input: ParseStream| Item::parse(input, &mut errors)).parse2(input.clone());
    match item {
        Ok(item) if is_second(kind, &item, &mut errors) => {
            let plain = item.plain();
            quote!(#plain #errors)
        }
        Ok(item) => {
            let block = Block::new(kind, &item, options, &mut errors);
            let expansion = block.expand(&item);
            quote!(#expansion #errors)
        }
        Err(error) => {
            errors.push(error);
            let stand_in = stand_in(kind, options, &input);
            quote!(#input #stand_in #errors)
        }
    }
}

/// Whether it is a block of a type that has one, which is a mistake.
fn is_second(kind: Kind, item: &Item, errors: &mut Errors) -> bool {
    let Form::Impl { name, ty, .. } = &item.form else { return false };
    let is_second = twice::is_second(kind, Span::call_site(), &quote!(#ty));
    if is_second {
        let kind = kind.lower();
        errors.at(
            ty,
            format_args!(
                "`{name}` has a block with `#[{kind}]` already: put its methods into that one, or drop the attribute here"
            ),
        );
    }
    is_second
}

/// For a type that has the attribute in place of its block: what `servers!` and callers ask of it, so that they don't complain, too.
fn stand_in(kind: Kind, options: BlockOptions, input: &TokenStream) -> Option<TokenStream> {
    let (name, generics) = match syn::parse2(input.clone()).ok()? {
        syn::Item::Struct(item) => (item.ident, item.generics),
        syn::Item::Enum(item) => (item.ident, item.generics),
        _ => return None,
    };
    let is_alone = generics.params.is_empty() && !twice::has_other(kind, Span::call_site(), &quote!(#name));
    is_alone.then(|| Block::stand_in(kind, &name, options).expand_stand_in(&name))
}
