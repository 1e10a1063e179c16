//! The context of a server: what routers and filters of the application may know of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::inject::State;
use crate::metrics::Counters;
use crate::peers::Peers;
use crate::value::config::Config;
use crate::value::{ServerId, ServerInfo, ServerList, Warned, read_setting};

/// One server, as its routers and filters know it.
pub struct ServerContext {
    pub(crate) peers: Arc<Peers>,
    pub(crate) state: State,
    pub(crate) settings: RwLock<HashMap<String, Arc<Value>>>,
    /// The types of servers of which it was said that sessions without a user meet several.
    pub(crate) unbound: Warned,
}

impl ServerContext {
    /// This server's id.
    pub fn server_id(&self) -> &ServerId {
        &self.peers.info.id
    }

    /// This server's type.
    pub fn server_type(&self) -> &str {
        &self.peers.info.server_type
    }

    /// What servers.json says of this server.
    pub fn server(&self) -> &Arc<ServerInfo> {
        &self.peers.info
    }

    /// Whether clients connect to this server.
    pub fn is_frontend(&self) -> bool {
        self.peers.info.frontend
    }

    /// The configuration that it runs with.
    pub fn config(&self) -> &Config {
        &self.peers.config
    }

    /// The environment, such as `development`.
    pub fn env(&self) -> &str {
        &self.peers.config.env
    }

    /// The servers of a type that are up, sorted by id.
    pub fn servers(&self, server_type: &str) -> ServerList {
        self.peers.view.known().live(server_type)
    }

    /// What was dropped here, and why.
    pub fn counters(&self) -> &Counters {
        &self.peers.counters
    }

    /// Sets a setting of this server. A value that JSON can't hold is logged as an error and changes nothing.
    pub fn set(&self, key: impl Into<String>, value: impl Serialize) {
        let key = key.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.settings
                    .write()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
                    .insert(key, Arc::new(value));
            }
            Err(error) => tracing::error!(key, %error, "a setting is not JSON"),
        }
    }

    /// A setting of this server; none if it isn't there or isn't a `T`, which is said in the log once. `5.0` is a whole number, too.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let settings = self.settings.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let value = settings.get(key)?.clone();
        // Reading it is the application's code, which may use the settings.
        drop(settings);
        read_setting(key, &value)
    }

    /// Something that was inserted into the app, by type.
    pub fn state<T: 'static>(&self) -> Option<&T> {
        self.state.find()
    }
}

impl fmt::Debug for ServerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerContext").field("server", self.server_id()).finish_non_exhaustive()
    }
}
