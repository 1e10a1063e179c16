//! Scenery of examples: the application and the servers that examples in the documentation run on, on lines that readers don't see.
//!
//! What an example needs before it comes to its point is here once. All that depends on the type of an application, as the start of its
//! servers does, is compiled with this crate and not with each example: hundreds of them then compile in the time of a few.

use pomelo::app::{Builder, Running};

pomelo::servers! {
    gate: {},
    connector: {},
    chat: {},
    area: {},
    battle: {},
    ranking: {},
}

/// The server `chat-1`, by itself.
///
/// # Cancel safety
/// It ends when this is dropped.
pub async fn chat() -> Running<Rpc> {
    let builder = App::builder().servers(r#"{ "chat": [{ "id": "chat-1" }] }"#);
    builder.start().await.expect("nothing is in its way")
}

/// The server `chat-1`, which expects a frontend `connector-1` that is not up: users there may be members of its channels.
///
/// # Cancel safety
/// It ends when this is dropped.
pub async fn rooms() -> Running<Rpc> {
    let servers =
        r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#;
    let builder = patient(App::builder().servers(servers));
    builder.start_only(|info| !info.frontend).await.expect("nothing is in its way")
}

/// Servers that don't wait for those that are not up.
pub fn patient(builder: Builder<Rpc>) -> Builder<Rpc> {
    builder.configure("all", "all", |app| app.limits().link_timeout = std::time::Duration::ZERO)
}
