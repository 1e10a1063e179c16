//! Mounting: lays out the methods of a server's handlers and remotes as its endpoints, and installs these in the server.

use std::collections::HashMap;
use std::sync::Arc;

use super::Dispatch;
#[cfg(feature = "crons")]
use super::endpoints::{AnyCron, CronMethod};
use super::endpoints::{
    AnyHandler, AnyRemote, Endpoints, HandlerMethod, Listener, MountedEndpoints, Numbered, RemoteMethod,
    Surroundings,
};
use crate::cluster::MethodTable;
use crate::context::ServerContext;
use crate::inject;
use crate::inject::{Container, Injected, Provider};
#[cfg(feature = "crons")]
use crate::method::CronRun;
use crate::method::{Inbound, Table};
use crate::request::Request;
use crate::value::Result;

/// What was mounted on a server.
pub(crate) struct Parts<A> {
    pub(crate) handlers: Vec<(Table, Arc<dyn AnyHandler<A>>)>,
    pub(crate) remotes: Vec<(Table, Arc<dyn AnyRemote<A>>)>,
    #[cfg(feature = "crons")]
    pub(crate) crons: Vec<(Table, Arc<dyn AnyCron<A>>)>,
}

impl<A> Default for Parts<A> {
    fn default() -> Self {
        Self {
            handlers: Vec::new(),
            remotes: Vec::new(),
            #[cfg(feature = "crons")]
            crons: Vec::new(),
        }
    }
}

impl<A: Container + Send + Sync> MountedEndpoints<A> {
    /// Lays out what was mounted.
    ///
    /// # Errors
    /// If a method wants something injected that was not inserted: which method and type.
    pub(crate) fn new(
        app: A,
        context: Arc<ServerContext>,
        parts: Parts<A>,
        listeners: Vec<Listener<A>>,
    ) -> Result<Self> {
        let around = Arc::new(Surroundings { app, context });
        let (handlers, remotes) = (HashMap::default(), Vec::new());
        Self {
            around,
            handlers,
            remotes,
            #[cfg(feature = "crons")]
            crons: HashMap::default(),
            numbers: MethodTable::default(),
            listeners,
        }
        .with(parts)
    }

    /// The same server with other methods. Remote methods keep their numbers, and all their statistics.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn replaced_by(&self, parts: Parts<A>) -> Result<Self> {
        let gone = |remote: &Numbered<A>| Numbered {
            name: remote.name.clone(),
            stats: remote.stats.clone(),
            method: None,
        };
        let mut after = Self {
            around: self.around.clone(),
            handlers: HashMap::default(),
            remotes: self.remotes.iter().map(gone).collect(),
            #[cfg(feature = "crons")]
            crons: HashMap::default(),
            numbers: self.numbers.clone(),
            listeners: self.listeners.clone(),
        }
        .with(parts)?;
        for (route, method) in &mut after.handlers {
            if let Some(before) = self.handlers.get(route) {
                method.stats = before.stats.clone();
            }
        }
        Ok(after)
    }

    fn with(mut self, parts: Parts<A>) -> Result<Self> {
        let around = self.around.clone();
        let server_type = around.context.server_type();
        for (table, handler) in parts.handlers {
            for method in table.methods {
                let route = format!("{server_type}.{}.{}", table.name, method.name);
                self.check::<Request>(&route, method.injects)?;
                let (around, handler) = (around.clone(), handler.clone());
                let (method, concurrent) = (method.id, method.concurrent);
                let stats = Arc::default();
                self.handlers.insert(route, HandlerMethod { around, handler, method, concurrent, stats });
            }
        }
        #[cfg(feature = "crons")]
        for (table, cron) in parts.crons {
            for method in table.methods {
                let action = format!("{}.{}", table.name, method.name);
                self.check::<CronRun>(&action, method.injects)?;
                let (around, cron, stats) = (around.clone(), cron.clone(), Arc::default());
                self.crons.insert(action, CronMethod { around, cron, method: method.id, stats });
            }
        }
        for (table, remote) in parts.remotes {
            for method in table.methods {
                let name = format!("{server_type}.{}.{}", table.name, method.name);
                self.check::<Inbound>(&name, method.injects)?;
                let number = self.numbers.number(table.name, method.name).unwrap_or_else(|| {
                    let number = self.remotes.len() as u32;
                    self.numbers.add(table.name, method.name, number);
                    self.remotes.push(Numbered { name, stats: Arc::default(), method: None });
                    number
                });
                if let Some(place) = self.remotes.get_mut(number as usize) {
                    let (around, remote, stats) = (around.clone(), remote.clone(), place.stats.clone());
                    place.method = Some(RemoteMethod { around, remote, method: method.id, stats });
                }
            }
        }
        Ok(self)
    }

    fn check<M: Provider>(&self, method: &str, injects: &[Injected]) -> Result<()> {
        inject::check::<A, M>(&self.around.context.state, method, injects)
    }

    /// The methods that others can call.
    pub(crate) fn methods(&self) -> MethodTable {
        let is_there = |remote: &Numbered<A>| remote.method.is_some();
        self.numbers.only(|number| self.remotes.get(number as usize).is_some_and(is_there))
    }
}

/// Endpoints in their server. They hold each other, until this is dropped.
pub(crate) struct Installed(Arc<Dispatch>);

impl Installed {
    pub(crate) fn new(endpoints: Arc<dyn Endpoints>, dispatch: &Arc<Dispatch>) -> Self {
        dispatch.set_endpoints(Some(endpoints));
        Self(dispatch.clone())
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.0.set_endpoints(None);
    }
}
