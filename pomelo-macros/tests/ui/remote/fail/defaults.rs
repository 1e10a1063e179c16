//! Arguments that can't be missing.

use pomelo::{Result, remote};

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn a(#[pomelo(default)] first: u32, second: u32) -> Result<u32> {
        Ok(first + second)
    }

    pub async fn b(#[pomelo(default)] count: &u32) -> Result<u32> {
        Ok(*count)
    }

    #[pomelo(concurrent)]
    pub async fn c() -> Result<()> {
        Ok(())
    }
}

fn main() {}
