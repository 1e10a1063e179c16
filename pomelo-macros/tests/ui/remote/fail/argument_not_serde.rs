//! Arguments that can't be written, or not read.

use pomelo::{Result, remote};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Read(u32);

#[derive(Serialize)]
pub struct Written(u32);

pub struct Neither(u32);

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn read(value: Read) -> Result<u32> {
        Ok(value.0)
    }

    pub async fn neither(value: Neither) -> Result<u32> {
        Ok(value.0)
    }

    pub async fn write(value: Written) -> Result<u32> {
        Ok(value.0)
    }
}

fn main() {}
