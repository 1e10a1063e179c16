//! Options of links between servers, by cluster.json or by code.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use pomelo_core::value::bounds::{OutOfBounds, SOME, TIME_LIMIT, TIME_LIMIT_OR_ZERO};
use pomelo_core::value::config::{ConfigError, Entry, Section};
use pomelo_core::value::spelling::nearest;
use pomelo_core::value::{Error, ErrorKind};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::link::secret::Secret;

/// How servers are linked.
///
/// cluster.json, beside servers.json, has the same by these names, bare or by environment as servers.json is. What is left
/// out is as by default; a name that is not in this table is an error.
///
/// | in cluster.json | unit | default | of pomelo's |
/// |---|---|---|---|
/// | `secret` | text, or the variable `POMELO_CLUSTER_SECRET`, which wins | none: this machine only | |
/// | `whitelist` | list of networks, such as `"10.0.0.0/8"` | `[]`: all | `whitelist` |
/// | `interval` | ms | 0: nothing waits | `bufferMsg` with `interval` |
/// | `keepalive` | ms | 1000 | `keepalive` |
/// | `deadAfter` | ms | 3000 | |
/// | `goneAfter` | ms | 5000 | |
/// | `connectTimeout` | ms | 2000 | |
/// | `firstFrame` | ms | 1000 | |
/// | `strangers` | connections | 512 | |
/// | `strangersPerAddress` | connections | 128 | |
/// | `maxRetry` | ms | 2000 | `retryConnectTime` |
/// | `queueLimit` | bytes | 67108864 (64 MiB) | |
/// | `maxFrame` | bytes | 67108864 (64 MiB) | |
///
/// ```json
/// {
///   "production": { "secret": "a long random text", "whitelist": ["10.0.0.0/8"], "deadAfter": 3000 }
/// }
/// ```
///
/// `deadAfter` should be several times `keepalive`, and `goneAfter` more than `deadAfter`, or no link can be made again in
/// time. A server that is silent counts as gone `connectTimeout` after that, 7 s by default: one that dies is seen at once.
/// All servers of a cluster should have the same. How many calls may wait for an answer, pomelo's `pendingSize`, and
/// for how long, its `timeout`, are bounds of each server: [`Limits`](pomelo_core::value::Limits)'s `pending_calls` and
/// `rpc_timeout`.
///
/// ```
/// use std::time::Duration;
/// use pomelo::net::transport::TcpOptions;
///
/// let mut options = TcpOptions::default();
/// // A network that is away for ten seconds now and then.
/// options.dead_after = Duration::from_secs(6);
/// options.gone_after = Duration::from_secs(12);
/// assert!(options.secret.is_none() && options.whitelist.is_empty());
/// ```
#[doc(alias = "proxyConfig")]
#[doc(alias = "remoteConfig")]
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TcpOptions {
    /// What every server of the cluster knows. None by default: then only links within this machine are made.
    #[serde(deserialize_with = "secret")]
    pub secret: Option<Secret>,
    /// The networks, such as `10.0.0.0/8`, whose addresses may open links here; others are closed unread, with a
    /// warning. Empty by default: all may, if they know the secret.
    pub whitelist: Vec<IpNet>,
    /// How long a link collects what is sent before it writes: pomelo-rpc's `bufferMsg` with its `interval`. Zero by
    /// default: what is sent while a write is under way leaves together in the next one anyhow.
    #[doc(alias = "bufferMsg")]
    #[doc(alias = "cacheMsg")]
    #[serde(deserialize_with = "millis")]
    pub interval: Duration,
    /// After how long without anything to send a link says that it is there. 1 s.
    #[serde(deserialize_with = "millis")]
    pub keepalive: Duration,
    /// After how long without a word a link counts as broken. 3 s: three keepalives.
    #[serde(deserialize_with = "millis")]
    pub dead_after: Duration,
    /// After how long without a word a server counts as gone, with all its sessions, if an attempt to connect that begins
    /// then fails, too. 5 s: a link that broke can be made again within that, and a network that is away for 4 s costs nobody
    /// anything.
    #[serde(deserialize_with = "millis")]
    pub gone_after: Duration,
    /// How long connecting and the handshake may take. 2 s: a system whose first packet was lost sends it again after one.
    /// While a server whose link broke counts as up, attempts take no longer than 500 ms, so that several fit.
    #[serde(deserialize_with = "millis")]
    pub connect_timeout: Duration,
    /// How long who connects to a server's port may take to say who it is. 1 s: servers say it with their first packet.
    #[serde(deserialize_with = "millis")]
    pub first_frame: Duration,
    /// How many connections may be there that have not proved who they are; of more, the oldest that has said nothing yet gives
    /// way. 512: more than servers come back at once, and half of what files a process may usually have open.
    pub strangers: usize,
    /// The same of one address (of IPv6: of one network, /64). 128: a machine full of servers.
    pub strangers_per_address: usize,
    /// The longest pause between two attempts to connect; the first comes after 50 ms, each later one after about twice
    /// the time. 2 s; 250 ms while the server counts as up.
    #[doc(alias = "retryConnectTime")]
    #[serde(deserialize_with = "millis")]
    pub max_retry: Duration,
    /// How many bytes may wait in a link; more is refused, calls as overloaded and pushes as dropped. 64 MiB: about a
    /// second of a fast network.
    pub queue_limit: usize,
    /// The longest envelope, in bytes, and so the longest argument, result or body. 64 MiB.
    pub max_frame: usize,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            secret: None,
            whitelist: vec![],
            interval: Duration::ZERO,
            keepalive: Duration::from_secs(1),
            dead_after: Duration::from_secs(3),
            gone_after: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            first_frame: Duration::from_secs(1),
            strangers: 512,
            strangers_per_address: 128,
            max_retry: Duration::from_secs(2),
            queue_limit: 64 << 20,
            max_frame: 64 << 20,
        }
    }
}

