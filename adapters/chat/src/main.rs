//! The chat example over NATS, with etcd: its own builder, with another transport, another discovery and another configuration directory.
//!
//! ```sh
//! nats-server & etcd &
//! cargo run --release --manifest-path adapters/chat/Cargo.toml -- start
//! ```
//!
//! `NATS_URL` and `ETCD_URL` name others than those on this machine, `ETCD_TTL` another TTL than 30 s. The master starts the processes; who is in the cluster is what etcd
//! says. So another chat server comes by `chat --type chat --id chat-server-4`, on any host, and needs no master. `CHAT_DISCOVERY` is
//! another discovery: `nats` for presence over NATS, `master` for the master's.

#[path = "../../../examples/chat/main.rs"]
#[expect(dead_code, reason = "its own `main` runs it without engines")]
mod example;

use std::sync::Arc;
use std::time::Duration;

// The example's modules name it at the root.
use example::App;
use pomelo::error::OrErr;
use pomelo_etcd::Etcd;
use pomelo_nats::Nats;

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    let levels = std::env::var("RUST_LOG").unwrap_or("info,async_nats=warn".into());
    // A log that can't be written, as on a full disk, is no reason to panic.
    tracing_subscriber::fmt().with_env_filter(levels).log_internal_errors(false).init();
    let variable = |name: &str, default: &str| std::env::var(name).unwrap_or(default.into());
    let nats = Arc::new(Nats::new(variable("NATS_URL", "nats://127.0.0.1:4222")).cluster("chat"));
    let builder = example::builder()
        .config_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))
        .cluster_transport(nats.clone());
    let builder = match &*variable("CHAT_DISCOVERY", "etcd") {
        "etcd" => {
            let etcd = Etcd::new([variable("ETCD_URL", "http://127.0.0.1:2379")]);
            let ttl = variable("ETCD_TTL", "30")
                .parse::<u64>()
                .ok()
                .or_err(400, "ETCD_TTL is a number of seconds")?;
            builder.cluster_discovery(Arc::new(etcd.prefix("/chat").ttl(Duration::from_secs(ttl))))
        }
        "nats" => builder.cluster_discovery(nats),
        "master" => builder,
        other => {
            return Err(pomelo::Error::new(
                400,
                format!("CHAT_DISCOVERY is etcd, nats or master, not `{other}`"),
            ));
        }
    };
    builder.run().await
}
