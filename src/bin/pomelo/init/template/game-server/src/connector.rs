//! What clients may ask of a connector.

use pomelo::{Result, handler};
use serde_json::{Value, json};

pub struct EntryHandler;

#[handler]
impl EntryHandler {
    /// Clients call it as `connector.entryHandler.entry`.
    pub async fn entry() -> Result<Value> {
        Ok(json!({ "code": 200, "msg": "game server is ok." }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_game_server_says_that_it_is_ok() {
        let answer = EntryHandler::entry().await.unwrap();
        assert_eq!(answer, json!({ "code": 200, "msg": "game server is ok." }));
    }
}