/// The names of cluster.json, in the order of the table, and what each can be.
const KEYS: [(&str, &str); 13] = [
    ("secret", "a text that is not empty"),
    ("whitelist", "a network such as `10.0.0.0/8`"),
    ("interval", MILLIS),
    ("keepalive", MILLIS),
    ("deadAfter", MILLIS),
    ("goneAfter", MILLIS),
    ("connectTimeout", MILLIS),
    ("firstFrame", MILLIS),
    ("strangers", CONNECTIONS),
    ("strangersPerAddress", CONNECTIONS),
    ("maxRetry", MILLIS),
    ("queueLimit", BYTES),
    ("maxFrame", BYTES),
];
const MILLIS: &str = "milliseconds, a whole number";
const BYTES: &str = "bytes, a whole number";
const CONNECTIONS: &str = "a number of connections, a whole number";

impl TcpOptions {
    /// Reads cluster.json, as [`Config`](pomelo_core::value::config::Config) reads its files; also returns what may be a mistake, a line
    /// each.
    ///
    /// A file that has parts for other environments only says nothing of this one.
    ///
    /// # Errors
    /// Names the file and the key, and says what was found and what was expected.
    pub fn read(section: &Section, env: &str) -> Result<(Self, Vec<String>), ConfigError> {
        let entry = section.entry()?;
        let names = KEYS.map(|(name, _)| name);
        let environments = section.environments();
        if !section.is_of_environment() && !environments.is_empty() && !entry.has_any(&names) {
            let meant = nearest(env, environments.iter().map(String::as_str));
            let note =
                |meant| section.note(meant, format_args!("servers run in `{env}`, and nothing is for that"));
            return Ok((Self::default(), meant.map(note).into_iter().collect()));
        }
        if let Some((key, meant)) = entry.unknown(&names).first() {
            let meant = meant
                .map_or_else(|| format!("known are {}", names.join(", ")), |meant| entry.did_you_mean(meant));
            return Err(entry.wrong(key, format_args!("there is no such option; {meant}")));
        }
        let mut said = Map::new();
        for (key, expected) in KEYS {
            if let Some(value) = value_of(&entry, key, expected)? {
                said.insert(key.to_owned(), value);
            }
        }
        // Each was read by itself.
        let options: Self = serde_json::from_value(said.into()).map_err(|error| section.wrong(error))?;
        let warnings = options.check().map_err(|(key, problem)| entry.wrong(key, problem))?;
        let mut notes = section.repeated();
        notes.extend(warnings.into_iter().map(|(key, note)| entry.note(key, note)));
        Ok((options, notes))
    }

