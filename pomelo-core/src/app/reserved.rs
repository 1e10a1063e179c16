//! pomelo's reserved settings: what `app.set` does with them there, and where the same is said here.

use super::configure::Configure;

/// Settings that pomelo's own parts read, each with what has that here.
const RESERVED: [(&str, &str); 7] = [
    ("ssh_config_params", "the arguments of ssh are `sshConfigParams` in master.json"),
    ("masterConfig", "what the master is set up with is in master.json"),
    ("connectorConfig", "these are methods of the connector: `app.connector(Hybrid::new().heartbeat(…))`"),
    ("sessionConfig", "pomelo's `singleSession` is `app.single_session()`"),
    ("channelConfig", "pomelo's `broadcastFilter` is `app.broadcast_filter(…)`"),
    (
        "proxyConfig",
        "links are set up in cluster.json, the rest is in `app.limits()`: `rpc_timeout`, `pending_calls`",
    ),
    ("remoteConfig", "links are set up in cluster.json"),
];

/// A line for each that the application has set.
pub(super) fn warnings<R>(setup: &Configure<R>) -> Vec<String> {
    let set = RESERVED.iter().filter(|(key, _)| setup.settings.contains_key(*key));
    let line = |(key, place): &(&str, &str)| {
        format!(
            "{}: app.set({key:?}, …) is a setting like any other, and nothing reads it: {place}",
            setup.info.id
        )
    };
    set.map(line).collect()
}
