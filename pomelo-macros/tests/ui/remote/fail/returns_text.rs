//! A remote that returns a reference: one error.

use pomelo::remote;

pomelo::servers! { chat: { remotes: [ChatRemote] } }

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn motto() -> &'static str {
        "x"
    }
}

fn main() {}
