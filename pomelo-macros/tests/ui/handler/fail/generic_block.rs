//! A generic handler.

use pomelo::{Result, handler};

pub struct Echo<T>(T);

#[handler]
impl<T> Echo<T> {
    pub async fn echo(text: String) -> Result<String> {
        Ok(text)
    }
}

fn main() {}
