//! The master's discovery does what every discovery must.

mod master_support;

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use pomelo_master::Master;
use pomelo_net::cluster::conformance::{Setup, check};
use serde_json::json;

use master_support::{Home, free_port};

/// A master that can be away, of the servers of the checks.
#[derive(Clone)]
struct Application {
    home: Arc<Home>,
    address: String,
    master: Arc<Mutex<Option<Master>>>,
}

impl Application {
    async fn start() -> Self {
        let home = Home::new(json!({
            "alpha": [{ "id": "alpha-1", "host": "127.0.0.1" }],
            "beta": [{ "id": "beta-1", "host": "127.0.0.1" }],
        }));
        let port = free_port();
        home.master_port(port);
        let application =
            Self { home: Arc::new(home), address: format!("127.0.0.1:{port}"), master: Arc::default() };
        application.begin().await;
        application
    }

    async fn begin(&self) {
        let master = self.home.master().await;
        *self.master.lock().unwrap() = Some(master);
    }

    async fn end(&self) {
        let master = self.master.lock().unwrap().take();
        master.expect("it runs").close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_discovery_of_servers_that_have_a_master_does_what_a_discovery_must() {
    check(async || {
        let application = Application::start().await;
        let (making, ending, beginning) = (application.clone(), application.clone(), application);
        Setup::new(move |_| Arc::new(making.home.monitor(&making.address))).outage(
            move || {
                let application = ending.clone();
                async move { application.end().await }.boxed()
            },
            move || {
                let application = beginning.clone();
                async move { application.begin().await }.boxed()
            },
        )
    })
    .await;
}
