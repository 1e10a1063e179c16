//! Options of a [`Hybrid`](super::Hybrid): what it was configured with, checked and made ready.
//!
//! ```text
//!  Hybrid's methods ─▶ Options ── check ─▶ limits (of connections), settings (of the protocol), formats
//!                                   └ the first that can't be meant is an OptionError
//! ```

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::value::bounds::{OutOfBounds, SOME, TIME_LIMIT};
use pomelo_core::value::config::Config;
use pomelo_core::value::{Result, ServerInfo};
use pomelo_core::wire::Encoding;
use serde_json::Value;

use super::Greeting;
use super::connections::ConnectionLimits;
use super::error::OptionError;
use super::protocol::Timeout;
use crate::protocol::connection::Settings;
use crate::protocol::dictionary::Dictionary;
use crate::protocol::handshake::{Handshake, HandshakeOptions, HandshakeRequest};
use crate::protocol::package::MAX_BODY;
use crate::protocol::protobuf::Protos;
use crate::protocol::websocket::{MAX_FIELDS, MAX_HEAD, Origin, UpgradeRules};

/// See [`Hybrid::max_package`](super::Hybrid::max_package).
pub(super) const FIRST_PACKAGE: usize = 64 * 1024;

/// The request of a browser is hardly ever shorter, and strangers may make the server hold no more.
const UPGRADE_BYTES: RangeInclusive<usize> = 256..=1024 * 1024;
/// Five must be there, and room for each field is made when a request comes.
const UPGRADE_FIELDS: RangeInclusive<usize> = 5..=4096;
/// No handshake fits into less.
const SHORTEST_PACKAGE: usize = 16;

/// Decides on a handshake.
pub(super) type HandshakeHook = Arc<dyn Fn(Greeting) -> BoxFuture<'static, Result<Value>> + Send + Sync>;
/// Decides on a client's type and version.
pub(super) type ClientCheck = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// What a connector was configured with; each field is documented at the method of
/// [`Hybrid`](super::Hybrid) that sets it.
#[derive(Clone)]
pub(super) struct Options {
    /// [`address`](super::Hybrid::address): where to listen, if not where servers.json says.
    pub(super) host: Option<IpAddr>,
    /// [`port`](super::Hybrid::port).
    pub(super) port: Option<u16>,
    /// How often clients say that they are there; none asks for nothing.
    pub(super) heartbeat: Option<Duration>,
    /// How long a heartbeat may be missing; none is twice the heartbeat.
    pub(super) timeout: Option<Duration>,
    /// Without a heartbeat: how long nothing may pass; none is for ever.
    pub(super) idle_timeout: Option<Duration>,
    /// Routes go as numbers.
    pub(super) use_dict: bool,
    /// Bodies go by the schema of their route.
    pub(super) use_protobuf: bool,
    /// Some clients get strings as units of UTF-16.
    pub(super) use_code_units: bool,
    #[cfg(feature = "deflate")]
    pub(super) use_deflate: bool,
    /// Decides on a client.
    pub(super) handshake: Option<HandshakeHook>,
    /// Decides on a client's library.
    pub(super) check_client: Option<ClientCheck>,
    /// Small frames leave at once.
    pub(super) no_delay: bool,
    /// Bytes of one package.
    pub(super) max_package: usize,
    /// From the first byte to the acknowledgement.
    pub(super) handshake_deadline: Duration,
    /// None is `max-connections` of servers.json.
    pub(super) max_connections: Option<usize>,
    /// Bytes that may wait for a client that takes nothing.
    pub(super) outbox_limit: usize,
    pub(super) max_connections_per_address: Option<usize>,
    pub(super) max_upgrade: usize,
    pub(super) max_upgrade_fields: usize,
    /// Sites whose pages are let in; none lets all in.
    pub(super) allowed_origins: Option<Vec<String>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            heartbeat: None,
            timeout: None,
            idle_timeout: Some(Duration::from_secs(90)),
            use_dict: false,
            use_protobuf: false,
            use_code_units: false,
            #[cfg(feature = "deflate")]
            use_deflate: false,
            handshake: None,
            check_client: None,
            no_delay: true,
            max_package: 1024 * 1024,
            handshake_deadline: Duration::from_secs(10),
            max_connections: None,
            outbox_limit: 1024 * 1024,
            max_connections_per_address: None,
            max_upgrade: MAX_HEAD,
            max_upgrade_fields: MAX_FIELDS,
            allowed_origins: None,
        }
    }
}

