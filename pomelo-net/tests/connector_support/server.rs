//! A frontend and its connectors, each on a port of its own on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use pomelo_core::app::Running;
use pomelo_core::frontend::{Connector, Listening};
use pomelo_core::metrics::Dropped;
use pomelo_core::value::Result;
use pomelo_core::value::config::Config;
use pomelo_net::connector::Hybrid;

use super::frontend::{self, App, Tests};

pub struct Server {
    app: App,
    /// Keeps the handlers.
    running: Running<Tests>,
    pub address: SocketAddr,
    listening: Vec<Listening>,
}

impl Server {
    pub async fn start(hybrid: Hybrid) -> Self {
        Self::start_with(Config::default(), [hybrid]).await
    }

    pub async fn start_with(config: Config, hybrids: impl IntoIterator<Item = Hybrid>) -> Self {
        Self::try_start(config, hybrids).await.unwrap()
    }

    pub async fn try_start(config: Config, hybrids: impl IntoIterator<Item = Hybrid>) -> Result<Self> {
        Self::listen(config, hybrids.into_iter().map(|hybrid| hybrid.port(0))).await
    }

    /// On a port that another one had.
    pub async fn start_at(port: u16, config: Config, hybrid: Hybrid) -> Self {
        Self::listen(config, [hybrid.port(port)]).await.unwrap()
    }

    async fn listen(config: Config, hybrids: impl IntoIterator<Item = Hybrid>) -> Result<Self> {
        let running = frontend::start(&config).await?;
        let app = running.app("connector-1").unwrap().clone();
        let frontend = app.frontend();
        let mut listening = Vec::new();
        for hybrid in hybrids {
            listening.push(Arc::new(hybrid).start(frontend.clone()).await?);
        }
        Ok(Self { app, running, address: listening[0].address, listening })
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.iter().map(|listening| listening.address).collect()
    }

    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.app.counters().dropped(reason)
    }

    pub fn sessions(&self) -> usize {
        self.app.sessions().len()
    }

    /// Pushes something to all clients.
    pub fn broadcast(&self, route: &str) {
        self.app.channels().broadcast("connector", route, &"text").unwrap();
    }

    /// Has the server drain and stop.
    pub async fn shut_down(&mut self) {
        assert!(self.running.stop_server("connector-1").await);
    }

    /// Stops listening.
    pub async fn stop(&mut self) {
        for listening in self.listening.drain(..) {
            (listening.stop)().await;
        }
    }
}
