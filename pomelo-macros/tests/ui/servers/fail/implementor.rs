//! A contract's implementor, which nobody knows how to make.

use pomelo::{Result, remote};

pomelo::servers! {
    chat: { remotes: [Chat] },
}

#[remote]
pub trait ChatRemote {
    async fn add(&self, uid: String) -> Result<usize>;
}

pub struct Chat {
    pub more: usize,
}

#[remote]
impl ChatRemote for Chat {
    async fn add(&self, uid: String) -> Result<usize> {
        Ok(uid.len() + self.more)
    }
}

fn main() {}
