//! All of it `pub` and documented: what the macros add is documented, too.

#![deny(warnings, missing_docs, missing_debug_implementations)]

use pomelo::{Result, handler, remote};

pomelo::servers! {
    chat: { handlers: [ChatHandler, area::walk_handler], remotes: [ChatRemote, impl ScoreRemote] },
    /// Where players walk.
    area: { remotes: [area::walk_remote] },
}

/// Chats.
#[derive(Debug)]
pub struct ChatHandler;

#[handler]
impl ChatHandler {
    /// Sends.
    pub async fn send(text: String) -> Result<String> {
        Ok(text)
    }
}

/// Chats.
#[derive(Debug)]
pub struct ChatRemote;

#[remote]
impl ChatRemote {
    /// Adds.
    pub async fn add(uid: String) -> Result<String> {
        Ok(uid)
    }
}

/// Scores.
#[remote]
pub trait ScoreRemote {
    /// Adds.
    async fn add(&self, uid: String) -> Result<String>;
}

/// Walks.
pub mod area {
    use super::*;

    /// Walks.
    #[handler]
    pub mod walk_handler {
        use super::*;

        /// Walks.
        pub async fn walk(to: String) -> Result<String> {
            Ok(to)
        }
    }

    /// Walks.
    #[remote]
    pub mod walk_remote {
        use super::*;

        /// Walks.
        pub async fn walk(to: String) -> Result<String> {
            Ok(to)
        }
    }
}

fn main() {}
