//! Options: where etcd is and how servers are registered there, said by code.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pomelo_core::value::{ServerInfo, host};

use crate::error::EtcdError;
use crate::keys::Keys;
use crate::registrant::Settings;

/// etcd's port for clients.
const DEFAULT_PORT: u16 = 2379;

/// The shortest TTL: a member of etcd that is elected anew may take no requests for as long.
const MIN_TTL: Duration = Duration::from_secs(2);

/// etcd as what knows the servers of a cluster: a [`Discovery`](pomelo_core::cluster::Discovery). Clones are the same configuration; each
/// server has a connection of its own.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use pomelo_etcd::Etcd;
///
/// let etcd = Etcd::new(["https://10.0.0.5:2379", "https://10.0.0.6:2379", "https://10.0.0.7:2379"])
///     .prefix("/game-eu")
///     .ttl(Duration::from_secs(30))
///     .user("game", "a password")
///     .root_certificates("etcd-ca.pem");
/// // App::builder().cluster_discovery(Arc::new(etcd))…
/// # let _ = Arc::new(etcd);
/// ```
///
/// All servers of a cluster should have the same prefix and times.
#[derive(Clone)]
pub struct Etcd {
    pub(crate) endpoints: Vec<String>,
    pub(crate) prefix: String,
    pub(crate) user: Option<(String, String)>,
    pub(crate) tls: Tls,
    pub(crate) is_insecure_allowed: bool,
    pub(crate) settings: Settings,
    pub(crate) connect_timeout: Duration,
    pub(crate) expected: Vec<Arc<ServerInfo>>,
}

/// How the connection is encrypted, where the address says that it is.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    pub(crate) roots: Vec<PathBuf>,
    /// A certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}

/// An address of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) has_tls: bool,
}

impl Etcd {
    /// etcd at these addresses, members of one etcd cluster. Without a scheme it is `http://`, without a port 2379; `https://` is TLS. A
    /// server is connected with one of them, and takes the next one when that fails.
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            prefix: "/pomelo".to_owned(),
            user: None,
            tls: Tls::default(),
            is_insecure_allowed: false,
            settings: Settings { ttl: Duration::from_secs(30), answer: Duration::from_secs(2) },
            connect_timeout: Duration::from_secs(2),
            expected: vec![],
        }
    }

    /// What all keys of the cluster begin with. `/pomelo` by default. Clusters of different prefixes may share an etcd.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long it takes until rooms move that were on a server which is no more: so long its key lives without being kept. 30 s by
    /// default: a process is started again within that, and so nobody's room moves for a crash.
    ///
    /// It is no failure detector. Who is up is seen by links; a call to a server that is down fails at once, whatever the TTL is. One
    /// that is shorter makes rooms of a dead server open elsewhere sooner, and lets a pause of etcd, or of the network to it, move more.
    /// In whole seconds, 2 s at least.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// How long a server that starts waits for the process that has its id to show that it is there. 2 s by default: it may be connecting
    /// to another member of etcd right now. A restart after a crash takes that much longer; one after a stop doesn't.
    #[must_use]
    pub fn answer(mut self, answer: Duration) -> Self {
        self.settings.answer = answer;
        self
    }

    /// Proves who the servers are by a user of etcd and its password.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some((user.into(), password.into()));
        self
    }

    /// Trusts the certificates of that file (PEM), too, beside those of the system, for addresses with `https://`.
    #[must_use]
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.roots.push(path.into());
        self
    }

    /// Proves who the servers are by a certificate and its key, each a file (PEM), for addresses with `https://`.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// Takes an etcd that is not on this machine with neither credentials nor TLS, which is an error else: whoever is in that network
    /// can say who is in the cluster.
    #[must_use]
    pub fn allow_insecure(mut self) -> Self {
        self.is_insecure_allowed = true;
        self
    }

    /// Servers that are expected whether they are registered or not, such as those of servers.json. None by default.
    #[must_use]
    pub fn expecting(mut self, servers: impl IntoIterator<Item = Arc<ServerInfo>>) -> Self {
        self.expected = servers.into_iter().collect();
        self
    }

    /// How long connecting to an address may take. 2 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// The addresses and the keys, checked with all other options.
    ///
    /// # Errors
    /// Which option is wrong, and how.
    pub(crate) fn check(&self) -> Result<(Vec<Endpoint>, Keys), EtcdError> {
        let keys = Keys::new(&self.prefix)?;
        self.check_times()?;
        let read = |text: &String| Endpoint::read(text);
        let endpoints = self.endpoints.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(EtcdError::NoEndpoint);
        }
        match endpoints.iter().find(|endpoint| !self.is_safe(endpoint)) {
            Some(endpoint) => Err(EtcdError::Insecure(endpoint.address())),
            None => Ok((endpoints, keys)),
        }
    }

    fn check_times(&self) -> Result<(), EtcdError> {
        let wrong = |option, found, expected| {
            let found = format!("{found:?}");
            Err(EtcdError::Option { option, found, expected })
        };
        let Settings { ttl, answer } = self.settings;
        if ttl < MIN_TTL || ttl.subsec_nanos() != 0 || i64::try_from(ttl.as_secs()).is_err() {
            return wrong("ttl", ttl, "expected is a number of whole seconds, 2 s or more");
        }
        match () {
            () if answer.is_zero() => {
                wrong("answer", answer, "with which no process could show that it has an id")
            }
            () if self.connect_timeout.is_zero() => {
                wrong("connect_timeout", self.connect_timeout, "with which there is no connection")
            }
            () => Ok(()),
        }
    }

    /// Whether nobody in between can say anything.
    fn is_safe(&self, endpoint: &Endpoint) -> bool {
        let host = &endpoint.host;
        let is_loopback =
            host.parse().map_or(host == "localhost", |ip: std::net::IpAddr| ip.to_canonical().is_loopback());
        is_loopback || self.user.is_some() || endpoint.has_tls || self.is_insecure_allowed
    }
}

