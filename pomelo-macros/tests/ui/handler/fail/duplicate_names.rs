//! Two methods of one name on the wire.

use pomelo::{Result, handler};

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send_all() -> Result<()> {
        Ok(())
    }

    #[pomelo(rename = "sendAll")]
    pub async fn send_to_everyone() -> Result<()> {
        Ok(())
    }
}

fn main() {}
