//! Error types that lack something.

use pomelo::{Result, handler};
use pomelo::error::ErrorCode;

#[derive(Debug, ErrorCode)]
pub enum NoDisplay {
    #[error_code(404)]
    NoRoom,
    Other,
}

#[derive(Debug, thiserror::Error, ErrorCode)]
pub enum NoCode {
    #[error(transparent)]
    #[error_code(transparent)]
    Io(#[from] std::io::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum NotDerived {
    #[error("no room")]
    NoRoom,
}

#[derive(ErrorCode)]
pub union Bits {
    a: u32,
    b: f32,
}

pub struct RoomHandler;

#[handler]
impl RoomHandler {
    pub async fn enter(room: u32) -> Result<u32, NotDerived> {
        if room > 1 { Err(NotDerived::NoRoom) } else { Ok(room) }
    }
}

fn main() {}
