//! A transport of one's own, by the traits of `pomelo::ext::transport`: servers send each other bytes through queues.
//!
//! `cargo run --example transport` prints
//!
//! ```text
//! chat-1 hears from area-1: good morning
//! chat-2 hears from area-1: good morning
//! everybody has left the post
//! ```
//!
//! `post.rs` has the transport. It serves one process; a bus would do the same over a network. What every transport must do
//! is checked by the suite `pomelo::ext::transport::conformance`; `tests/outside` has one that passes it.

mod post;

use std::sync::Arc;

use pomelo::error::OrErr;
use pomelo::rpc::Inbound;
use pomelo::{ALL, Result, remote};

use post::Post;

pomelo::servers! {
    area: {},
    chat: { remotes: [NewsRemote] },
}

struct NewsRemote;

#[remote]
impl NewsRemote {
    pub async fn hear(app: &App, call: &Inbound, news: String) -> Result<String> {
        Ok(format!("{} hears from {}: {news}", app.server_id(), call.from()))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let post = Post::default();
    let running = App::builder()
        .servers(r#"{ "area": [{ "id": "area-1" }], "chat": [{ "id": "chat-1" }, { "id": "chat-2" }] }"#)
        .transport(Arc::new(post.clone()))
        .start()
        .await?;
    let app = running.app("area-1").or_err(500, "there is no area-1")?;
    for (_, heard) in app.rpc.chat.news_remote.hear(ALL, "good morning").await? {
        println!("{}", heard?);
    }
    running.stop().await;
    println!("{} the post", if post.is_closed() { "everybody has left" } else { "somebody is still at" });
    Ok(())
}
