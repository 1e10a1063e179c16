//! A method that isn't `async`.

use pomelo::{Result, handler};

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub fn send(text: String) -> Result<String> {
        Ok(text)
    }
}

fn main() {}