    /// Values with which no link would be made, or last, are errors; those with which one would be late are warnings.
    fn check(&self) -> Result<Vec<(&'static str, String)>, (&'static str, String)> {
        let times = [
            ("keepalive", self.keepalive, TIME_LIMIT),
            ("connectTimeout", self.connect_timeout, TIME_LIMIT),
            ("firstFrame", self.first_frame, TIME_LIMIT),
            ("maxRetry", self.max_retry, TIME_LIMIT),
            ("deadAfter", self.dead_after, TIME_LIMIT_OR_ZERO),
            ("goneAfter", self.gone_after, TIME_LIMIT_OR_ZERO),
            ("interval", self.interval, TIME_LIMIT_OR_ZERO),
        ];
        let numbers = [
            ("strangers", self.strangers, SOME),
            ("strangersPerAddress", self.strangers_per_address, SOME),
            ("queueLimit", self.queue_limit, SOME),
            ("maxFrame", self.max_frame, SOME),
        ];
        let times = times.into_iter().map(|(key, found, bounds)| OutOfBounds::check(key, found, bounds));
        let numbers = numbers.into_iter().map(|(key, found, bounds)| OutOfBounds::check(key, found, bounds));
        times.chain(numbers).collect::<Result<(), _>>().map_err(out_of_bounds)?;
        let ms = |duration: Duration| duration.as_millis();
        if self.dead_after <= self.keepalive {
            let problem = format!(
                "found {}, expected more than `keepalive`, {}: every link that is idle would break",
                ms(self.dead_after),
                ms(self.keepalive)
            );
            return Err(("deadAfter", problem));
        }
        let late = format!(
            "found {}, which should be more than `deadAfter`, {}: a link that breaks can't be made again in time",
            ms(self.gone_after),
            ms(self.dead_after)
        );
        Ok(if self.gone_after <= self.dead_after { vec![("goneAfter", late)] } else { vec![] })
    }

    /// Refuses what an application has set: in cluster.json the same is refused where it stands.
    ///
    /// # Errors
    /// Names the option, what it is and what it may be.
    pub(super) fn check_set(&self) -> Result<(), Error> {
        let wrong = |(key, problem): (&str, String)| {
            Error::of(ErrorKind::Config, format_args!("TcpOptions, `{key}` in cluster.json: {problem}"))
        };
        self.check().map(drop).map_err(wrong)
    }

    pub(super) fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.whitelist.is_empty() || self.whitelist.iter().any(|network| network.contains(&address))
    }
}

fn out_of_bounds(OutOfBounds { option, found, allowed }: OutOfBounds) -> (&'static str, String) {
    match found.as_str() {
        "0" => (option, format!("found 0, with which there would be no link, allowed is {allowed}")),
        found => (option, format!("found {found}, allowed is {allowed}")),
    }
}

