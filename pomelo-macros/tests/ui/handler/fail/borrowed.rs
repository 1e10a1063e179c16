//! Messages that borrow from what was received.

use std::borrow::Cow;

use pomelo::{Result, handler};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Say<'a> {
    text: &'a str,
}

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn send(say: Say<'_>) -> Result<usize> {
        Ok(say.text.len())
    }

    pub async fn elided(say: Say) -> Result<usize> {
        Ok(say.text.len())
    }

    pub async fn maybe(text: Option<&str>) -> Result<bool> {
        Ok(text.is_some())
    }

    pub async fn either(text: Cow<'_, str>) -> Result<usize> {
        Ok(text.len())
    }
}

fn main() {}
