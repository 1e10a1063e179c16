//! Methods with parameters that no message can decide.

use std::fmt::Display;

use pomelo::{Result, handler};

pub struct Echo;

#[handler]
impl Echo {
    pub async fn one<T: Display>(text: T) -> Result<String> {
        Ok(text.to_string())
    }

    pub async fn two(text: impl Display) -> Result<String> {
        Ok(text.to_string())
    }
}

fn main() {}
