//! The web page, on a port of its own, and the table of what listens where.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use pomelo::{Error, Result};
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::App;

/// A module of the JavaScript client, at the path that the page's `pomelo.js` imports it by.
macro_rules! client {
    ($file:literal) => {
        script(concat!("/clients/js/src/", $file), include_str!(concat!("../../clients/js/src/", $file)))
    };
}

/// Each file's path, type and text.
const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("web/index.html")),
    ("/index.html", "text/html; charset=utf-8", include_str!("web/index.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("web/style.css")),
    script("/app.js", include_str!("web/app.js")),
    script("/chat-room.js", include_str!("web/chat-room.js")),
    script("/composer.js", include_str!("web/composer.js")),
    script("/gate-url.js", include_str!("web/gate-url.js")),
    script("/i18n.js", include_str!("web/i18n.js")),
    script("/invite.js", include_str!("web/invite.js")),
    script("/links.js", include_str!("web/links.js")),
    script("/message-log.js", include_str!("web/message-log.js")),
    script("/name-hue.js", include_str!("web/name-hue.js")),
    script("/place.js", include_str!("web/place.js")),
    script("/pomelo.js", include_str!("web/pomelo.js")),
    script("/safe-storage.js", include_str!("web/safe-storage.js")),
    script("/status-bar.js", include_str!("web/status-bar.js")),
    script("/user-list.js", include_str!("web/user-list.js")),
    client!("agreement.js"),
    client!("backoff.js"),
    client!("client.js"),
    client!("connection.js"),
    client!("emitter.js"),
    client!("errors.js"),
    client!("events.js"),
    client!("gate.js"),
    client!("handshake.js"),
    client!("heartbeat.js"),
    client!("index.js"),
    client!("limit.js"),
    client!("options.js"),
    client!("protobuf-bytes.js"),
    client!("protobuf.js"),
    client!("protocol.js"),
    client!("requests.js"),
    client!("stay-connected.js"),
];

const fn script(path: &'static str, text: &'static str) -> (&'static str, &'static str, &'static str) {
    (path, "text/javascript; charset=utf-8", text)
}

/// Serves the page on the gate's `pagePort` of servers.json until the process ends, and prints where everything is. A
/// gate without one has no page.
///
/// # Errors
/// If the port is none, or taken.
pub async fn serve(app: App) -> Result<()> {
    let Some(port) = app.server().setting("pagePort") else { return Ok(()) };
    let port =
        u16::deserialize(port).map_err(|error| Error::from(error).context("servers.json: `pagePort`"))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Error::from(error).context(format_args!("the page can't have {address} (pagePort)"))
    })?;
    let router = FILES.iter().fold(Router::new(), |router, &(path, kind, text)| {
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], text) }))
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    // Where nobody can read it, the servers run all the same.
    let _ = print_table(&app, address);
    Ok(())
}

fn print_table(app: &App, page: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:<22}{:<22}role", "server", "clients connect to")?;
    for (server_type, role) in [
        ("gate", "tells a client its connector"),
        ("connector", "holds connections (tcp and websocket)"),
        ("chat", "has rooms; no clients of its own"),
    ] {
        for server in app.servers(server_type).iter() {
            let port =
                server.client_port.map_or("-".into(), |port| format!("{}:{port}", server.public_host()));
            writeln!(out, "{:<22}{port:<22}{role}", &*server.id)?;
        }
    }
    writeln!(out, "{:<22}{:<22}the page\n", "(web)", page.to_string())?;
    writeln!(out, "Open http://{page}/ in two tabs and chat. Ctrl-C stops.")
}
