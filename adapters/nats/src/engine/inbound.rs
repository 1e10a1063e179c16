//! The inbound task: takes in what comes, and tells the server, one thing after the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Message, Subscriber};
use foldhash::fast::RandomState;
use futures::StreamExt;
use pomelo_core::cluster::{Member, Superseded};
use pomelo_core::outbox::turn;
use pomelo_core::value::ServerId;
use pomelo_core::wire::envelope::Envelope;
use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

use super::connect::by_chance;
use super::signal::{Signal, Signals};
use super::{Claimed, Engine, Verdict};
use crate::endpoint::{Event, LinkId};
use crate::error::NatsError;
use crate::wire::{Announcement, Packet};

/// A NATS server that is about to stop is left within this time: not by all at once.
const MOVE_WITHIN: Duration = Duration::from_secs(5);

/// How long the client may take to begin with that.
const MOVE_TIMEOUT: Duration = Duration::from_secs(1);

/// How many times in a beat the endpoint looks at the clock.
const TICKS_PER_BEAT: u32 = 10;

/// What comes, and what the task knows.
pub(super) struct Inbound {
    own: Subscriber,
    all: Subscriber,
    signals: Signals,
    /// The links that the server knows of.
    links: HashMap<ServerId, LinkId, RandomState>,
    /// When to leave a NATS server that is about to stop.
    move_at: Option<tokio::time::Instant>,
    /// When the bus went away.
    away_since: Option<Instant>,
}

/// What came.
enum Came {
    Signal(Option<Signal>),
    All(Option<Message>),
    Own(Option<Message>),
    Tick,
    Told,
    Move,
}

impl Inbound {
    pub(super) fn new(own: Subscriber, all: Subscriber, signals: Signals) -> Self {
        Self { own, all, signals, links: HashMap::default(), move_at: None, away_since: Some(Instant::now()) }
    }
}

/// Starts the task.
pub(super) fn start(engine: &Arc<Engine>, inbound: Inbound, beat: Duration) {
    let (weak, inbound) = (Arc::downgrade(engine), Arc::new(Mutex::new(inbound)));
    engine.tasks.spawn("NATS inbound", move || {
        let (weak, inbound) = (weak.clone(), inbound.clone());
        async move {
            let Some(engine) = weak.upgrade() else { return };
            inbound.lock().await.run(&engine, beat).await;
        }
    });
}

impl Inbound {
    async fn run(&mut self, engine: &Engine, beat: Duration) {
        let mut ticks = interval(beat / TICKS_PER_BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let move_at = self.move_at.unwrap_or_else(tokio::time::Instant::now);
            // A broken connection comes before what follows it. Announcements are few, and among them is what shows that the bus is there.
            let came = tokio::select! {
                biased;
                signal = self.signals.recv() => Came::Signal(signal),
                message = self.all.next() => Came::All(message),
                _ = ticks.tick() => Came::Tick,
                () = engine.told.notified() => Came::Told,
                () = sleep_until(move_at), if self.move_at.is_some() => Came::Move,
                message = self.own.next() => Came::Own(message),
            };
            let now = Instant::now();
            match came {
                Came::All(Some(message)) => {
                    if let Some(announcement) = Announcement::decode(&message.payload) {
                        engine.lock().announcement(announcement, now);
                    }
                }
                Came::Own(Some(message)) => self.packet(engine, message, now),
                Came::Tick => {
                    let is_connected = engine.client.connection_state() == State::Connected;
                    let mut endpoint = engine.lock();
                    endpoint.see_connection(is_connected, now);
                    endpoint.tick(now);
                }
                Came::Signal(Some(signal)) => self.signal(engine, signal, now),
                Came::Told => {}
                Came::Move => self.move_on(engine).await,
                Came::Signal(None) | Came::All(None) | Came::Own(None) => {
                    return engine.tasks.fail(NatsError::Closed.into_error());
                }
            }
            self.tell(engine, now);
            if !engine.lock().is_idle() {
                engine.publish_soon();
            }
            if turn::is_over() {
                yield_now().await;
            }
        }
    }

    fn packet(&mut self, engine: &Engine, message: Message, now: Instant) {
        match Packet::decode(message.payload) {
            Ok(packet) => engine.lock().packet(packet, now),
            Err(error) => tracing::debug!(server = %engine.id, %error, "what came can't be read"),
        }
    }

