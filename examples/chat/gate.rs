//! Tells clients which connector is theirs.

use pomelo::session::Uid;
use pomelo::{Result, handler, pick};
use serde_json::{Value, json};

use crate::App;

pub struct GateHandler;

#[handler(fields)]
impl GateHandler {
    /// The connector for a user: always the same one, so that it sees a second login.
    pub async fn query_entry(app: &App, uid: Option<Uid>) -> Result<Value> {
        let Some(uid) = uid.filter(|uid| !uid.is_empty()) else { return Ok(json!({ "code": 500 })) };
        let connector = pick(uid, app.servers("connector"))?;
        Ok(json!({ "code": 200, "host": connector.public_host(), "port": connector.client_port }))
    }
}
