//! Replies that can't be written, or not read.

use pomelo::{Result, remote};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Read(u32);

#[derive(Serialize)]
pub struct Written(u32);

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn read(value: u32) -> Result<Read> {
        Ok(Read(value))
    }

    pub async fn write(value: u32) -> Result<Written> {
        Ok(Written(value))
    }
}

fn main() {}
