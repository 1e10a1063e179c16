//! A reply that can't fail.

use pomelo::remote;

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn count() -> u32 {
        7
    }
}

fn main() {}