impl Options {
    /// Refuses what makes no sense by itself.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        let times = [
            ("heartbeat", self.heartbeat),
            ("timeout", self.timeout),
            ("idle_timeout", self.idle_timeout),
            ("handshake_deadline", Some(self.handshake_deadline)),
        ];
        for (option, time) in times.into_iter().filter_map(|(option, time)| Some((option, time?))) {
            OutOfBounds::check(option, time, TIME_LIMIT)?;
        }
        if let (Some(heartbeat), Some(timeout)) = (self.heartbeat, self.timeout)
            && timeout <= heartbeat
        {
            return Err(OptionError::Timeout { timeout, heartbeat });
        }
        for (option, number, bounds) in [
            ("max_connections", self.max_connections, SOME),
            ("max_connections_per_address", self.max_connections_per_address, SOME),
            ("max_upgrade", Some(self.max_upgrade), UPGRADE_BYTES),
            ("max_upgrade_fields", Some(self.max_upgrade_fields), UPGRADE_FIELDS),
            ("max_package", Some(self.max_package), SHORTEST_PACKAGE..=MAX_BODY),
            ("outbox_limit", Some(self.outbox_limit), SOME),
        ] {
            number.map_or(Ok(()), |number| OutOfBounds::check(option, number, bounds))?;
        }
        Ok(())
    }

    /// What clients of this connector take: protobuf where it is used, which is JSON where there is no
    /// schema.
    pub(super) fn encoding(&self) -> Encoding {
        if self.use_protobuf { Encoding::Protobuf } else { Encoding::Json }
    }

    /// How long a client that was let in may be silent.
    pub(super) fn silence(&self) -> Timeout {
        match (self.heartbeat, self.idle_timeout) {
            (Some(heartbeat), _) => Timeout::Heartbeat(self.timeout.unwrap_or(heartbeat.saturating_mul(2))),
            (None, Some(idle)) => Timeout::Idle(idle),
            (None, None) => Timeout::Never,
        }
    }

    /// What connections are allowed, by these options and the server's entry in servers.json.
    pub(super) fn limits(&self, server: &ServerInfo) -> Result<ConnectionLimits, OptionError> {
        Ok(ConnectionLimits {
            handshake_deadline: self.handshake_deadline,
            shortest_timeout: match self.silence() {
                Timeout::Heartbeat(limit) | Timeout::Idle(limit) => limit,
                Timeout::Never => self.handshake_deadline,
            },
            outbox_limit: self.outbox_limit,
            max_connections: self.max_connections(server)?,
            max_connections_per_address: self.max_connections_per_address,
        })
    }

    /// How many connections there may be at once; none is as many as the system gives.
    fn max_connections(&self, server: &ServerInfo) -> Result<Option<usize>, OptionError> {
        let setting = match (self.max_connections, server.setting("max-connections")) {
            (Some(limit), _) => return Ok(Some(limit)),
            (None, None) => return Ok(None),
            (None, Some(setting)) => setting,
        };
        let number = match setting {
            Value::String(text) => text.parse().ok(),
            other => pomelo_json::from_value(other).ok(),
        };
        match number {
            Some(0) => Err(OptionError::NoConnections),
            Some(limit) => Ok(Some(limit)),
            None => Err(OptionError::MaxConnections(setting.clone())),
        }
    }

    /// What the protocol needs to know: handshake, dictionary, protos, limits.
    pub(super) fn settings(&self, routes: &[String], config: &Config) -> Result<Settings, OptionError> {
        let handshake = Handshake::new(HandshakeOptions {
            heartbeat: self.heartbeat,
            dictionary: self.use_dict.then(|| dictionary(routes, config)).transpose()?.map(Arc::new),
            protos: self.use_protobuf.then(|| protos(config)).transpose()?.map(Arc::new),
        })?;
        let answer = handshake.accept(&HandshakeRequest::default(), None)?.len();
        if answer > self.outbox_limit {
            return Err(OptionError::OutboxLimit { limit: self.outbox_limit, answer });
        }
        let mut settings = Settings::new(handshake);
        (settings.max_package, settings.max_first_package) = (self.max_package, FIRST_PACKAGE);
        settings.upgrade = self.upgrade_rules()?;
        Ok(settings)
    }

    fn upgrade_rules(&self) -> Result<UpgradeRules, OptionError> {
        let mut rules = UpgradeRules::default();
        (rules.max_head, rules.max_fields) = (self.max_upgrade, self.max_upgrade_fields);
        rules.keeps_request = self.handshake.is_some();
        if let Some(origins) = &self.allowed_origins {
            rules.origins =
                Some(origins.iter().map(|origin| Origin::parse(origin)).collect::<Result<_, _>>()?);
        }
        #[cfg(feature = "deflate")]
        {
            rules.deflate = self.use_deflate;
        }
        Ok(rules)
    }
}

fn dictionary(routes: &[String], config: &Config) -> Result<Dictionary, OptionError> {
    let user = config.dictionary.as_ref().map(Dictionary::user_routes).transpose()?.unwrap_or_default();
    Ok(Dictionary::new(routes.iter().map(String::as_str), user)?)
}

