//! The model of `servers!`: what it lists, checked.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Path};

use super::parse::{Entry, Input, Listing};
use crate::attributes;
use crate::errors::Errors;
use crate::names;

pub(super) struct ServerList {
    /// `::pomelo`, or what `crate = …` says.
    pub(super) krate: Path,
    pub(super) types: Vec<ServerType>,
}

/// A type of server.
pub(super) struct ServerType {
    pub(super) ident: Ident,
    /// Its name in servers.json and in routes.
    pub(super) name: String,
    pub(super) docs: Vec<Attribute>,
    pub(super) cfgs: Vec<Attribute>,
    pub(super) handlers: Vec<Listed>,
    pub(super) remotes: Vec<Listed>,
    pub(super) crons: Vec<Listed>,
}

/// A handler, a remote or a cron of a type of server.
pub(super) struct Listed {
    /// The Rust type: `chat::ChatRemote`, `chat::chat_remote::Remote` or `dyn contract::ChatRemote`.
    pub(super) ty: TokenStream,
    /// The private alias that the rest of the expansion names it by.
    pub(super) alias: Ident,
    /// Where the user's list names it: at a `::`, as an editor would offer what we put at a name.
    pub(super) at: Span,
    /// Of a remote, its name in `app.rpc.<type>`.
    pub(super) field: Ident,
    /// Whether the type itself is served; a contract's implementor is mounted by the builder.
    pub(super) mounted: bool,
}

impl ServerList {
    /// Checks the input; mistakes go to `errors`, and what is right stays.
    pub(super) fn new(input: Input, errors: &mut Errors) -> Self {
        let mut types: Vec<ServerType> = Vec::new();
        for entry in input.entries {
            let name = entry.name.unraw().to_string();
            if types.iter().any(|other| other.name == name && other.cfgs.is_empty()) {
                errors.at(&entry.name, format_args!("the server type `{name}` is listed twice"));
            } else {
                types.push(ServerType::new(entry, errors));
            }
        }
        Self { krate: input.krate.unwrap_or_else(|| syn::parse_quote!(::pomelo)), types }
    }

    /// The types that have remotes.
    pub(super) fn called(&self) -> impl Iterator<Item = &ServerType> {
        self.types.iter().filter(|server| !server.remotes.is_empty())
    }
}

impl ServerType {
    fn new(entry: Entry, errors: &mut Errors) -> Self {
        for attr in &entry.attrs {
            if !attr.path().is_ident("doc") && !attr.path().is_ident("cfg") {
                errors.at(attr, "expected a doc comment or a `cfg`");
            }
        }
        for (kind, listings) in [("handler", &entry.handlers), ("cron", &entry.crons)] {
            for field in listings.iter().filter_map(|listing| listing.field.as_ref()) {
                errors.at(field, format_args!("a {kind} isn't a field of anything: `as` is for remotes"));
            }
        }
        let base = names::upper_camel(&entry.name);
        let mut remotes: Vec<Listed> = Vec::new();
        for remote in listed(entry.remotes, "Remote", &base, errors) {
            let Listed { field, .. } = &remote;
            if remotes.iter().any(|other| other.field == *field) {
                let name = &entry.name;
                errors.at(
                    field,
                    format_args!("`{name}` has a remote `{field}`: list this one `as` another name"),
                );
            } else {
                remotes.push(remote);
            }
        }
        Self {
            name: entry.name.unraw().to_string(),
            docs: attributes::named(&entry.attrs, "doc"),
            cfgs: attributes::named(&entry.attrs, "cfg"),
            handlers: listed(entry.handlers, "Handler", &base, errors),
            crons: listed(entry.crons, "Cron", &base, errors),
            remotes,
            ident: entry.name,
        }
    }

    /// The struct of its remotes' proxies.
    pub(super) fn rpc(&self) -> Ident {
        format_ident!("{}Rpc", names::upper_camel(&self.ident), span = self.ident.span())
    }
}

fn listed(listings: Vec<Listing>, of_module: &str, base: &str, errors: &mut Errors) -> Vec<Listed> {
    let listings = listings.into_iter().enumerate();
    let listed = listings.filter_map(|(index, Listing { contract, path, field })| {
        let last = path.segments.last()?.ident.clone();
        let colons = path.segments.pairs().rev().find_map(|pair| pair.punct().map(|colons| colons.span()));
        let at = colons.or(path.leading_colon.map(|colons| colons.span())).unwrap_or_else(|| last.span());
        let ty = match contract {
            Some(contract) if !names::is_type_name(&last) => {
                errors.at(contract, "`impl` is for a trait; a module is listed by its path");
                return None;
            }
            Some(contract) => quote_spanned!(contract.span=> dyn #path),
            None if names::is_type_name(&last) => path.to_token_stream(),
            None => {
                let of_module = Ident::new(of_module, last.span());
                quote!(#path::#of_module)
            }
        };
        Some(Listed {
            ty,
            alias: Ident::new(&format!("__{base}{of_module}{index}"), Span::call_site()),
            field: field.unwrap_or_else(|| field_of(&last)),
            mounted: contract.is_none(),
            at,
        })
    });
    listed.collect()
}

/// `chat_remote` of `ChatRemote`.
fn field_of(last: &Ident) -> Ident {
    let name = names::snake(last);
    let field = names::field(Ident::new(&name, last.span()));
    field.unwrap_or_else(|_| format_ident!("{name}_", span = last.span()))
}