    fn signal(&mut self, engine: &Engine, signal: Signal, now: Instant) {
        match signal {
            Signal::Connected => engine.lock().connected(now),
            Signal::Disconnected => engine.lock().disconnected(now),
            Signal::LameDuck => {
                let soon = tokio::time::Instant::now() + by_chance(MOVE_WITHIN);
                self.move_at = Some(self.move_at.unwrap_or(soon));
            }
        }
    }

    /// Leaves a NATS server that is about to stop for another one, if one is known: configured, or named by that server.
    async fn move_on(&mut self, engine: &Engine) {
        self.move_at = None;
        let moving = async {
            if engine.client.server_pool().await.is_ok_and(|pool| pool.len() > 1) {
                tracing::info!(server = %engine.id, "leaves a NATS server that is about to stop");
                // It fails only when the client has ended.
                let _ = engine.client.force_reconnect().await;
            } else {
                tracing::warn!(server = %engine.id, "the only NATS server that is known is about to stop");
            }
        };
        // A client that can't take the order has lost its connection, and looks for another one anyhow.
        let _ = timeout(MOVE_TIMEOUT, moving).await;
    }

    /// Tells the server what happened.
    fn tell(&mut self, engine: &Engine, now: Instant) {
        loop {
            let Some(event) = engine.lock().event() else { return };
            self.tell_one(engine, event, now);
        }
    }

    fn tell_one(&mut self, engine: &Engine, event: Event, now: Instant) {
        let receiver = &engine.receiver;
        match event {
            Event::Arrived(from, link, bytes) => {
                // A link that was refused, or is gone, brings nothing.
                if self.links.get(&from) != Some(&link) {
                    return;
                }
                match Envelope::decode(bytes) {
                    Ok(envelope) => receiver.receive(&from, envelope),
                    Err(error) => {
                        tracing::error!(server = %engine.id, peer = %from, %error, "the link is made anew for what came");
                        engine.lock().reject(&from, link, now);
                    }
                }
            }
            Event::Agreed(member, link) => self.join(engine, member, link, now),
            Event::Changed(member) => receiver.changed(member),
            Event::Unlinked(id, unarrived) => {
                self.links.remove(&id);
                receiver.unlinked(&id, unarrived);
            }
            Event::Left(id, incarnation, departure) => receiver.left(&id, incarnation, departure),
            Event::Forgotten(id, incarnation) => receiver.forgotten(&id, incarnation),
            Event::Claimed => drop(engine.claimed.send_replace(Claimed::Held)),
            Event::Settled => drop(engine.claimed.send_replace(Claimed::Settled)),
            Event::Refused(by, why) => {
                let claimed = match receiver.refused(&by, why) {
                    Verdict::Wait => Claimed::Refused,
                    Verdict::Again(me) => {
                        engine.lock().announce(*me, now);
                        return;
                    }
                    Verdict::GiveUp(error) => Claimed::GivenUp(error),
                };
                engine.claimed.send_replace(claimed);
            }
            Event::BusAway => {
                self.away_since = Some(now);
                if let Some(left_out) = engine.complaints.admit("away") {
                    tracing::warn!(server = %engine.id, left_out, "the NATS bus is away: until it is back there are no links to other servers");
                }
            }
            Event::BusBack => {
                let away_for = self.away_since.take().map(|since| now.saturating_duration_since(since));
                if let Some(left_out) = engine.complaints.admit("back") {
                    tracing::info!(server = %engine.id, left_out, ?away_for, "the NATS bus is there");
                }
            }
        }
    }

    fn join(&mut self, engine: &Engine, member: Member, link: LinkId, now: Instant) {
        let id = member.info.id.clone();
        let greeting = engine.receiver.greeting(&member);
        let opened = engine.lock().open(&id, link, greeting.as_ref(), now);
        match opened {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(server = %engine.id, peer = %id, ?error, "the greeting of a link can't be sent");
                return;
            }
        }
        match engine.receiver.joined(member) {
            Ok(()) => drop(self.links.insert(id, link)),
            Err(Superseded(later)) => engine.lock().refuse(&id, link, later),
        }
    }
}
