//! Reports: a server at one moment, for people who operate it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::{Incarnation, ServerId};

/// A server at one moment. Counts are since its start, unless they say otherwise.
///
/// [`Server::report`](crate::server::Server::report) makes it; a master collects those of all servers, and
/// `pomelo show` prints them. It is what pomelo's consoles show by the modules `systemInfo`, `nodeInfo` and
/// `onlineUser`; modules of the application's own are added by [`Configure::admin`](crate::app::Configure::admin).
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> pomelo::Result<()> {
/// # let running = pomelo_doc::chat().await;
/// # let app = running.app("chat-1").unwrap();
/// let report = app.report();
/// assert_eq!((report.id.as_str(), report.sessions, report.panics), ("chat-1", 0, 0));
/// let slow = report.routes.iter().filter(|route| route.p99_us > 100_000);
/// assert_eq!(slow.count(), 0);
/// # Ok(())
/// # }
/// ```
///
/// As JSON its keys are in camel case, for whoever collects it elsewhere.
#[doc(alias = "systemMonitor")]
#[doc(alias = "systemInfo")]
#[doc(alias = "nodeInfo")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The server.
    pub id: ServerId,
    /// Which of its incarnations this is.
    pub incarnation: Incarnation,
    /// How long it has been up, in milliseconds.
    pub uptime_ms: u64,
    /// Sessions that are open now.
    pub sessions: u64,
    /// Sessions that are bound to a user now.
    #[doc(alias = "onlineUser")]
    #[doc(alias = "getStatisticsInfo")]
    #[doc(alias = "connectionService")]
    pub bound_sessions: u64,
    /// Users that it knows of as a frontend now: those of its sessions, and members of other servers' channels.
    #[serde(default)]
    pub users: u64,
    /// Channels that it has now.
    pub channels: u64,
    /// Members of these channels, all together.
    pub channel_members: u64,
    /// Channels, of all servers, that it has a copy of as a frontend now.
    #[serde(default)]
    pub channel_copies: u64,
    /// Bytes that wait in its clients' outboxes now.
    pub outbox_bytes: u64,
    /// Bytes that wait in its links to other servers now.
    pub link_bytes: u64,
    /// Calls and forwarded requests that wait for an answer now.
    pub pending_calls: u64,
    /// What was dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// How often the application's code panicked; each cost one call.
    #[serde(default)]
    pub panics: u64,
    /// What its handlers and remotes did, by route, sorted. What failed here and is none of these is there, too: messages for other
    /// servers by their route, and the application's hooks by their name, such as `on_closed`.
    pub routes: Vec<RouteReport>,
    /// The other servers that it knows to be up, sorted.
    pub peers: Vec<ServerId>,
    /// The other servers that it should have a link to and has none to now, sorted: they are down, or can't be reached. What
    /// a master reports leaves out those that are down.
    #[serde(default)]
    pub missing_links: Vec<MissingLink>,
}

/// A link that should be there and isn't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Said")]
#[non_exhaustive]
pub struct MissingLink {
    /// The server at its other end.
    pub server: ServerId,
    /// For how long there has been none, in milliseconds.
    pub for_ms: u64,
    /// Why, as far as anybody knows: `connection refused at 10.0.0.9:4050`.
    pub why: Option<String>,
}

impl MissingLink {
    /// There has been no link to that server for so long, for that reason.
    pub fn new(server: ServerId, for_ms: u64, why: Option<String>) -> Self {
        Self { server, for_ms, why }
    }
}

/// A missing link is known by the server at its other end.
impl PartialEq<&str> for MissingLink {
    fn eq(&self, server: &&str) -> bool {
        self.server == *server
    }
}

/// A missing link as servers have said it at some time.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Name(ServerId),
    #[serde(rename_all = "camelCase")]
    Link {
        server: ServerId,
        #[serde(default)]
        for_ms: u64,
        #[serde(default)]
        why: Option<String>,
    },
}

impl From<Said> for MissingLink {
    fn from(said: Said) -> Self {
        match said {
            Said::Name(server) => Self::new(server, 0, None),
            Said::Link { server, for_ms, why } => Self::new(server, for_ms, why),
        }
    }
}

/// What became of the messages of one route, or of the calls of one remote method.
///
/// ```
/// # use pomelo::metrics::RouteReport;
/// /// The part of requests that failed by the server's fault.
/// fn failure_rate(route: &RouteReport) -> f64 {
///     route.failures() as f64 / route.requests.max(1) as f64
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteReport {
    /// `serverType.handler.method`, of a remote `serverType.remote.method`; `unknown` for all that nobody handles.
    pub route: String,
    /// How many ended.
    pub requests: u64,
    /// How many of these ended with an error, whatever an error handler made of it: [`refusals`](Self::refusals), and failures.
    pub errors: u64,
    /// Half of them took no longer than this, in microseconds from the start of handling to the answer.
    pub p50_us: u64,
    /// All but one in a hundred took no longer than this.
    pub p99_us: u64,
    /// The longest took this.
    pub max_us: u64,
    /// How many of the errors were the client's fault: a bad message, no such route, or a code below 500.
    #[serde(default)]
    pub refusals: u64,
    /// The last error that was not the client's fault.
    #[serde(default)]
    pub last_error: Option<LastError>,
}

impl RouteReport {
    /// How many ended with an error that was not the client's fault.
    pub fn failures(&self) -> u64 {
        self.errors.saturating_sub(self.refusals)
    }
}

/// What a route failed with at last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// What the error says, and behind it its causes; no more than 500 bytes.
    pub text: String,
    /// Its code.
    pub code: u16,
    /// When that was, by the server's clock: milliseconds since 1970.
    pub at_ms: u64,
    /// How long before the report that was, in milliseconds.
    pub ago_ms: u64,
}
