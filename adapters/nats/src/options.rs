//! Options: how servers are on the bus, said by code.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::ServerAddr;
use pomelo_core::value::ServerInfo;

use crate::endpoint::Settings;
use crate::error::NatsError;
use crate::subject::check_cluster;

/// How long whoever has an id may take to say so, unless it is said otherwise.
const DEFAULT_ANSWER: Duration = Duration::from_millis(500);

/// NATS between the servers of a cluster: a [`Transport`](pomelo_core::cluster::Transport), and a
/// [`Discovery`](pomelo_core::cluster::Discovery). Clones are the same configuration; each server has connections of its own.
///
/// ```no_run
/// use std::sync::Arc;
/// use pomelo_nats::Nats;
///
/// let nats = Arc::new(
///     Nats::new("nats://10.0.0.5:4222,nats://10.0.0.6:4222")
///         .cluster("game-eu")
///         .credentials("nats.creds")
///         .tls(true),
/// );
/// // App::builder().cluster_transport(nats.clone()).cluster_discovery(nats)…
/// ```
///
/// All servers of a cluster should have the same times.
#[derive(Clone)]
pub struct Nats {
    pub(crate) urls: String,
    pub(crate) cluster: String,
    pub(crate) login: Login,
    pub(crate) tls: Tls,
    pub(crate) is_insecure_allowed: bool,
    pub(crate) settings: Settings,
    pub(crate) connect_timeout: Duration,
    pub(crate) inbound_messages: usize,
    pub(crate) expected: Vec<Arc<ServerInfo>>,
}

/// How a server proves who it is.
#[derive(Clone, Default)]
pub(crate) enum Login {
    /// Not at all, or by what the address has.
    #[default]
    None,
    File(PathBuf),
    User(String, String),
    Token(String),
    /// The seed of an NKEY.
    Nkey(String),
}

/// How the connection is encrypted.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    pub(crate) is_required: bool,
    pub(crate) roots: Vec<PathBuf>,
    /// A certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}

impl Nats {
    /// NATS at these addresses, with commas between them: servers of one NATS cluster. Without a scheme it is `nats://`, without a
    /// port 4222. `tls://` requires TLS; a user and a password may be part of an address.
    pub fn new(urls: impl Into<String>) -> Self {
        Self {
            urls: urls.into(),
            cluster: "pomelo".to_owned(),
            login: Login::None,
            tls: Tls::default(),
            is_insecure_allowed: false,
            settings: Settings {
                beat: Duration::from_secs(1),
                away_after: Duration::from_secs(3),
                silence: Duration::from_secs(5),
                answer: DEFAULT_ANSWER,
                forget_after: Duration::from_secs(60),
                queue_limit: 64 << 20,
                max_frame: 64 << 20,
            },
            connect_timeout: Duration::from_secs(2),
            inbound_messages: 65_536,
            expected: vec![],
        }
    }

