//! The memory transport with faults: envelopes of one direction are lost, held back or refused.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "every test binary uses another part")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use pomelo::Result;
use pomelo::ext::transport::Envelope;
use pomelo::ext::transport::{LinkEvents, LinkSender, Member, Transport, Unsent};
use pomelo::net::transport::Memory;
use pomelo::server::{ServerId, ServerInfo};
use pomelo::session::Incarnation;

/// What becomes of an envelope.
#[derive(Clone)]
pub enum Fault {
    /// It is counted, and arrives.
    Count,
    /// It is taken, and never arrives.
    Lose,
    /// It is taken, and arrives when the faults are over.
    Hold,
    /// It is refused: the link is full.
    Full,
    /// It is refused: it is longer than the transport carries.
    TooLong,
    /// It is refused, since there is no link any more, after this has run in the sender's thread.
    Broken(Arc<dyn Fn() + Send + Sync>),
    /// It arrives, after this has run in the sender's thread.
    After(Arc<dyn Fn() + Send + Sync>),
}

/// A fault of one direction.
struct Rule {
    from: &'static str,
    to: &'static str,
    /// A part of the envelope's text, such as `Join`; the empty text stands for every envelope.
    what: &'static str,
    fault: Fault,
    met: AtomicUsize,
}

/// A transport between servers of one process, with faults that tests set.
#[derive(Clone, Default)]
pub struct Faulty {
    pub memory: Memory,
    state: Arc<State>,
}

/// An envelope that is held back, where it goes, and what sends it.
type Held = (Arc<dyn LinkSender>, ServerId, Envelope);

#[derive(Default)]
struct State {
    rules: Mutex<Vec<Arc<Rule>>>,
    held: Mutex<Vec<Held>>,
    inboxes: Mutex<HashMap<ServerId, Arc<dyn LinkEvents>>>,
    on_announce: Mutex<Option<OnAnnounce>>,
}

/// Hears of a change before others do.
type OnAnnounce = Arc<dyn Fn(&Member) + Send + Sync>;

impl Faulty {
    /// Sets what becomes of envelopes from one server to another whose text has `what` in it.
    pub fn set(&self, from: &'static str, to: &'static str, what: &'static str, fault: Fault) {
        let rule = Rule { from, to, what, fault, met: AtomicUsize::new(0) };
        self.state.rules.lock().unwrap().push(Arc::new(rule));
    }

    /// How many envelopes have met a fault since the last [`heal`](Self::heal).
    pub fn met(&self) -> usize {
        self.state.rules.lock().unwrap().iter().map(|rule| rule.met.load(Ordering::SeqCst)).sum()
    }

    /// Ends all faults; what was held back arrives, in order.
    pub fn heal(&self) {
        self.state.rules.lock().unwrap().clear();
        for (link_sender, to, envelope) in std::mem::take(&mut *self.state.held.lock().unwrap()) {
            // A server that has left meanwhile gets nothing.
            let _ = link_sender.send(&to, envelope);
        }
    }

    /// Ends all faults; what was held back is lost.
    pub fn forget(&self) {
        self.state.rules.lock().unwrap().clear();
        self.state.held.lock().unwrap().clear();
    }

    /// Has `hear` run whenever a server says what it is now, before others hear of it.
    pub fn on_announce(&self, hear: impl Fn(&Member) + Send + Sync + 'static) {
        *self.state.on_announce.lock().unwrap() = Some(Arc::new(hear));
    }

    /// What a server is told by its transport.
    pub fn link_events(&self, server: &str) -> Arc<dyn LinkEvents> {
        self.state.inboxes.lock().unwrap()[server].clone()
    }

    fn rule(&self, from: &ServerId, to: &ServerId, envelope: &Envelope) -> Option<Arc<Rule>> {
        let rules = self.state.rules.lock().unwrap();
        let of_pair: Vec<_> = rules.iter().filter(|rule| *from == *rule.from && *to == *rule.to).collect();
        if of_pair.is_empty() {
            return None;
        }
        let text = format!("{envelope:?}");
        let rule = of_pair.into_iter().find(|rule| text.contains(rule.what))?;
        rule.met.fetch_add(1, Ordering::SeqCst);
        Some(rule.clone())
    }
}

impl Transport for Faulty {
    fn bind(
        &self,
        server: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>> {
        Box::pin(async move {
            let own = server.info.id.clone();
            self.state.inboxes.lock().unwrap().insert(own.clone(), link_events.clone());
            let link_sender = self.memory.bind(server, link_events).await?;
            Ok(Arc::new(FaultyOutlet { own, link_sender, all: self.clone() }) as Arc<dyn LinkSender>)
        })
    }
}

struct FaultyOutlet {
    own: ServerId,
    link_sender: Arc<dyn LinkSender>,
    all: Faulty,
}

impl LinkSender for FaultyOutlet {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        match self.all.rule(&self.own, to, &envelope).map(|rule| rule.fault.clone()) {
            Some(Fault::Lose) => return Ok(()),
            Some(Fault::Full) => return Err(Unsent::Full),
            Some(Fault::TooLong) => return Err(Unsent::TooLong),
            Some(Fault::Broken(run)) => {
                run();
                return Err(Unsent::NoLink);
            }
            Some(Fault::Hold) => {
                self.all.state.held.lock().unwrap().push((self.link_sender.clone(), to.clone(), envelope));
                return Ok(());
            }
            Some(Fault::After(run)) => run(),
            Some(Fault::Count) | None => {}
        }
        self.link_sender.send(to, envelope)
    }

    fn expect(&self, servers: &[Arc<ServerInfo>]) {
        self.link_sender.expect(servers);
    }

    fn announce(&self, server: Member) {
        let hear = self.all.state.on_announce.lock().unwrap().clone();
        hear.into_iter().for_each(|hear| hear(&server));
        self.link_sender.announce(server);
    }

    fn cut(&self, server: &ServerId, incarnation: Incarnation) {
        self.link_sender.cut(server, incarnation);
    }

    fn queued_bytes(&self) -> usize {
        self.link_sender.queued_bytes()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.link_sender.close()
    }
}
