//! Asking: what operators ask this server, and what it asks others for them.
//!
//! Who can't be linked with another server, since neither of the two has a port, asks it by a third.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::cluster::Member;
use crate::server::Server;
use crate::value::{Error, ErrorKind, Level, Result, ServerId};
use crate::wire::envelope::{Answer, Ask, AskError, Message};

/// What an answer may take on its way, beyond the time that the module has.
const WAY_TIMEOUT: Duration = Duration::from_millis(500);

/// The longest answer of a module: with several of them, an operator's connection still carries them.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

impl Server {
    /// Asks an admin module of a server, this one or another one.
    ///
    /// # Errors
    /// See [`AskError`]: the module's own error, or that the server can't be asked or has not answered in time.
    pub(super) async fn ask(self: &Arc<Self>, server: &ServerId, ask: Ask) -> Result<Bytes, AskError> {
        if self.peers.owns(server) {
            return self.answer(ask).await;
        }
        match self.messenger(server) {
            None => self.ask_linked(server, None, ask).await,
            Some(messenger) => self.ask_linked(&messenger, Some(server.clone()), ask).await,
        }
    }

    /// Asks a server that this one may have a link to; for `to`, if that is another one.
    async fn ask_linked(
        self: &Arc<Self>,
        server: &ServerId,
        to: Option<ServerId>,
        ask: Ask,
    ) -> Result<Bytes, AskError> {
        // What is passed on has two ways.
        let limit = ask.time() + WAY_TIMEOUT * if to.is_some() { 2 } else { 1 };
        match self.peers.ask(server, limit, |seq| Message::Ask { seq, to, ask }).await? {
            Answer::Told(told) => told,
            other => {
                let why = format_args!("{server} answered something else: {other:?}");
                Err(Error::of(ErrorKind::BadMessage, why).into())
            }
        }
    }

    /// Who passes an ask on to a server that this one can't be linked with.
    fn messenger(&self, server: &ServerId) -> Option<ServerId> {
        let known = self.peers.view.known();
        let info = known.expects(server).or_else(|| known.member(server).map(|member| &member.info))?;
        let link_sender = self.peers.link_sender.get()?;
        if link_sender.can_reach(info) {
            return None;
        }
        let may_pass_on = |member: &&Member| {
            let is_other = !self.peers.owns(&member.info.id) && member.info.id != *server;
            is_other && !member.is_guest() && !member.leaving && link_sender.can_reach(&member.info)
        };
        known.members().filter(may_pass_on).map(|member| &member.info.id).min().cloned()
    }

    /// Takes in what another server asks, and answers it in a task of its own.
    pub(in crate::server) fn asked(
        self: &Arc<Self>,
        from: &ServerId,
        seq: u64,
        to: Option<ServerId>,
        ask: Ask,
    ) {
        let (own, from) = (self.clone(), from.clone());
        // Not where the application's code runs, which may hold its threads up.
        self.peers.tasks.runtime().spawn(async move {
            let told = match to.filter(|to| !own.peers.owns(to)) {
                None => own.answer(ask).await,
                // It is passed on once: who is asked now is asked for itself.
                Some(to) => own.ask_linked(&to, None, ask).await,
            };
            own.peers.reply(&from, seq, Ok(Answer::Told(told)));
        });
    }

    /// Answers an operator.
    ///
    /// # Errors
    /// See [`AskError`].
    pub(crate) async fn answer(self: &Arc<Self>, ask: Ask) -> Result<Bytes, AskError> {
        let id = &self.peers.info.id;
        let (user, name) = (ask.user().to_owned(), ask.module().to_owned());
        let module = self.modules.find(id, &ask)?;
        let _place = self.modules.begin(id)?;
        match module.level() {
            Level::Everything => tracing::info!(server = %id, user, module = name, "an operator asks"),
            Level::Look => tracing::debug!(server = %id, user, module = name, "an operator asks"),
        }
        let limit = ask.time();
        let late =
            |_| Error::of(ErrorKind::Deadline, format_args!("`{name}` of {id} took longer than {limit:?}"));
        let value = timeout(limit, module.run(self, ask)).await.map_err(late)??;
        let answer = serde_json::to_vec(&value).map_err(Error::from)?;
        if answer.len() > MAX_ANSWER_BYTES {
            let length = answer.len();
            let why = format_args!(
                "the answer of `{name}` of {id} has {length} bytes, {MAX_ANSWER_BYTES} are the most"
            );
            return Err(Error::of(ErrorKind::BadMessage, why).into());
        }
        Ok(answer.into())
    }
}
