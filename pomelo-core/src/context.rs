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

/// One server, as its routers and filters know it: who it is, what it is configured with, and who else is
/// there.
///
/// [`App`](crate::app::App) derefs to it, so that handlers and remotes have all of this, too.
///
/// ```
/// # use pomelo_doc::App;
/// # #[tokio::main]
/// # async fn main() -> pomelo::Result<()> {
/// # let builder = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }, { "id": "chat-2", "map": "forest" }] }"#);
/// # let running = builder.configure("all", "chat", |app| app.insert(100_u32)).start().await?;
/// # let app = running.app("chat-2").unwrap();
/// assert_eq!((app.server_id().as_str(), app.server_type(), app.is_frontend()), ("chat-2", "chat", false));
/// assert_eq!(app.server().setting("map"), Some(&"forest".into()));
/// assert_eq!(app.servers("chat").len(), 2);
/// assert_eq!(app.state::<u32>(), Some(&100));
/// # Ok(())
/// # }
/// ```
pub struct ServerContext {
    /// What it knows of itself and others.
    pub(crate) peers: Arc<Peers>,
    /// What was inserted, and components, by type.
    pub(crate) state: State,
    /// By name; shared, so that reading one holds no lock while the application's code deserializes it.
    pub(crate) settings: RwLock<HashMap<String, Arc<Value>>>,
    /// The types of servers of which it was said that sessions without a user meet several.
    pub(crate) unbound: Warned,
}

impl ServerContext {
    /// This server's id.
    #[doc(alias = "getServerId")]
    pub fn server_id(&self) -> &ServerId {
        &self.peers.info.id
    }

    /// This server's type.
    #[doc(alias = "getServerType")]
    pub fn server_type(&self) -> &str {
        &self.peers.info.server_type
    }

    /// What servers.json says of this server.
    #[doc(alias = "getCurServer")]
    pub fn server(&self) -> &Arc<ServerInfo> {
        &self.peers.info
    }

    /// Whether clients connect to this server.
    #[doc(alias = "isFrontend")]
    #[doc(alias = "isBackend")]
    pub fn is_frontend(&self) -> bool {
        self.peers.info.frontend
    }

    /// The configuration that it runs with.
    ///
    /// All servers of the file are in [`Config::servers`], of every type and up or not.
    pub fn config(&self) -> &Config {
        &self.peers.config
    }

    /// The environment, such as `development`.
    pub fn env(&self) -> &str {
        &self.peers.config.env
    }

    /// The servers of a type that are up, sorted by id.
    ///
    /// In pomelo the order is that in which this process learned of them; here all servers have the same.
    ///
    /// ```
    /// # use pomelo::{Result, pick, server::ServerContext};
    /// /// pomelo's gate: the connector of a user, and where it is.
    /// fn connector_for(app: &ServerContext, uid: &str) -> Result<(String, Option<u16>)> {
    ///     let connector = pick(uid, app.servers("connector"))?;
    ///     Ok((connector.public_host().into_owned(), connector.client_port))
    /// }
    /// ```
    #[doc(alias = "getServersByType")]
    #[doc(alias = "getServers")]
    #[doc(alias = "getServerById")]
    pub fn servers(&self, server_type: &str) -> ServerList {
        self.peers.view.known().live(server_type)
    }

    /// What was dropped here, and why.
    ///
    /// ```
    /// # use pomelo::{metrics::Dropped, server::ServerContext};
    /// fn is_overrun(app: &ServerContext) -> bool {
    ///     app.counters().dropped(Dropped::LaneFull) > 0
    /// }
    /// ```
    pub fn counters(&self) -> &Counters {
        &self.peers.counters
    }

    /// Sets a setting of this server. A value that JSON can't hold is logged as an error and changes nothing.
    ///
    /// It is this server's alone, and lasts as long as it runs. For the session of a client there is
    /// [`Session::set`](crate::session::Session::set).
    ///
    /// ```
    /// # use pomelo::server::ServerContext;
    /// fn close_shop(app: &ServerContext) {
    ///     app.set("shopOpen", false);
    ///     assert_eq!(app.get::<bool>("shopOpen"), Some(false));
    /// }
    /// ```
    #[doc(alias = "enable")]
    #[doc(alias = "disable")]
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
    #[doc(alias = "enabled")]
    #[doc(alias = "disabled")]
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let settings = self.settings.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let value = settings.get(key)?.clone();
        // Reading it is the application's code, which may use the settings.
        drop(settings);
        read_setting(key, &value)
    }

    /// Something that was inserted into the app, by type.
    ///
    /// Methods are rather lent it as `&T`: then a missing one is an error at start.
    #[doc(alias = "components")]
    pub fn state<T: 'static>(&self) -> Option<&T> {
        self.state.find()
    }
}

impl fmt::Debug for ServerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerContext").field("server", self.server_id()).finish_non_exhaustive()
    }
}
