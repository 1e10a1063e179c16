//! Servers: their names, what servers.json says of them, and lists of them in a stable order.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::{Mismatch, settings, value};
use super::host;

/// The id of a server, such as `chat-server-1`. Cheap to clone.
///
/// Ordered by text with runs of digits as numbers: `chat-2` comes before `chat-10`.
///
/// ```
/// use pomelo::server::ServerId;
///
/// let mut ids = ["chat-10", "chat-2", "chat-1"].map(ServerId::from);
/// ids.sort();
/// assert_eq!(ids, ["chat-1", "chat-2", "chat-10"]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerId(Arc<str>);

impl ServerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for ServerId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ServerId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ServerId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ServerId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for ServerId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<&ServerId> for ServerId {
    fn from(id: &ServerId) -> Self {
        id.clone()
    }
}

impl From<&ServerInfo> for ServerId {
    fn from(info: &ServerInfo) -> Self {
        info.id.clone()
    }
}

impl From<Arc<ServerInfo>> for ServerId {
    fn from(info: Arc<ServerInfo>) -> Self {
        info.id.clone()
    }
}

impl From<ServerId> for String {
    fn from(id: ServerId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl PartialEq<str> for ServerId {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for ServerId {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialOrd for ServerId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ServerId {
    fn cmp(&self, other: &Self) -> Ordering {
        natural_order(&self.0, &other.0).then_with(|| self.0.cmp(&other.0))
    }
}

/// Compares texts with runs of digits as numbers.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a.first(), b.first()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (take_digits(&mut a), take_digits(&mut b));
                match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
                    Ordering::Equal => {}
                    unequal => return unequal,
                }
            }
            (Some(x), Some(y)) if x == y => {
                a = &a[1..];
                b = &b[1..];
            }
            (x, y) => return x.cmp(&y),
        }
    }
}

/// Cuts the run of digits off the front of `text` and returns it without leading zeros.
fn take_digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|c| **c == b'0').count();
    &digits[zeros..]
}

/// What is known of a server: an entry of servers.json, keys of the user's own included.
///
/// It is deserialized as servers.json is [read](super::config::Config): numbers may be texts, true may be `"true"`.
///
/// ```
/// use pomelo::config::Config;
///
/// let json = r#"{ "area": [{ "id": "area-1", "host": "10.0.0.3", "port": "3250", "map": "forest", "instance": true }] }"#;
/// let config = Config::from_servers(json, "development")?;
/// let area = &config.servers[0];
/// assert_eq!((&*area.server_type, area.port), ("area", Some(3250)));
/// assert_eq!(area.setting("map"), Some(&"forest".into()));
/// # Ok::<(), pomelo::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// Its id, unique in the cluster.
    pub id: ServerId,
    /// Its type, such as `chat`.
    pub server_type: Arc<str>,
    /// The host that other servers and, without a `clientHost`, clients reach it by; an IPv6 address without brackets,
    /// however the file has it. `127.0.0.1` if it isn't said.
    pub host: String,
    /// The port for other servers; a gate has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The host that a gate tells clients; see [`public_host`](Self::public_host).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_host: Option<String>,
    /// The port that clients connect to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_port: Option<u16>,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// Every other key of the entry. Those that mean something here, such as `max-connections`, are of the type that they should
    /// be, however they were written; the user's own are as they stand.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

impl ServerInfo {
    /// Reads an entry, strictly: a setting that means something and can't be read is an error.
    pub(crate) fn read(entry: &Map<String, Value>) -> Result<Self, Mismatch> {
        let mut info = Self::fields(entry)?;
        settings::check(&mut info.settings)?;
        Ok(info)
    }

    /// Reads what has a field, and keeps the rest as it stands.
    fn fields(entry: &Map<String, Value>) -> Result<Self, Mismatch> {
        let text = |key: &str, expected: &str| value::text(entry, key, expected);
        let expected = "the id of the server, a text";
        let id = text("id", expected)?.ok_or_else(|| value::mismatch(entry, "id", expected))?;
        let client_host = text("clientHost", "a host name or an address, a text")?;
        let mut settings = entry.clone();
        settings.retain(|key, _| !FIELDS.contains(&key.as_str()));
        Ok(Self {
            id: id.into(),
            server_type: text("serverType", "a type of server, a text")?.unwrap_or_default().into(),
            host: value::host(entry, "host")?.unwrap_or_else(|| "127.0.0.1".into()),
            port: value::port(entry, "port")?,
            // Clients are told it, and what is no host for us may be one for them.
            client_host: client_host.map(|told| host::bare(&told).map(str::to_owned).unwrap_or(told)),
            client_port: value::port(entry, "clientPort")?,
            frontend: value::switch(entry, "frontend")?.unwrap_or(false),
            settings,
        })
    }

