//! The way in: the gate, the login, and who gets past it.

use pomelo::filter::{Filter, Verdict};
use pomelo::session::Uid;
use pomelo::{Error, Request, Result, Session, handler, pick};
use serde_json::{Value, json};

use crate::App;

pub struct GateHandler;

#[handler(fields)]
impl GateHandler {
    /// The connector of a player: always the same one, so that it sees a second login.
    pub async fn query_entry(app: &App, uid: Uid) -> Result<Value> {
        let connector = pick(uid, app.servers("connector"))?;
        Ok(json!({ "code": 200, "host": connector.public_host(), "port": connector.client_port }))
    }
}

pub struct EntryHandler;

#[handler(fields)]
impl EntryHandler {
    /// Logs a player in, and out where it was logged in before.
    pub async fn login(app: &App, session: &Session, name: Uid) -> Result<()> {
        app.sessions().kick(&*name, Some("you logged in elsewhere")).await;
        session.bind(name).await
    }
}

/// Whoever isn't logged in gets past the login only, on whichever server.
#[derive(Clone)]
pub struct PlayersOnly;

impl Filter for PlayersOnly {
    async fn before(&self, request: &Request) -> Result<Verdict> {
        match request.session().uid() {
            None if request.route().method() != "login" => Err(Error::new(401, "log in first")),
            _ => Ok(Verdict::Continue),
        }
    }
}
