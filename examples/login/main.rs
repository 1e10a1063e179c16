//! The login of most games: a user has one session, and who logs in again takes the place of the older one.
//!
//! `cargo run --example login` runs until Ctrl-C.

use std::time::Duration;

use pomelo::{Hybrid, Result, Session, handler, key, remote};
use serde_json::{Value, json};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    /// Where users meet.
    hall: { remotes: [HallRemote] },
}

const HALL: &str = "hall";

struct EntryHandler;

#[handler(fields)]
impl EntryHandler {
    /// Logs a user in, and out where it was logged in before.
    pub async fn login(app: &App, session: &Session, uid: String) -> Result<Value> {
        // When this returns, the older session's hook has run: it takes nobody out of the hall who has come meanwhile.
        app.sessions().kick(&*uid, Some("you logged in elsewhere")).await;
        session.bind(&*uid).await?;
        let app2 = app.clone();
        session.on_closed(move |session| leave(app2, session)).await?;
        let users = app.rpc.hall.hall_remote.join(key(HALL), uid, app.server_id()).await?;
        Ok(json!({ "users": users }))
    }

    /// Says something to everyone in the hall.
    pub async fn say(app: &App, session: &Session, text: String) -> Result<()> {
        let uid = session.uid().ok_or_else(|| pomelo::Error::new(401, "log in first"))?;
        app.rpc.hall.hall_remote.say(key(HALL), uid, text).await
    }
}

async fn leave(app: App, session: Session) -> Result<()> {
    let Some(uid) = session.uid() else { return Ok(()) };
    app.rpc.hall.hall_remote.leave(key(HALL), uid, app.server_id()).await
}

struct HallRemote;

#[remote]
impl HallRemote {
    /// Adds a user; returns who is there.
    pub async fn join(app: &App, uid: String, sid: String) -> Result<Vec<String>> {
        app.channels().update(HALL, |hall| {
            hall.add(&*uid, sid)?;
            Ok(hall.members().map(|uid| uid.to_string()).collect())
        })
    }

    /// Takes a user out.
    pub async fn leave(app: &App, uid: String, sid: String) -> Result<()> {
        app.channels().update(HALL, |hall| {
            hall.leave(&uid, &sid);
            Ok(())
        })
    }

    /// Tells everyone what a user says.
    pub async fn say(app: &App, uid: String, text: String) -> Result<()> {
        app.channels().update(HALL, |hall| hall.push("onSay", &json!({ "uid": uid, "text": text })))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let levels = std::env::var("RUST_LOG").unwrap_or("info".into());
    // A log that can't be written, as on a full disk, must not end what writes it.
    tracing_subscriber::fmt().with_env_filter(levels).log_internal_errors(false).init();
    App::builder()
        .config_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/login/config"))
        .configure("all", "connector", |app| app.connector(Hybrid::new().heartbeat(Duration::from_secs(3))))
        .run()
        .await
}
