//! A cluster of one frontend without handlers, for sessions that belong to no application.

use std::sync::Arc;

use pomelo_core::app::{App, Builder, Cluster, Mount, Platform, ServerType};
use pomelo_core::router::Routers;

use crate::connector::Hybrid;
use crate::defaults::Embedded;

/// The remotes of that cluster: none.
pub(super) struct Alone;

impl Alone {
    /// The frontend's id.
    pub(super) const SERVER: &str = "connector-1";

    pub(super) fn builder(connector: Hybrid) -> Builder<Self> {
        App::builder().servers(r#"{ "connector": [{ "id": "connector-1", "frontend": true }] }"#).configure(
            "all",
            "connector",
            move |app| app.connector(connector.clone()),
        )
    }
}

impl Cluster for Alone {
    const SERVERS: &'static [ServerType] = &[ServerType { name: "connector", handlers: &[], remotes: &[] }];

    fn bind(_: &Arc<Routers>) -> Self {
        Self
    }

    fn mount(_: &App<Self>, _: &mut Mount<Self>) {}

    fn platform() -> &'static dyn Platform {
        &Embedded
    }
}
