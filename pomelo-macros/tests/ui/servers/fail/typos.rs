//! Lists that aren't written as lists are.

use pomelo::{Result, handler};

pomelo::servers! {
    gate: { handlers: GateHandler },
    "area": { handlers: [GateHandler] },
    chat-room: { handlers: [GateHandler] },
    map: [GateHandler],
    team: { handlers: [GateHandler] remotes: [] },
    party: { Handlers: [GateHandler] },
    match: { filters: [GateHandler] },
    self: {},
    match = { handlers: [GateHandler] },
}

pub struct GateHandler;

#[handler]
impl GateHandler {
    pub async fn enter(app: &App) -> Result<String> {
        Ok(app.server_type().to_owned())
    }
}

fn main() {}
