//! What was inserted into the app, taken by value.

use std::sync::Arc;

use pomelo::{Result, Session, handler, remote};

pub struct Pool;

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(pool: Arc<Pool>) -> Result<usize> {
        Ok(Arc::strong_count(&pool))
    }
}

#[handler(fields)]
impl RoomHandler {
    pub async fn send(pool: Arc<Pool>, text: String) -> Result<usize> {
        Ok(Arc::strong_count(&pool) + text.len())
    }
}

pub struct RoomHandler;

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn add(pool: Arc<Pool>) -> Result<usize> {
        Ok(Arc::strong_count(&pool))
    }

    pub async fn leave(session: Session) -> Result<usize> {
        Ok(session.id().to_string().len())
    }
}

fn main() {}
