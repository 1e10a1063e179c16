//! A reply that can't be written.

use pomelo::{Result, handler};

pub struct Said {
    pub text: String,
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(text: String) -> Result<Said> {
        Ok(Said { text })
    }
}

fn main() {}
