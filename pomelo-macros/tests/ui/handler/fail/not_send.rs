//! A method that can't move between threads.

use std::rc::Rc;

use pomelo::{Result, handler};

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(text: String) -> Result<String> {
        let text = Rc::new(text);
        std::future::ready(()).await;
        Ok(text.to_string())
    }
}

fn main() {}
