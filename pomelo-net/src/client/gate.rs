//! Gate: the server that tells a client which frontend to connect to.

use serde_json::Value;

use super::{ConnectError, Connection, ConnectionOptions, ServerUrl};
use crate::protocol::client::Known;

/// How a client asks a gate.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) route: String,
    pub(super) body: Value,
}

impl Gate {
    /// Connects to the gate, asks, and hangs up; gives the frontend's URL, and what the gate's handshake taught.
    pub(super) async fn ask(
        &self,
        url: &ServerUrl,
        options: &ConnectionOptions,
    ) -> Result<(ServerUrl, Known), ConnectError> {
        let mut gate = Connection::open(url, options).await?;
        let answer: Value = gate.ask(&self.route, &self.body).await.map_err(Box::new)?;
        let known = gate.known().clone();
        gate.close().await;
        match frontend(url, &answer) {
            Some(frontend) => Ok((frontend, known)),
            None => Err(ConnectError::NoFrontend { answer }),
        }
    }
}

/// What a gate names, as `{"host":…,"port":…}`: a server of the same kind as itself.
fn frontend(gate: &ServerUrl, answer: &Value) -> Option<ServerUrl> {
    let host = answer.get("host")?.as_str().filter(|host| !host.is_empty())?;
    let port = answer.get("port")?;
    // Configurations of pomelo have ports as texts, too.
    let port = port.as_u64().or_else(|| port.as_str()?.parse().ok())?;
    Some(gate.at(host, u16::try_from(port).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_frontend_is_a_host_and_a_port() {
        let gate: ServerUrl = "ws://gate:3014/x".parse().unwrap();
        let named = |answer: Value| frontend(&gate, &answer).map(|url| url.to_string());
        let expected = Some("ws://10.0.0.7:3050/x".to_owned());
        assert_eq!(named(json!({ "code": 200, "host": "10.0.0.7", "port": 3050 })), expected);
        assert_eq!(named(json!({ "host": "10.0.0.7", "port": "3050" })), expected);
        for answer in [
            json!({ "code": 500 }),
            json!({ "host": "", "port": 1 }),
            json!({ "host": "a", "port": 65536 }),
            json!({ "host": "a", "port": -1 }),
            json!({ "host": "a" }),
            json!([]),
            json!(null),
        ] {
            assert_eq!(named(answer.clone()), None, "{answer}");
        }
    }
}
