//! A reply of a type without derives: one error.

use pomelo::{Result, remote};

pub struct Room {
    pub name: String,
}

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn room(name: String) -> Result<Room> {
        Ok(Room { name })
    }
}

fn main() {}
