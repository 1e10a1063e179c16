//! A message that can't be read.

use pomelo::{Result, handler};

pub struct Say {
    pub text: String,
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(say: Say) -> Result<String> {
        Ok(say.text)
    }
}

fn main() {}
