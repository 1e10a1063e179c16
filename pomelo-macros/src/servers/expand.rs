//! The expansion of `servers!`: `Rpc`, a struct of proxies for each type of server, `App`, and `impl Cluster`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;

use super::model::{Listed, ServerList, ServerType};
use crate::block::{Kind, ident};
use crate::checked::checked_at;

pub(super) fn expand(servers: &ServerList) -> TokenStream {
    let krate = &servers.krate;
    let p = quote!(#krate::__private);
    let aliases = servers.types.iter().map(|server| aliases(&p, server));
    let structs = servers.called().map(|server| rpc(&p, server));
    let fields = servers.called().map(|server| {
        let ServerType { ident, cfgs, .. } = server;
        let (ty, doc) = (server.rpc(), doc(server));
        quote!(#(#cfgs)* #doc pub #ident: #ty)
    });
    let cluster = cluster(&p, servers);
    quote! {
        #(#aliases)*
        /// What servers of this cluster can call, by the type of server.
        #[allow(dead_code, missing_debug_implementations, unreachable_pub)]
        pub struct Rpc { #(#fields),* }
        #(#structs)*
        /// An application of this cluster, as its handlers and remotes are lent it.
        #[allow(unreachable_pub)]
        pub type App = #krate::App<Rpc>;
        #cluster
    }
}

/// One alias for each listed type, by which the rest of the expansion names it.
fn aliases(p: &TokenStream, server: &ServerType) -> TokenStream {
    let cfgs = &server.cfgs;
    let alias = |kind: Kind, Listed { alias, ty, at, .. }: &Listed| {
        let ty = checked_at(*at, ty, &kind.name_length(p, ty));
        quote!(#(#cfgs)* #[doc(hidden)] type #alias = #ty;)
    };
    let handlers = server.handlers.iter().map(|listed| alias(Kind::Handler, listed));
    let remotes = server.remotes.iter().map(|listed| alias(Kind::Remote, listed));
    let crons = server.crons.iter().map(|listed| alias(Kind::Cron, listed));
    quote!(#(#handlers)* #(#remotes)* #(#crons)*)
}

/// `pub struct ChatRpc`
fn rpc(p: &TokenStream, server: &ServerType) -> TokenStream {
    let ServerType { name, cfgs, .. } = server;
    let (rpc, doc) = (server.rpc(), doc(server));
    let fields = server.remotes.iter().map(|Listed { field, alias, .. }| {
        let doc = format!("The remote `{field}` of `{name}` servers.");
        quote!(#[doc = #doc] pub #field: <#alias as #p::Contract>::Proxy)
    });
    quote! {
        #(#cfgs)*
        #doc
        #[allow(dead_code, missing_debug_implementations, private_interfaces, unreachable_pub)]
        pub struct #rpc { #(#fields),* }
    }
}

fn cluster(p: &TokenStream, servers: &ServerList) -> TokenStream {
    let types = &servers.types;
    let tables = types.iter().map(|server| tables(p, server));
    let binds = servers.called().map(|server| bind(p, server));
    let mounts = types.iter().map(|server| mount(p, server));
    let distinct = distinct(p, types);
    let [handler, remote, cron] =
        [Kind::Handler, Kind::Remote, Kind::Cron].map(|kind| kind.marker(Span::mixed_site()));
    quote_spanned! { Span::mixed_site()=>
        #[allow(clippy::all, clippy::pedantic)]
        impl #p::Cluster for Rpc {
            const SERVERS: &'static [#p::ServerType] = &[#(#tables),*];
            fn bind(routers: &::std::sync::Arc<#p::Routers>) -> Self {
                Rpc { #(#binds),* }
            }
            fn mount(app: &App, mount: &mut #p::Mount<Self>) {
                // For types that were made a handler or a remote by hand, and so aren't checked for being listed.
                trait Marked { fn #handler() {} fn #remote() {} fn #cron() {} }
                impl<T: ?::core::marker::Sized> Marked for T {}
                match app.server_type() { #(#mounts)* _ => {} }
            }
            fn platform() -> &'static dyn #p::Platform {
                #p::platform()
            }
        }
        #distinct
    }
}

/// A row of `SERVERS`.
fn tables(p: &TokenStream, server: &ServerType) -> TokenStream {
    let ServerType { name, cfgs, .. } = server;
    let table = |kind: Kind, Listed { alias, .. }: &Listed| {
        let table = ident(kind.lower());
        quote!(#p::Table::#table::<#alias>())
    };
    let handlers = server.handlers.iter().map(|listed| table(Kind::Handler, listed));
    let remotes = server.remotes.iter().map(|listed| table(Kind::Remote, listed));
    quote! {
        #(#cfgs)*
        #p::ServerType { name: #name, handlers: &[#(#handlers),*], remotes: &[#(#remotes),*] }
    }
}

/// A field of `Rpc`.
fn bind(p: &TokenStream, server: &ServerType) -> TokenStream {
    let (ServerType { ident, name, cfgs, .. }, rpc) = (server, server.rpc());
    let routers = Ident::new("routers", Span::mixed_site());
    let fields = server
        .remotes
        .iter()
        .map(|Listed { field, .. }| quote!(#field: #p::Proxy::bind(#p::RpcClient::new(#routers, #name))));
    quote!(#(#cfgs)* #ident: #rpc { #(#fields),* })
}

/// What a server of that type mounts when it starts.
fn mount(p: &TokenStream, server: &ServerType) -> TokenStream {
    let ServerType { name, cfgs, .. } = server;
    let add = |kind: Kind, listed: &Listed| {
        let alias = Ident::new(&listed.alias.to_string(), listed.at);
        let (add, marker) = (ident(kind.lower()), kind.marker(Span::mixed_site()));
        listed.mounted.then(|| {
            quote_spanned! { Span::mixed_site()=>
                <#alias>::#marker();
                mount.#add(<#alias as #p::FromApp<App>>::from_app(app));
            }
        })
    };
    let handlers = server.handlers.iter().filter_map(|listed| add(Kind::Handler, listed));
    let remotes = server.remotes.iter().filter_map(|listed| add(Kind::Remote, listed));
    let crons = server.crons.iter().filter_map(|listed| add(Kind::Cron, listed));
    quote!(#(#cfgs)* #name => { #(#handlers)* #(#remotes)* #(#crons)* })
}

/// Two of a name would hide one another: an error at the second.
fn distinct(p: &TokenStream, types: &[ServerType]) -> TokenStream {
    let checks = types.iter().flat_map(|server| {
        let handlers = pairs(p, server, Kind::Handler, &server.handlers);
        let remotes = pairs(p, server, Kind::Remote, &server.remotes);
        handlers.chain(remotes).chain(pairs(p, server, Kind::Cron, &server.crons))
    });
    let checks: Vec<_> = checks.collect();
    let same = (!checks.is_empty()).then(|| {
        quote! {
            #[doc(hidden)]
            const fn __same_name(a: &[u8], b: &[u8]) -> bool {
                match (a, b) {
                    ([], []) => true,
                    ([x, a @ ..], [y, b @ ..]) => *x == *y && __same_name(a, b),
                    _ => false,
                }
            }
        }
    });
    quote!(#same #(#checks)*)
}

fn pairs(
    p: &TokenStream,
    server: &ServerType,
    kind: Kind,
    list: &[Listed],
) -> impl Iterator<Item = TokenStream> {
    let ServerType { name, cfgs, .. } = server;
    let (kind, contract) = (kind.lower(), kind.contract());
    let message = format!(
        "two {kind}s of `{name}` servers have the same name on the wire: give one `#[{kind}(rename = \"…\")]`"
    );
    let pairs = (1..list.len()).flat_map(|second| (0..second).map(move |first| (first, second)));
    pairs.filter_map(move |(first, second)| {
        let (first, second) = (list.get(first)?, list.get(second)?);
        let [a, b] = [first, second].map(|Listed { alias, .. }| quote!(<#alias as #p::#contract>::NAME.as_bytes()));
        Some(quote_spanned!(second.at=> #(#cfgs)* const _: () = ::core::assert!(!__same_name(#a, #b), #message);))
    })
}

/// The user's documentation, or else ours, as what is `pub` needs some.
fn doc(ServerType { name, docs, .. }: &ServerType) -> TokenStream {
    if docs.is_empty() {
        let doc = format!("The remotes of `{name}` servers.");
        quote!(#[doc = #doc])
    } else {
        quote!(#(#docs)*)
    }
}