    /// The cluster's name, with which all its subjects begin: letters, digits, `-` and `_`, in parts with dots between them. `pomelo`
    /// by default. Clusters of different names may share a NATS.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = name.into();
        self
    }

    /// Proves who the servers are by a credentials file of NATS, with a JWT and an NKEY. It is read when a server starts.
    #[must_use]
    pub fn credentials(mut self, path: impl Into<PathBuf>) -> Self {
        self.login = Login::File(path.into());
        self
    }

    /// Proves who the servers are by a user and a password.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Login::User(user.into(), password.into());
        self
    }

    /// Proves who the servers are by a token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.login = Login::Token(token.into());
        self
    }

    /// Proves who the servers are by an NKEY, of which this is the seed, `SU…`.
    #[must_use]
    pub fn nkey(mut self, seed: impl Into<String>) -> Self {
        self.login = Login::Nkey(seed.into());
        self
    }

    /// Requires TLS. Not by default: without certificates here and `tls://` in an address it is up to the NATS server.
    #[must_use]
    pub fn tls(mut self, is_required: bool) -> Self {
        self.tls.is_required = is_required;
        self
    }

    /// Trusts the certificates of that file (PEM), too, beside those of the system. TLS is required then.
    #[must_use]
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.roots.push(path.into());
        self
    }

    /// Proves who the servers are by a certificate and its key, each a file (PEM). TLS is required then.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// Takes a NATS that is not on this machine with neither credentials nor TLS, which is an error else: whoever is in that network
    /// can read what servers say, and say anything. Without this, credentials or TLS, NATS servers that one of this machine names are
    /// left alone.
    #[must_use]
    pub fn allow_insecure(mut self) -> Self {
        self.is_insecure_allowed = true;
        self
    }

    /// How often a server says that it is there. 1 s by default: with 100 servers a NATS server then spends a twentieth of a core on
    /// it. Beyond 200 servers take 2 s, and the other times with it.
    ///
    /// A server that doesn't hear itself for three times as long takes the bus to be away.
    #[must_use]
    pub fn beat(mut self, beat: Duration) -> Self {
        self.settings.beat = beat;
        self.settings.away_after = beat.saturating_mul(3);
        self
    }

    /// After how long without a word of a server, with the bus there, it is gone for the others. 5 s by default, as over tcp; it must be
    /// more than three [beats](Self::beat), or a bus that pauses looks as if servers had died.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.settings.silence = silence;
        self
    }

    /// How long a server that starts waits for another process to say that it has the id. 500 ms by default: NATS answers in one, and a
    /// busy process in tens. Each start takes that long. A process that is suspended for longer is replaced, and ends when it hears so.
    #[must_use]
    pub fn answer(mut self, answer: Duration) -> Self {
        self.settings.answer = answer;
        self
    }

    /// As a discovery: how long a server that fell silent is still expected, so that its rooms don't move. Time in which the bus is
    /// away doesn't count. 60 s by default: a process is started again within that. One that says goodbye is forgotten at once.
    #[must_use]
    pub fn forget_after(mut self, forget_after: Duration) -> Self {
        self.settings.forget_after = forget_after;
        self
    }

    /// As a discovery: servers that are expected whether they are heard or not, such as those of servers.json. None by default.
    #[must_use]
    pub fn expecting(mut self, servers: impl IntoIterator<Item = Arc<ServerInfo>>) -> Self {
        self.expected = servers.into_iter().collect();
        self
    }

    /// How many bytes may wait to leave for one server; more is refused, calls as overloaded and pushes as dropped. 64 MiB by default,
    /// as over tcp.
    #[must_use]
    pub fn queue_limit(mut self, bytes: usize) -> Self {
        self.settings.queue_limit = bytes;
        self
    }

    /// The longest envelope, in bytes, and so the longest argument, result or body: it leaves in as many pieces as NATS's `max_payload`
    /// takes. 64 MiB by default, as over tcp.
    #[must_use]
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.settings.max_frame = bytes;
        self
    }

    /// How long connecting may take. 2 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How many messages of NATS may wait to be read by a server. More are dropped; the links that they belong to are made anew, and
    /// what may not have arrived is counted. 65,536 by default: a second of the most that one server takes in.
    #[must_use]
    pub fn inbound_messages(mut self, count: usize) -> Self {
        self.inbound_messages = count;
        self
    }

    /// The addresses, checked with all other options.
    ///
    /// # Errors
    /// Which option is wrong, and how.
    pub(crate) fn check(&self) -> Result<Vec<ServerAddr>, NatsError> {
        check_cluster(&self.cluster)?;
        self.check_numbers()?;
        let urls = self.urls.split(',').map(str::trim).filter(|url| !url.is_empty());
        let read = |url: &str| -> Result<ServerAddr, NatsError> {
            // A password with a comma is cut there: none of what is left of it may be shown.
            let shown =
                || if self.urls.contains('@') { without_password(&self.urls) } else { url.to_owned() };
            url.parse().map_err(|source| NatsError::Url { url: shown(), source })
        };
        let addresses = urls.map(read).collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(NatsError::NoUrl);
        }
        match addresses.iter().find(|address| !is_loopback(address) && !self.is_safe_anywhere(&addresses)) {
            Some(address) => Err(NatsError::Insecure(format!("{}:{}", address.host(), address.port()))),
            None => Ok(addresses),
        }
    }

    fn check_numbers(&self) -> Result<(), NatsError> {
        let Settings { beat, silence, answer, queue_limit, max_frame, .. } = self.settings;
        let wrong = |option, found: String, expected| Err(NatsError::Option { option, found, expected });
        if beat < Duration::from_millis(10) {
            return wrong("beat", format!("{beat:?}"), "expected is 10 ms or more");
        }
        if silence <= beat.saturating_mul(3) {
            return wrong("silence", format!("{silence:?}"), "expected is more than three times `beat`");
        }
        if answer.is_zero() {
            return wrong("answer", "0".to_owned(), "with which no process could say that it has an id");
        }
        let sizes = [
            ("queue_limit", queue_limit),
            ("max_frame", max_frame),
            ("inbound_messages", self.inbound_messages),
        ];
        match sizes.into_iter().find(|(_, size)| *size == 0) {
            Some((option, _)) => wrong(option, "0".to_owned(), "with which nothing could be sent"),
            // The length of a frame has four bytes.
            None if u32::try_from(max_frame).is_err() => {
                wrong("max_frame", max_frame.to_string(), "expected is less than 4 GiB")
            }
            None => Ok(()),
        }
    }

    /// Whether servers that are not on this machine may be connected to: there are credentials or TLS, or it was said so.
    pub(crate) fn is_safe_anywhere(&self, addresses: &[ServerAddr]) -> bool {
        let has_login = !matches!(self.login, Login::None) || addresses.iter().any(ServerAddr::has_user_pass);
        has_login || self.requires_tls(addresses) || self.is_insecure_allowed
    }

    /// Whether all connections are encrypted: also those to NATS servers that one with `tls://` names.
    pub(crate) fn requires_tls(&self, addresses: &[ServerAddr]) -> bool {
        let Tls { is_required, roots, certificate } = &self.tls;
        let has_certificates = !roots.is_empty() || certificate.is_some();
        *is_required || has_certificates || addresses.iter().any(ServerAddr::tls_required)
    }
}

