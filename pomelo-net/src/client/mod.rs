//! A client of pomelo's servers, ours and the published ones.
//!
//! [`Client`] is what applications want: a handle, whose task keeps the connection.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use pomelo_net::client::ClientOptions;
//! use serde_json::{Value, json};
//!
//! // The gate says where to connect to.
//! let client = ClientOptions::new()
//!     .gate("gate.gateHandler.queryEntry", json!({ "uid": "ann" }))
//!     .connect("ws://127.0.0.1:3014")
//!     .await?;
//! let mut pushes = client.on::<Value>("onChat");
//! let entered: Value = client.request("connector.entryHandler.enter", &json!({ "username": "ann", "rid": "r1" })).await?;
//! println!("{entered}, then {:?}", pushes.next().await);
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! | layer | is |
//! |---|---|
//! | [`Client`], [`ClientOptions`] | a handle, and a task that connects through the gate, answers heartbeats and comes back |
//! | [`Connection`], [`ConnectionOptions`] | one connection that works only while it is polled: for bots and tests |
//! | [`Wire`] | packages over a byte stream, by [`Dial`], whatever they mean |
//! | [`protocol::client`](crate::protocol::client) | what the packages mean, without any I/O |

mod alarm;
mod asking;
mod client_options;
mod command;
mod connection;
mod dial;
mod error;
mod gate;
mod handle;
mod options;
mod queue;
mod readers;
mod reconnect;
mod response;
mod streams;
mod task;
mod url;
mod wire;

pub use client_options::ClientOptions;
pub use connection::Connection;
pub use dial::{BoxedStream, ByteStream, Dial, DialTcp};
pub use error::{AskError, ClientError, ConnectError, ConnectionError, WireError};
pub use handle::Client;
pub use options::ConnectionOptions;
pub use queue::Missed;
pub use reconnect::Reconnect;
pub use response::Response;
pub use streams::{ClientEvent, Events, Push, PushError, Pushes, PushesOf};
pub use url::{ServerUrl, UrlError};
pub use wire::Wire;

pub use crate::protocol::client::{
    Agreement, BodyError, CloseReason, Event, IgnoredReason, Known, ReplyError, SendError,
};
