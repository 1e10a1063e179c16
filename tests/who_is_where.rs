//! Who is where: what closes a session, who waits until it is closed, and who learns why.

#[path = "who_is_where/reasons.rs"]
mod reasons;
mod support;
#[path = "who_is_where/world.rs"]
#[allow(missing_docs, unreachable_pub, dead_code, reason = "it is seen in these tests only")]
mod world;

use pomelo::{Result, Session, handler};

use crate::world::{Gate, Log, why};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { handlers: [RoomHandler] },
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn id(session: &Session) -> Result<String> {
        Ok(session.id().to_string())
    }
}

struct RoomHandler;

#[handler]
impl RoomHandler {
    /// Notes why the session closes.
    pub async fn watch(session: &Session, log: &Log) -> Result<()> {
        note_why(session, "chat", log).await
    }

    /// As `watch`, in a handler that goes on by a permit.
    pub async fn watch_late(session: &Session, log: &Log, gate: &Gate) -> Result<()> {
        log.note("running");
        gate.pass().await;
        note_why(session, "chat", log).await
    }
}

/// Has a hook note why the session closes.
async fn note_why(session: &Session, at: &'static str, log: &Log) -> Result<()> {
    let log = log.clone();
    let hook = move |session: Session| async move {
        log.note(format_args!("{at}: {}", why(&session)));
        Ok(())
    };
    session.on_closed(hook).await
}