impl Endpoint {
    /// Reads `http://host:port`, where only the host must be.
    fn read(text: &str) -> Result<Self, EtcdError> {
        let wrong = |problem| EtcdError::Endpoint { endpoint: without_login(text), problem };
        let (has_tls, rest) = match text.trim().split_once("://") {
            None => (false, text.trim()),
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return Err(wrong("the scheme is http or https")),
        };
        let rest = rest.trim_end_matches('/');
        if rest.contains('@') {
            return Err(wrong("a login is no part of it: `Etcd::user` takes one"));
        }
        if let Ok(bare) = host::bare(rest) {
            return Ok(Self { host: bare.to_owned(), port: DEFAULT_PORT, has_tls });
        }
        let (host, port) = host::split_port(rest).map_err(|_| wrong("host:port is wanted"))?;
        Ok(Self { host: host.to_owned(), port, has_tls })
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        host::with_port(&self.host, self.port)
    }

    /// As the client wants it.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", if self.has_tls { "https" } else { "http" }, self.address())
    }
}

/// An address for a log, without what may be a password.
fn without_login(text: &str) -> String {
    text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, host)| format!("…@{host}"))
}

impl std::fmt::Debug for Etcd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.user.as_ref().map(|(user, _)| user);
        f.debug_struct("Etcd")
            .field("endpoints", &self.endpoints.iter().map(|text| without_login(text)).collect::<Vec<_>>())
            .field("prefix", &self.prefix)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_and_without_scheme_and_port() {
        for (text, url) in [
            ("10.0.0.5", "http://10.0.0.5:2379"),
            ("http://10.0.0.5:2380/", "http://10.0.0.5:2380"),
            ("https://etcd.example", "https://etcd.example:2379"),
            ("[::1]:1", "http://[::1]:1"),
            ("http://::1", "http://[::1]:2379"),
        ] {
            assert_eq!(Endpoint::read(text).unwrap().url(), url, "{text}");
        }
        for wrong in ["", "http://", "nats://a", "a b", "a:b", "a:99999", "http://a/b"] {
            let read = Endpoint::read(wrong);
            assert!(
                matches!(&read, Err(EtcdError::Endpoint { endpoint, .. }) if endpoint == wrong),
                "{read:?}"
            );
        }
    }

    #[test]
    fn an_etcd_of_another_machine_needs_credentials_or_tls_unless_told_otherwise() {
        for url in ["127.0.0.1", "localhost:2379", "http://[::1]:2379", "http://127.9.9.9:1"] {
            assert!(Etcd::new([url]).check().is_ok(), "{url}");
        }
        let far = || Etcd::new(["http://127.0.0.1:2379", "http://10.0.0.5:2379"]);
        assert!(matches!(far().check(), Err(EtcdError::Insecure(at)) if at == "10.0.0.5:2379"));
        assert!(matches!(Etcd::new(["etcd.example"]).check(), Err(EtcdError::Insecure(_))));
        assert!(far().allow_insecure().check().is_ok());
        assert!(far().user("game", "secret").check().is_ok());
        assert!(Etcd::new(["https://10.0.0.5"]).check().is_ok());
        assert!(Etcd::new(["https://10.0.0.5", "http://10.0.0.6"]).check().is_err(), "one is open");
    }

    #[test]
    fn options_that_can_not_be_meant_are_named() {
        let option = |etcd: Etcd| match etcd.check() {
            Err(EtcdError::Option { option, .. }) => option,
            other => panic!("{other:?}"),
        };
        let local = || Etcd::new(["127.0.0.1"]);
        assert_eq!(option(local().ttl(Duration::from_secs(1))), "ttl");
        assert_eq!(option(local().ttl(Duration::from_millis(2_500))), "ttl");
        assert_eq!(option(local().answer(Duration::ZERO)), "answer");
        assert_eq!(option(local().connect_timeout(Duration::ZERO)), "connect_timeout");
        assert!(matches!(local().prefix("/").check(), Err(EtcdError::Prefix(_))));
        assert!(matches!(Etcd::new([""; 0]).check(), Err(EtcdError::NoEndpoint)));
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", Etcd::new(["https://10.0.0.5"]).user("game", "secret"));
        assert!(shown.contains("game") && shown.contains("10.0.0.5") && !shown.contains("secret"), "{shown}");
    }
}