fn protos(config: &Config) -> Result<Protos, OptionError> {
    crate::codec::protos(config).map_err(|(file, source)| OptionError::Protos { file, source })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn refused(options: Options) -> String {
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn an_option_that_makes_no_sense_is_named() {
        let zero = Options { heartbeat: Some(Duration::ZERO), ..Options::default() };
        assert_eq!(refused(zero), "Hybrid: `heartbeat` is 0, allowed is 1ms to 365 days");
        let zero = Options { handshake_deadline: Duration::ZERO, ..Options::default() };
        assert_eq!(refused(zero), "Hybrid: `handshake_deadline` is 0, allowed is 1ms to 365 days");
        let endless = Options { idle_timeout: Some(Duration::MAX), ..Options::default() };
        assert!(refused(endless).starts_with("Hybrid: `idle_timeout` is 213503982334601 days, allowed is"));
        let nanos = Options { heartbeat: Some(Duration::from_nanos(3)), ..Options::default() };
        assert!(refused(nanos).starts_with("Hybrid: `heartbeat` is 3ns, allowed is 1ms to"));
        let short = Options { heartbeat: Some(SECOND), timeout: Some(SECOND), ..Options::default() };
        assert!(refused(short).starts_with("Hybrid::timeout of 1s drops every client"));
        let none = Options { max_connections_per_address: Some(0), ..Options::default() };
        assert_eq!(refused(none), "Hybrid: `max_connections_per_address` is 0, allowed is 1 or more");
        let none = Options { max_connections: Some(0), ..Options::default() };
        assert_eq!(refused(none), "Hybrid: `max_connections` is 0, allowed is 1 or more");
        let long = Options { max_package: 1 << 24, ..Options::default() };
        assert_eq!(refused(long), "Hybrid: `max_package` is 16777216, allowed is 16 to 16777215");
        let none = Options { max_package: 0, ..Options::default() };
        assert_eq!(refused(none), "Hybrid: `max_package` is 0, allowed is 16 to 16777215");
        let none = Options { max_upgrade: 0, ..Options::default() };
        assert_eq!(refused(none), "Hybrid: `max_upgrade` is 0, allowed is 256 to 1048576");
        let none = Options { max_upgrade_fields: 4, ..Options::default() };
        assert_eq!(refused(none), "Hybrid: `max_upgrade_fields` is 4, allowed is 5 to 4096");
        let none = Options { outbox_limit: 0, ..Options::default() };
        assert_eq!(refused(none), "Hybrid: `outbox_limit` is 0, allowed is 1 or more");
    }

    #[test]
    fn a_wrong_file_is_named() {
        let options = Options { use_dict: true, use_protobuf: true, ..Options::default() };
        let refused = |config| options.settings(&[], &config).unwrap_err().to_string();
        let wrong = Config { dictionary: Some(json!("onChat")), ..Config::default() };
        assert_eq!(refused(wrong), "dictionary.json must be an array of routes or {}, but it is a string");
        let bad = Some(json!({ "r": { "required bool v": 1 } }));
        let wrong = Config { server_protos: bad.clone(), ..Config::default() };
        assert_eq!(refused(wrong), "serverProtos.json: message r: field v has the unknown type bool");
        let wrong = Config { client_protos: bad, ..Config::default() };
        assert_eq!(refused(wrong), "clientProtos.json: message r: field v has the unknown type bool");
    }

    #[test]
    fn an_outbox_has_room_for_the_answer_to_a_handshake() {
        let options = Options { use_dict: true, outbox_limit: 100, ..Options::default() };
        let routes = ["chat.chatHandler.send".to_owned()];
        let refused = options.settings(&routes, &Config::default()).unwrap_err().to_string();
        assert!(refused.starts_with("Hybrid::outbox_limit of 100 bytes"), "{refused}");
    }

    #[test]
    fn an_origin_that_no_browser_sends_is_refused() {
        let allowed_origins = Some(vec!["https://game.example.com/".to_owned()]);
        let options = Options { allowed_origins, ..Options::default() };
        let refused = options.settings(&[], &Config::default()).unwrap_err().to_string();
        assert!(
            refused.starts_with("Hybrid::allowed_origins: `https://game.example.com/` is no origin"),
            "{refused}"
        );
    }

    #[test]
    fn only_heartbeats_count_where_there_are_heartbeats() {
        let with = Options { heartbeat: Some(SECOND * 3), ..Options::default() };
        assert_eq!(with.silence(), Timeout::Heartbeat(SECOND * 6));
        assert_eq!(Options::default().silence(), Timeout::Idle(SECOND * 90));
        let endless = Options { idle_timeout: None, ..Options::default() };
        assert_eq!(endless.silence(), Timeout::Never);
    }

    #[test]
    fn servers_json_limits_connections() {
        let server = |setting: Value| -> ServerInfo {
            serde_json::from_value(json!({ "id": "c-1", "max-connections": setting })).unwrap()
        };
        let options = Options::default();
        assert_eq!(options.max_connections(&server(json!(5))).unwrap(), Some(5));
        assert_eq!(options.max_connections(&server(json!("5"))).unwrap(), Some(5));
        assert_eq!(options.max_connections(&server(json!(5.0))).unwrap(), Some(5));
        let wrong = options.max_connections(&server(json!("many"))).unwrap_err().to_string();
        assert_eq!(wrong, r#"servers.json: max-connections must be a whole number, but it is "many""#);
        let none = options.max_connections(&server(json!(0))).unwrap_err().to_string();
        assert_eq!(
            none,
            "servers.json: max-connections is 0, allowed is 1 or more: leave it out for no limit"
        );
        let options = Options { max_connections: Some(7), ..options };
        assert_eq!(options.max_connections(&server(json!(5))).unwrap(), Some(7));
    }
}
