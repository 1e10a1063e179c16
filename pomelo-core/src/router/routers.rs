//! The routers of a server, by the types of servers that they choose among.
//!
//! It has what [`Configure::route`](crate::app::Configure::route) and its neighbours said; a type for which
//! nothing was said takes the one for `default`, or else [`ByUid`](super::ByUid).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, Either, Ready, ready};

use super::{RouteBy, Router, Routing};
use crate::context::ServerContext;
use crate::peers::Peers;
use crate::runtime::boundary;
use crate::runtime::boundary::Site;
use crate::value::{Error, ErrorKind, Result, ServerId, ServerList};

/// The routers of one server, with its way to the servers that they choose.
pub struct Routers {
    context: Arc<ServerContext>,
    /// `default` is for all types that have none of their own.
    by_type: HashMap<String, Arc<dyn Router>>,
}

impl Routers {
    pub(crate) fn new(context: Arc<ServerContext>, by_type: HashMap<String, Arc<dyn Router>>) -> Self {
        Self { context, by_type }
    }

    pub(crate) fn context(&self) -> &Arc<ServerContext> {
        &self.context
    }

    pub(crate) fn peers(&self) -> &Arc<Peers> {
        &self.context.peers
    }

    /// The server of a type that handles a message; `site` says for what the router is asked. That is done at once, unless it must
    /// not be done in this thread.
    pub(crate) fn route<'a>(
        self: &'a Arc<Self>,
        server_type: &str,
        by: RouteBy,
        site: Site<'a>,
    ) -> Decision<'a> {
        let servers = self.context.peers.view.known().expected(server_type);
        if servers.is_empty() {
            let why = format_args!("there is no server of type `{server_type}`");
            return Either::Left(ready(Err(Error::of(ErrorKind::NoServer, why))));
        }
        let router = self.by_type.get(server_type).or_else(|| self.by_type.get("default"));
        match router {
            Some(router) if self.context.peers.is_elsewhere() => {
                let (peers, router, server_type) =
                    (self.peers().clone(), router.clone(), server_type.to_owned());
                let decision = async move {
                    let site = Site::new(&peers, "router").named(&server_type);
                    decide(&*router, by, servers, site).await
                };
                Either::Right(Box::pin(async move { self.peers().at_home(decision).await.flatten() }))
            }
            Some(router) => decide(&**router, by, servers, site),
            None => decide(&super::ByUid, by, servers, site),
        }
    }
}

/// A router's decision; small where it is made at once, as nearly always.
pub(crate) type Decision<'a> = Either<Ready<Result<ServerId>>, BoxFuture<'a, Result<ServerId>>>;

fn decide<'a>(router: &dyn Router, by: RouteBy, servers: ServerList, site: Site<'a>) -> Decision<'a> {
    match boundary::call(&site, || router.route(by, servers)) {
        Ok(Routing::Now(server)) => Either::Left(ready(server)),
        Ok(Routing::Later(server)) => {
            Either::Right(Box::pin(
                async move { boundary::run(site, server, |server| server).await.flatten() },
            ))
        }
        Err(error) => Either::Left(ready(Err(error))),
    }
}

impl fmt::Debug for Routers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routers").field("server", self.context.server_id()).finish_non_exhaustive()
    }
}