/// The value of an option, if it is said, as serde takes it.
fn value_of(entry: &Entry<'_>, key: &str, expected: &str) -> Result<Option<Value>, ConfigError> {
    if matches!(expected, MILLIS | BYTES | CONNECTIONS) {
        return Ok(entry.whole(key, 0..=u64::MAX, expected)?.map(Into::into));
    }
    let is_read = |value: &Value| serde_json::from_value::<TcpOptions>(json!({ key: value })).is_ok();
    let Some(value) = entry.value(key).filter(|value| !value.is_null()) else { return Ok(None) };
    if let Value::Array(items) = value
        && let Some(index) = items.iter().position(|item| !is_read(&json!([item])))
    {
        let problem = format!("found {}, expected {expected}", items[index]);
        return Err(entry.wrong(&format!("{key}[{index}]"), problem));
    }
    match is_read(value) {
        true => Ok(Some(value.clone())),
        // A secret is not shown.
        false if key == "secret" => Err(entry.wrong(key, format_args!("expected {expected}"))),
        false => Err(entry.unexpected(key, &format!("a list, each {expected}"))),
    }
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(Secret::new).transpose().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whitelist_admits_its_networks_only() {
        let options: TcpOptions =
            serde_json::from_str(r#"{ "whitelist": ["10.0.0.0/8", "::1/128"], "keepalive": 200 }"#).unwrap();
        assert_eq!(options.keepalive, Duration::from_millis(200));
        for (address, admitted) in [
            ("10.1.2.3", true),
            ("11.0.0.1", false),
            ("::1", true),
            ("::ffff:10.0.0.1", true),
            ("::2", false),
        ] {
            assert_eq!(options.admits(address.parse().unwrap()), admitted, "{address}");
        }
        assert!(TcpOptions::default().admits("11.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_option_that_can_not_be_meant_is_named_with_what_it_may_be() {
        type Set = fn(&mut TcpOptions);
        let refused = |set: Set| {
            let mut options = TcpOptions::default();
            set(&mut options);
            options.check_set().unwrap_err().message().to_owned()
        };
        for (set, said) in [
            (
                (|options| options.keepalive = Duration::ZERO) as Set,
                "TcpOptions, `keepalive` in cluster.json: found 0, with which there would be no link, allowed is 1ms to 365 days",
            ),
            (
                |options| options.max_retry = Duration::from_micros(2),
                "TcpOptions, `maxRetry` in cluster.json: found 2µs, allowed is 1ms to 365 days",
            ),
            (
                |options| options.max_frame = 0,
                "TcpOptions, `maxFrame` in cluster.json: found 0, with which there would be no link, allowed is 1 or more",
            ),
        ] {
            assert_eq!(refused(set), said);
        }
        assert_eq!(
            refused(|options| options.gone_after = Duration::MAX),
            "TcpOptions, `goneAfter` in cluster.json: found 213503982334601 days, allowed is 0 to 365 days"
        );
    }

    #[test]
    fn the_documented_names_and_defaults_are_those_that_are_read() {
        let source = include_str!("options.rs").lines();
        let rows = source.filter_map(|line| line.strip_prefix("/// | `"));
        let (mut names, mut written) = (Vec::new(), serde_json::Map::new());
        for row in rows {
            let (name, rest) = row.split_once('`').unwrap();
            let default = rest.split(" | ").nth(2).unwrap();
            let number = default.split([':', ' ']).next().unwrap().parse::<u64>();
            names.push(name);
            if let Ok(number) = number {
                written.insert(name.to_owned(), number.into());
            }
        }
        let as_documented: TcpOptions = serde_json::from_value(written.into()).unwrap();
        assert_eq!(format!("{as_documented:?}"), format!("{:?}", TcpOptions::default()));
        let error = serde_json::from_str::<TcpOptions>(r#"{ "?": 0 }"#).unwrap_err().to_string();
        let known = error.split('`').skip(3).step_by(2).collect::<Vec<_>>();
        assert_eq!(names, known, "{error}");
        assert_eq!(names, KEYS.map(|(name, _)| name));
    }

    #[test]
    fn what_is_misspelt_is_an_error_that_names_it() {
        let error = serde_json::from_str::<TcpOptions>(r#"{ "whiteList": [] }"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `whiteList`"), "{error}");
        assert!(serde_json::from_str::<TcpOptions>(r#"{ "secret": "" }"#).is_err());
    }
}
