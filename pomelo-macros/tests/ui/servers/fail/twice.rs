//! Two lists in a module.

use pomelo::{Result, handler};

pomelo::servers! {
    gate: { handlers: [GateHandler] },
}

pomelo::servers! {
    chat: {},
}

struct GateHandler;

#[handler]
impl GateHandler {
    pub async fn enter(app: &App) -> Result<String> {
        Ok(app.server_type().to_owned())
    }
}

/// Another module has names of its own.
mod other {
    pomelo::servers! {
        chat: {},
    }
}

fn main() {
    let _ = other::App::builder();
}
