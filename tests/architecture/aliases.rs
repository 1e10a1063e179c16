//! Aliases: the names that pomelo's users search for, and what has each here.
//!
//! rustdoc's search finds an item by its name, whatever its case and underscores, and by `#[doc(alias = "…")]`. So a name of pomelo's
//! is found if one of the two is it.

use std::collections::BTreeSet;

use syn::{Attribute, Expr, Fields, ImplItem, Item, Lit, Meta, MetaNameValue, TraitItem, Visibility};

use crate::only_tests::only_in_tests;
use crate::source::{Module, name_of};

/// Names of pomelo 2.2.7 that have a counterpart: of its application, sessions, channels, filters, routes, calls and connectors.
pub const POMELO: &[&str] = &[
    // The application.
    "createApp",
    "configure",
    "set",
    "get",
    "enable",
    "disable",
    "enabled",
    "disabled",
    "load",
    "loadConfig",
    "loadConfigBaseApp",
    "getBase",
    "getCurServer",
    "getServerId",
    "getServerType",
    "getServers",
    "getServersByType",
    "getServerById",
    "getServersFromConfig",
    "getServerFromConfig",
    "isFrontend",
    "isBackend",
    "start",
    "stop",
    "components",
    // The clock, by JavaScript and pomelo-scheduler.
    "setInterval",
    "setTimeout",
    "scheduleJob",
    "addCrons",
    "removeCrons",
    "add_crons",
    "remove_crons",
    // Queues by key.
    "sequeue",
    "event",
    "beforeStartup",
    "afterStartup",
    "beforeShutdown",
    "beforeStopHook",
    "afterStartAll",
    "reloadHandlers",
    "reloadRemotes",
    "registerAdmin",
    "systemMonitor",
    "systemInfo",
    "nodeInfo",
    "onlineUser",
    "addServers",
    "removeServers",
    "replaceServers",
    // Its events.
    "add_servers",
    "remove_servers",
    "replace_servers",
    "bind_session",
    "unbind_session",
    "close_session",
    "start_server",
    "start_all",
    // Sessions.
    "FrontendSession",
    "BackendSession",
    "sessionService",
    "backendSessionService",
    "localSessionService",
    "connectionService",
    "getStatisticsInfo",
    "frontendId",
    "uid",
    "settings",
    "bind",
    "unbind",
    "push",
    "pushAll",
    "on",
    "closed",
    "remove",
    "import",
    "importAll",
    "getByUid",
    "kick",
    "kickByUid",
    "kickBySid",
    "kickBySessionId",
    "getClientAddressBySessionId",
    "forEachSession",
    "forEachBindedSession",
    "getSessionsCount",
    "sendMessageByUid",
    "singleSession",
    "sessionConfig",
    // Channels.
    "channelService",
    "createChannel",
    "getChannel",
    "destroyChannel",
    "add",
    "leave",
    "getMembers",
    "getMember",
    "getUserAmount",
    "pushMessage",
    "pushMessageByUids",
    "broadcast",
    "broadcastFilter",
    "channelConfig",
    // Handlers, filters, errors.
    "filter",
    "before",
    "after",
    "globalFilter",
    "globalBefore",
    "globalAfter",
    "rpcFilter",
    "serial",
    "time",
    "timeout",
    "toobusy",
    "enableForwardLog",
    "errorHandler",
    "globalErrorHandler",
    "next",
    "__route__",
    // Routes and calls.
    "route",
    "routeParam",
    "dispatcher",
    "dispatch",
    "routerType",
    "rr",
    "random",
    "la",
    "wrr",
    "ch",
    "hashFieldIndex",
    "rpc",
    "rpcInvoke",
    "rpcClient",
    "toServer",
    "notify",
    "proxyConfig",
    "remoteConfig",
    "pendingSize",
    "bufferMsg",
    "cacheMsg",
    "interval",
    "keepalive",
    "retryConnectTime",
    "whitelist",
    "mailboxFactory",
    "acceptorFactory",
    "closeWatcher",
    // Connectors, servers.json.
    "connector",
    "connectorConfig",
    "hybridconnector",
    "heartbeat",
    "disconnectOnTimeout",
    "useDict",
    "useProtobuf",
    "useCrypto",
    "handshake",
    "checkClient",
    "setNoDelay",
    "distinctHost",
    "maxConnections",
    "clientHost",
    "clientPort",
    "serverType",
    "clusterCount",
];

/// Those of `wanted` that no public item of these modules has as its name or as an alias.
pub fn missing<'a>(wanted: &[&'a str], modules: impl IntoIterator<Item = &'a Module>) -> Vec<&'a str> {
    let mut found = BTreeSet::new();
    for module in modules {
        module.items.iter().for_each(|item| of_item(item, &mut found));
    }
    wanted.iter().copied().filter(|name| !found.contains(&plain(name))).collect()
}

/// A name as the search compares it.
fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

fn of_item(item: &Item, found: &mut BTreeSet<String>) {
    match item {
        Item::Fn(item) => note(&item.vis, &item.attrs, &item.sig.ident, found),
        Item::Const(item) => note(&item.vis, &item.attrs, &item.ident, found),
        Item::Type(item) => note(&item.vis, &item.attrs, &item.ident, found),
        Item::Struct(item) => {
            note(&item.vis, &item.attrs, &item.ident, found);
            of_fields(&item.fields, found);
        }
        Item::Enum(item) if is_public(&item.vis) => {
            note(&item.vis, &item.attrs, &item.ident, found);
            item.variants.iter().for_each(|variant| add(&variant.attrs, &variant.ident, found));
        }
        Item::Trait(item) if is_public(&item.vis) => {
            note(&item.vis, &item.attrs, &item.ident, found);
            for item in &item.items {
                if let TraitItem::Fn(item) = item {
                    add(&item.attrs, &item.sig.ident, found);
                }
            }
        }
        Item::Impl(item) if item.trait_.is_none() => {
            for item in &item.items {
                if let ImplItem::Fn(item) = item {
                    note(&item.vis, &item.attrs, &item.sig.ident, found);
                }
            }
        }
        _ => {}
    }
}

fn of_fields(fields: &Fields, found: &mut BTreeSet<String>) {
    for field in fields {
        if let Some(ident) = &field.ident {
            note(&field.vis, &field.attrs, ident, found);
        }
    }
}

fn note(visibility: &Visibility, attributes: &[Attribute], ident: &syn::Ident, found: &mut BTreeSet<String>) {
    if is_public(visibility) && !only_in_tests(attributes) {
        add(attributes, ident, found);
    }
}

fn add(attributes: &[Attribute], ident: &syn::Ident, found: &mut BTreeSet<String>) {
    found.insert(plain(&name_of(ident)));
    found.extend(attributes.iter().filter_map(alias).map(|alias| plain(&alias)));
}

/// The name that `#[doc(alias = "…")]` gives.
fn alias(attribute: &Attribute) -> Option<String> {
    let Meta::List(list) = &attribute.meta else { return None };
    let pair: MetaNameValue = list.path.is_ident("doc").then(|| list.parse_args().ok()).flatten()?;
    match &pair.value {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) if pair.path.is_ident("alias") => {
            Some(text.value())
        }
        _ => None,
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}
