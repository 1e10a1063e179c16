//! Two annotated blocks of one type: one error, at the second.

use pomelo::{Result, remote};

pomelo::servers! { chat: { remotes: [ChatRemote] } }

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn add(name: String) -> Result<usize> {
        Ok(name.len())
    }
}

#[remote]
impl ChatRemote {
    pub async fn leave(name: String) -> Result<usize> {
        Ok(name.len())
    }
}

fn main() {}