/// Whether nobody can be between a NATS server and this process.
fn is_loopback(address: &ServerAddr) -> bool {
    let host = address.host().trim_start_matches('[').trim_end_matches(']');
    host.parse().map_or(host == "localhost", |ip: std::net::IpAddr| ip.to_canonical().is_loopback())
}

/// An address for a log.
pub(crate) fn without_password(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://…@{host}")
        }
        None => url.to_owned(),
    }
}

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nats")
            .field("urls", &without_password(&self.urls))
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nats_of_another_machine_needs_credentials_or_tls_unless_told_otherwise() {
        for url in ["nats://127.0.0.1", "localhost:4222", "nats://[::1]:4222", "nats://127.9.9.9:1"] {
            assert!(Nats::new(url).check().is_ok(), "{url}");
        }
        let far = || Nats::new("nats://127.0.0.1:4222, nats://10.0.0.5:4222");
        assert!(matches!(far().check(), Err(NatsError::Insecure(at)) if at == "10.0.0.5:4222"));
        assert!(matches!(Nats::new("nats.example").check(), Err(NatsError::Insecure(_))));
        for safe in [
            far().allow_insecure(),
            far().tls(true),
            far().credentials("x"),
            far().user("a", "b"),
            far().token("t"),
            far().nkey("SU"),
            far().root_certificates("ca.pem"),
            far().client_certificate("own.pem", "own.key"),
        ] {
            assert!(safe.check().is_ok());
        }
        assert!(Nats::new("tls://10.0.0.5").check().is_ok());
        assert!(Nats::new("nats://user:password@10.0.0.5").check().is_ok());
    }

    #[test]
    fn options_that_can_not_be_meant_are_named() {
        let option = |nats: Nats| match nats.check() {
            Err(NatsError::Option { option, .. }) => option,
            other => panic!("{other:?}"),
        };
        let local = || Nats::new("127.0.0.1");
        assert_eq!(option(local().beat(Duration::ZERO)), "beat");
        assert_eq!(option(local().beat(Duration::from_secs(2))), "silence");
        assert_eq!(option(local().answer(Duration::ZERO)), "answer");
        assert_eq!(option(local().queue_limit(0)), "queue_limit");
        assert_eq!(option(local().inbound_messages(0)), "inbound_messages");
        assert_eq!(option(local().max_frame(usize::MAX)), "max_frame");
        assert!(matches!(Nats::new(" , ").check(), Err(NatsError::NoUrl)));
        assert!(matches!(Nats::new("http://127.0.0.1").check(), Err(NatsError::Url { .. })));
        assert!(matches!(local().cluster("a b").check(), Err(NatsError::Cluster(_))));
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", Nats::new("nats://me:secret@10.0.0.5:4222").token("secret"));
        assert!(shown.contains("10.0.0.5:4222") && !shown.contains("secret"), "{shown}");
    }
}