    /// The host to tell a client: `clientHost`, or else `host`. An IPv6 address has brackets, as in a URL: browser clients put
    /// it into one. Where clients are none that do, tell them [`host`](Self::host), or let `clientHost` be a name.
    ///
    /// ```
    /// use pomelo::config::Config;
    ///
    /// let json = r#"{ "connector": [{ "id": "c-1", "host": "10.0.0.2", "clientHost": "play.example.com" }] }"#;
    /// let config = Config::from_servers(json, "development")?;
    /// assert_eq!(config.servers[0].public_host(), "play.example.com");
    /// # Ok::<(), pomelo::Error>(())
    /// ```
    #[doc(alias = "clientHost")]
    pub fn public_host(&self) -> Cow<'_, str> {
        host::in_url(self.client_host.as_deref().unwrap_or(&self.host))
    }

    /// The port that operators come in at; none if it has none, and they come in elsewhere.
    pub fn operator_port(&self) -> Option<u16> {
        self.setting("operatorPort")?.as_u64().and_then(|port| u16::try_from(port).ok())
    }

    /// The host that it listens on for operators: this machine alone, unless it says otherwise.
    pub fn operator_host(&self) -> &str {
        self.setting("operatorHost").and_then(Value::as_str).unwrap_or("127.0.0.1")
    }

    /// A key of the user's own, or of pomelo's that has no field here, such as `max-connections`.
    pub fn setting(&self, key: &str) -> Option<&Value> {
        self.settings.get(key)
    }
}

impl<'de> Deserialize<'de> for ServerInfo {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::fields(&Map::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The keys that have a field.
const FIELDS: [&str; 7] = ["id", "serverType", "host", "port", "clientHost", "clientPort", "frontend"];
/// A list of servers of one type, sorted by id. Cheap to clone; a slice of [`ServerInfo`].
///
/// [`ServerContext::servers`](crate::context::ServerContext::servers) gives those that are up; a router gets
/// those that are expected.
///
/// ```
/// use pomelo::config::Config;
/// use pomelo::server::ServerList;
///
/// let json = r#"{ "chat": [{ "id": "chat-10" }, { "id": "chat-2" }] }"#;
/// let servers: ServerList = Config::from_servers(json, "development")?.servers.into_iter().collect();
/// assert_eq!(servers[0].id, "chat-2");
/// assert!(servers.by_id("chat-10").is_some());
/// # Ok::<(), pomelo::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServerList(Arc<[Arc<ServerInfo>]>);

impl ServerList {
    /// The server of that id, if it is in the list.
    #[doc(alias = "getServerById")]
    pub fn by_id(&self, id: &str) -> Option<&Arc<ServerInfo>> {
        self.0.iter().find(|server| server.id == id)
    }
}

impl Deref for ServerList {
    type Target = [Arc<ServerInfo>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl AsRef<[Arc<ServerInfo>]> for ServerList {
    fn as_ref(&self) -> &[Arc<ServerInfo>] {
        &self.0
    }
}

impl FromIterator<Arc<ServerInfo>> for ServerList {
    fn from_iter<I: IntoIterator<Item = Arc<ServerInfo>>>(servers: I) -> Self {
        let mut servers: Vec<_> = servers.into_iter().collect();
        servers.sort_by(|a, b| a.id.cmp(&b.id));
        Self(servers.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_with_digits_as_numbers() {
        let mut ids: Vec<ServerId> =
            ["chat-10", "chat-2", "chat-02", "area-1", "chat"].map(Into::into).into();
        ids.sort();
        assert_eq!(ids, ["area-1", "chat", "chat-02", "chat-2", "chat-10"]);
    }

    #[test]
    fn an_ipv6_address_has_brackets_for_clients_only() {
        let read = |entry: &str| serde_json::from_str::<ServerInfo>(entry);
        for entry in [r#"{"id":"a","host":"::1"}"#, r#"{"id":"a","host":"h","clientHost":"[::1]"}"#] {
            let info = read(entry).unwrap();
            assert_eq!(info.public_host(), "[::1]");
            assert!(!format!("{info:?}").contains('['), "{info:?}");
        }
        let error = read(r#"{"id":"a","host":"h:1"}"#).unwrap_err().to_string();
        assert!(error.contains("`h:1` is no host: a port has a key of its own"), "{error}");
    }

    #[test]
    fn an_entry_keeps_the_users_own_keys() {
        let info: ServerInfo = serde_json::from_str(
            r#"{"id":"a","host":"h","port":1,"area":7,"max-connections":5,"frontend":"true"}"#,
        )
        .unwrap();
        assert!(info.frontend);
        assert_eq!(info.setting("area"), Some(&7.into()));
        assert_eq!(info.setting("max-connections"), Some(&5.into()));
        assert_eq!(info.setting("host"), None);
    }
}
