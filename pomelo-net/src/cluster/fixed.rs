//! The static discovery: a cluster that is what servers.json says, and stays so.

use std::sync::Arc;

use futures::future::BoxFuture;
use pomelo_core::cluster::{Discovery, Member, MembershipEvents, Registration};
use pomelo_core::value::{Result, ServerInfo};

/// Expects the servers of servers.json, once. Who of them is up is seen by the links between them, so it
/// needs no process of its own; servers come and go by their links, and the list changes by a restart.
///
/// It is what servers of one process have by default. In a cluster without a master it is for processes that
/// something else starts, such as containers with fixed names:
///
/// ```
/// use std::sync::Arc;
/// use pomelo::config::Config;
/// use pomelo::net::cluster::StaticDiscovery;
///
/// pomelo::servers! { chat: {} }
///
/// # fn main() -> pomelo::Result<()> {
/// let config = Config::from_servers(r#"{ "chat": [{ "id": "chat-1", "port": 4050 }] }"#, "production")?;
/// let fixed = StaticDiscovery::new(config.servers);
/// let builder = App::builder().cluster_discovery(Arc::new(fixed));
/// # Ok(())
/// # }
/// ```
///
/// A server that isn't in the list expects itself, and those that are: the others learn of it by its links,
/// and route nothing to it until their list has it.
#[derive(Debug, Clone)]
pub struct StaticDiscovery {
    /// All that there should be.
    servers: Vec<Arc<ServerInfo>>,
}

impl StaticDiscovery {
    /// Expects these servers: those of a [`Config`](pomelo_core::value::config::Config).
    pub fn new(servers: impl IntoIterator<Item = Arc<ServerInfo>>) -> Self {
        Self { servers: servers.into_iter().collect() }
    }
}

impl Discovery for StaticDiscovery {
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        let mut servers = self.servers.clone();
        if !servers.iter().any(|server| server.id == member.info.id) {
            servers.push(member.info);
        }
        events.expect(servers);
        Box::pin(async { Ok(Arc::new(Settled) as Arc<dyn Registration>) })
    }
}

/// There is nobody to tell of a change.
struct Settled;

impl Registration for Settled {
    fn update(&self, _member: Member) {}

    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use pomelo_core::value::{Incarnation, ServerId};

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<Vec<ServerId>>>);

    impl MembershipEvents for Told {
        fn expect(&self, servers: Vec<Arc<ServerInfo>>) {
            self.0.lock().unwrap().push(servers.iter().map(|server| server.id.clone()).collect());
        }

        fn gone(&self, _: &ServerId, _: Incarnation) {}
    }

    fn server(id: &str) -> Arc<ServerInfo> {
        Arc::new(serde_json::from_value(serde_json::json!({ "id": id })).unwrap())
    }

    #[tokio::test]
    async fn the_list_is_told_once_and_holds_the_server_itself() {
        let member = |id: &str| Member {
            info: server(id),
            incarnation: Incarnation::begin(id),
            methods: Arc::default(),
            encodings: vec![],
            leaving: false,
            newcomer: false,
        };
        let fixed = StaticDiscovery::new([server("chat-1"), server("chat-2")]);
        for (id, expected) in
            [("chat-1", vec!["chat-1", "chat-2"]), ("chat-3", vec!["chat-1", "chat-2", "chat-3"])]
        {
            let told = Arc::new(Told::default());
            let place = fixed.register(member(id), told.clone()).await.unwrap();
            place.update(member(id));
            place.leave().await;
            assert_eq!(
                *told.0.lock().unwrap(),
                [expected.into_iter().map(ServerId::from).collect::<Vec<_>>()]
            );
        }
    }
}
