//! A field that can't be read.

use pomelo::{Result, handler};

pub struct Opaque;

pub struct ChatHandler;

#[handler(fields)]
impl ChatHandler {
    pub async fn send(text: String, to: Opaque) -> Result<String> {
        let _ = to;
        Ok(text)
    }
}

fn main() {}
