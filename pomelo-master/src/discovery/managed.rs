//! The discovery of a server whose process a master looks after, while something else, such as etcd, says who is in the cluster.

use std::sync::Arc;

use futures::future::{BoxFuture, join};
use pomelo_core::cluster::{Control, Discovery, Member, MembershipEvents, Refused, Registration};
use pomelo_core::value::{Error, Incarnation, Result, ServerId, ServerInfo};

use super::{MasterDiscovery, Uncontrolled};

/// Registers a server twice: by `membership`, which says who is in the cluster, and with the master that started it, which hears what
/// operators want to know, and stops it.
///
/// Whoever the master expects, or declares to be over, is of no meaning to the server then. The master is needed neither for servers to find each other
/// nor for a new one to come.
pub(crate) struct Managed {
    /// Says who is in the cluster.
    pub(crate) membership: Arc<dyn Discovery>,
    /// Looks after processes.
    pub(crate) master: MasterDiscovery,
}

impl Discovery for Managed {
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        self.register_controlled(member, events, Arc::new(Uncontrolled))
    }

    fn register_controlled(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
        control: Arc<dyn Control>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        Box::pin(async move {
            let managing = Arc::new(Managing(events.clone()));
            let membership =
                self.membership.register_controlled(member.clone(), events, control.clone()).await?;
            // What is registered already is taken back when this fails, as when it is dropped.
            let master = self.master.register_controlled(member, managing, control).await;
            match master {
                Ok(master) => Ok(Arc::new(Places { membership, master }) as Arc<dyn Registration>),
                Err(error) => {
                    membership.leave().await;
                    Err(error)
                }
            }
        })
    }
}

/// What a master tells a server that it manages, and that it isn't to know the cluster by.
struct Managing(Arc<dyn MembershipEvents>);

impl MembershipEvents for Managing {
    fn expect(&self, _: Vec<Arc<ServerInfo>>) {}

    fn gone(&self, _: &ServerId, _: Incarnation) {}

    fn refused(&self, why: Refused) -> Option<Member> {
        self.0.refused(why)
    }

    fn failed(&self, error: Error) {
        self.0.failed(error);
    }
}

/// A server's places.
struct Places {
    membership: Arc<dyn Registration>,
    master: Arc<dyn Registration>,
}

impl Registration for Places {
    fn update(&self, member: Member) {
        self.membership.update(member.clone());
        self.master.update(member);
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            join(self.membership.leave(), self.master.leave()).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use pomelo_core::metrics::Report;
    use pomelo_core::value::config::Config;
    use pomelo_net::cluster::StaticDiscovery;
    use pomelo_net::link::secret::Secret;
    use serde_json::json;
    use tokio::sync::Notify;
    use tokio::time::timeout;

    use super::*;
    use crate::temp_dir::TempDir;
    use crate::{Admin, Master, MasterSetup, ServerState};

    /// A server: whom it was told to expect, and whether it was told to stop.
    #[derive(Default)]
    struct Told {
        expected: Mutex<Vec<Vec<String>>>,
        stop: Notify,
    }

    impl MembershipEvents for Told {
        fn expect(&self, servers: Vec<Arc<ServerInfo>>) {
            let ids = servers.iter().map(|info| info.id.to_string()).collect();
            self.expected.lock().unwrap().push(ids);
        }

        fn gone(&self, _: &ServerId, _: Incarnation) {}
    }

    impl Control for Told {
        fn stop(&self) {
            self.stop.notify_one();
        }

        fn report(&self) -> Option<Report> {
            let report = json!({
                "id": "chat-1", "incarnation": Incarnation::begin("chat-1"), "uptimeMs": 0, "sessions": 0,
                "boundSessions": 0, "channels": 0, "channelMembers": 0, "outboxBytes": 0, "linkBytes": 0,
                "pendingCalls": 0, "dropped": {}, "routes": [], "peers": []
            });
            Some(serde_json::from_value(report).unwrap())
        }
    }

    async fn soon<T>(future: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(60), future).await.expect("this takes too long")
    }

    #[tokio::test]
    async fn a_master_lists_and_stops_a_server_that_knows_the_cluster_by_something_else() {
        let dir = TempDir::new();
        dir.write("servers.json", &json!({ "chat": [{ "id": "chat-1" }, { "id": "chat-2" }] }).to_string());
        dir.write("master.json", &json!({ "id": "master-1", "host": "127.0.0.1", "port": 0 }).to_string());
        let config = Arc::new(Config::read(dir.path(), "development").unwrap());
        let mut setup = MasterSetup::new(config.clone()).unwrap();
        (setup.base_dir, setup.log_dir) = (dir.path().into(), dir.path().join("logs"));
        let master = Master::start(&setup).await.unwrap();
        let token = std::fs::read_to_string(dir.path().join("logs/master-1.token")).unwrap();
        let of_master = MasterDiscovery::new(master.address().to_string(), config.servers.clone());
        let info = config.servers[0].clone();
        let managed = Managed {
            membership: Arc::new(StaticDiscovery::new([info.clone()])),
            master: of_master.token("*", Secret::new(token.trim()).unwrap()),
        };
        let member = Member {
            incarnation: Incarnation::begin(&info.id),
            info,
            methods: Arc::default(),
            encodings: vec![],
            leaving: false,
            newcomer: false,
        };
        let told = Arc::new(Told::default());
        let place = soon(managed.register_controlled(member, told.clone(), told.clone())).await.unwrap();
        let admin = soon(Admin::connect(&master.address().to_string(), "admin", "admin")).await.unwrap();
        let list = soon(admin.list()).await.unwrap();
        let state = list.iter().find(|status| status.id == *"chat-1").map(|status| status.state);
        assert_eq!(state, Some(ServerState::Up));
        let stopping = tokio::spawn(async move { admin.stop(&["chat-1".to_owned()]).await });
        soon(told.stop.notified()).await;
        soon(place.leave()).await;
        assert!(soon(stopping).await.unwrap().unwrap()[0].ok);
        assert_eq!(*told.expected.lock().unwrap(), [["chat-1"]], "the master's list is none of its business");
        soon(master.close()).await;
    }
}
