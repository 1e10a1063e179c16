//! What can't be lent.

use std::fmt::Debug;

use pomelo::rpc::Inbound;
use pomelo::{Result, handler};

pub struct ChatHandler;

#[handler]
impl ChatHandler {
    pub async fn text(text: &str) -> Result<usize> {
        Ok(text.len())
    }

    pub async fn list(list: &[u8]) -> Result<usize> {
        Ok(list.len())
    }

    pub async fn exclusive(count: &mut u32) -> Result<u32> {
        Ok(*count)
    }

    pub async fn forever(count: &'static u32) -> Result<u32> {
        Ok(*count)
    }

    pub async fn object(thing: &dyn Debug) -> Result<String> {
        Ok(format!("{thing:?}"))
    }

    pub async fn call(call: &Inbound) -> Result<usize> {
        Ok(call.args().len())
    }
}

fn main() {}
