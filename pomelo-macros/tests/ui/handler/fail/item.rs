//! Items that are no handlers.

use pomelo::handler;

#[handler]
pub struct ChatHandler;

#[handler]
pub async fn send() {}

fn main() {}
