//! Presence: a discovery whose servers are those that are heard on the bus.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::cluster::{Discovery, Member, MembershipEvents, Refused, Registration, Superseded};
use pomelo_core::value::{Error, ErrorKind, Incarnation, Result, ServerId, ServerInfo};
use pomelo_core::wire::envelope::Envelope;
use tokio::time::sleep;

use crate::endpoint::Departure;
use crate::engine::{Claimed, Engine, Receiver, Verdict};
use crate::error::NatsError;
use crate::options::Nats;
use crate::subject::Plane;

/// How much longer than the answer to its claim a server waits for it: the bus may be slow, or away.
const CLAIM_SLACK: Duration = Duration::from_secs(1);

impl Discovery for Nats {
    /// As [`Discovery::register`]: expected are the servers that are heard, those of [`expecting`](Nats::expecting), and the server
    /// itself. It returns after one round of answers: whoever is there, and answers within [`answer`](Nats::answer), is expected then.
    /// While the bus is away the server is registered all the same, and known once that is back.
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        Box::pin(async move {
            let presence = Arc::new(Presence::new(self, &member, events));
            presence.expect();
            let engine = Engine::start(self, Plane::Presence, member, presence.clone()).await;
            let engine = engine.map_err(NatsError::into_error)?;
            // It is taken off the bus when it is dropped on the way.
            let registration = Registered { engine, presence };
            let limit = self.settings.answer + CLAIM_SLACK;
            loop {
                match registration.engine.claim(limit).await {
                    Claimed::Held | Claimed::Settled => break,
                    Claimed::GivenUp(error) => return Err(error),
                    // The bus is away.
                    Claimed::Waiting if !registration.engine.lock().is_bus_there() => break,
                    Claimed::Waiting | Claimed::Refused => sleep(self.settings.answer).await,
                }
            }
            // A server that routes before it has heard who is there would choose among too few.
            if registration.engine.lock().is_bus_there()
                && let Claimed::GivenUp(error) = registration.engine.settle(limit).await
            {
                return Err(error);
            }
            registration.presence.registered();
            Ok(Arc::new(registration) as Arc<dyn Registration>)
        })
    }
}

/// What a server is told of the others.
struct Presence {
    id: ServerId,
    events: Arc<dyn MembershipEvents>,
    state: Mutex<State>,
}

struct State {
    /// Servers that are expected whether they are heard or not, the server itself among them.
    listed: BTreeMap<ServerId, Arc<ServerInfo>>,
    /// Servers that were heard and are not forgotten.
    heard: BTreeMap<ServerId, Member>,
    /// The registration has succeeded: from now on an end of it is a failure of the server.
    is_registered: bool,
    is_over: bool,
}

impl State {
    fn expected(&self) -> Vec<Arc<ServerInfo>> {
        let mut all = self.listed.clone();
        let heard = self.heard.values().filter(|member| !member.is_guest());
        all.extend(heard.map(|member| (member.info.id.clone(), member.info.clone())));
        all.into_values().collect()
    }
}

impl Presence {
    fn new(nats: &Nats, member: &Member, events: Arc<dyn MembershipEvents>) -> Self {
        let own = (!member.is_guest()).then(|| member.info.clone());
        let listed = nats.expected.iter().cloned().chain(own);
        let listed = listed.map(|info| (info.id.clone(), info)).collect();
        let state = State { listed, heard: BTreeMap::new(), is_registered: false, is_over: false };
        Self { id: member.info.id.clone(), events, state: Mutex::new(state) }
    }

    /// Tells whom to expect.
    fn expect(&self) {
        let expected = {
            let state = self.lock();
            if state.is_over {
                return;
            }
            state.expected()
        };
        self.events.expect(expected);
    }

    fn registered(&self) {
        self.lock().is_registered = true;
    }

    /// A server is there, as this.
    fn heard(&self, member: Member) {
        let id = member.info.id.clone();
        let before = {
            let mut state = self.lock();
            if state.is_over {
                return;
            }
            state.heard.insert(id.clone(), member.clone())
        };
        if let Some(before) = before.as_ref().filter(|before| before.incarnation != member.incarnation) {
            self.events.gone(&id, before.incarnation);
        }
        if before.is_none_or(|before| before.info != member.info) {
            self.expect();
        }
        self.events.up(member);
    }

    /// That process of a server is over.
    fn over(&self, id: &ServerId, incarnation: Incarnation) {
        {
            let mut state = self.lock();
            let is_that = state.heard.get(id).is_some_and(|member| member.incarnation == incarnation);
            if state.is_over || !is_that {
                return;
            }
            state.heard.remove(id);
        }
        self.events.gone(id, incarnation);
        self.expect();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Receiver for Presence {
    /// These links carry what servers are, and nothing else.
    fn greeting(&self, _: &Member) -> Option<Envelope> {
        None
    }

    fn joined(&self, member: Member) -> Result<(), Superseded> {
        self.heard(member);
        Ok(())
    }

    fn receive(&self, _: &ServerId, _: Envelope) {}

    fn changed(&self, member: Member) {
        self.heard(member);
    }

    /// Nobody is over for that.
    fn unlinked(&self, _: &ServerId, _: usize) {}

    fn left(&self, server: &ServerId, incarnation: Incarnation, departure: Departure) {
        match departure {
            Departure::Goodbye => self.over(server, incarnation),
            // It is expected until it is forgotten.
            Departure::Silence => {}
            // The later process is heard next, and takes its place.
            Departure::Replaced => {}
        }
    }

    fn forgotten(&self, server: &ServerId, incarnation: Incarnation) {
        self.over(server, incarnation);
    }

    fn refused(&self, by: &ServerId, why: Refused) -> Verdict {
        if self.lock().is_over {
            return Verdict::Wait;
        }
        let text = match &why {
            Refused::Occupied { host, pid, .. } => {
                format!("{} runs already, on {host} as process {pid}", self.id)
            }
            _ => format!("another process of {} has begun later, says {by}", self.id),
        };
        if let Some(member) = self.events.refused(why) {
            return Verdict::Again(Box::new(member));
        }
        let error = Error::of(ErrorKind::Refused, text);
        if self.lock().is_registered {
            self.events.failed(error.clone());
        }
        Verdict::GiveUp(error)
    }

    fn failed(&self, error: Error) {
        self.events.failed(error);
    }
}

/// A server's place.
struct Registered {
    engine: Arc<Engine>,
    presence: Arc<Presence>,
}

impl Registration for Registered {
    fn update(&self, member: Member) {
        if !member.is_guest() {
            self.presence.lock().listed.insert(member.info.id.clone(), member.info.clone());
        }
        self.engine.announce(member);
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        self.presence.lock().is_over = true;
        Box::pin(self.engine.close())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.presence.lock().is_over = true;
        self.engine.close_soon();
    }
}
