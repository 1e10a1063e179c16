//! A remote among the handlers.

use pomelo::remote;

pomelo::servers! {
    chat: { handlers: [ChatRemote] },
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn add(_uid: String) {}
}

fn main() {}
