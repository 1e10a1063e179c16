//! The transport over NATS: each server has a subject of its own, and links to all that it hears.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo_core::cluster::{LinkEvents, LinkSender, Member, Refused, Superseded, Transport, Unsent};
use pomelo_core::value::{Error, Incarnation, Result, ServerId, ServerInfo};
use pomelo_core::wire::envelope::Envelope;

use crate::endpoint::Departure;
use crate::engine::{Engine, Receiver, Verdict};
use crate::error::NatsError;
use crate::options::Nats;
use crate::subject::Plane;

/// How much longer than the answer to its claim a server waits for it: the bus may be slow, or away.
const CLAIM_SLACK: Duration = Duration::from_secs(1);

impl Transport for Nats {
    /// As [`Transport::bind`]. It takes as long as another process that has the id may take to [answer](Nats::answer).
    fn bind(
        &self,
        server: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>> {
        Box::pin(async move {
            let links = Arc::new(Links(link_events));
            let engine =
                Engine::start(self, Plane::Link, server, links).await.map_err(NatsError::into_error)?;
            let link_sender = NatsSender { engine, silence: self.settings.silence };
            // Whatever comes of it: a server whose id is taken was told so, and goes on asking until it gives up.
            link_sender.engine.claim(self.settings.answer + CLAIM_SLACK).await;
            Ok(Arc::new(link_sender) as Arc<dyn LinkSender>)
        })
    }
}

/// The links of a server, as its engine knows them.
struct Links(Arc<dyn LinkEvents>);

impl Receiver for Links {
    fn greeting(&self, peer: &Member) -> Option<Envelope> {
        Some(self.0.greeting(peer))
    }

    fn joined(&self, member: Member) -> Result<(), Superseded> {
        self.0.joined(member)
    }

    fn receive(&self, from: &ServerId, envelope: Envelope) {
        self.0.receive(from, envelope);
    }

    fn changed(&self, member: Member) {
        self.0.changed(member);
    }

    fn unlinked(&self, server: &ServerId, unarrived: usize) {
        self.0.unlinked(server, unarrived);
    }

    fn left(&self, server: &ServerId, incarnation: Incarnation, _: Departure) {
        self.0.left(server, incarnation);
    }

    /// Links end with silence; whom to expect is not up to them.
    fn forgotten(&self, _: &ServerId, _: Incarnation) {}

    fn refused(&self, by: &ServerId, why: Refused) -> Verdict {
        // What the server is then it announces.
        self.0.refused(by, why);
        Verdict::Wait
    }

    fn failed(&self, error: Error) {
        self.0.failed(error);
    }
}

/// The sending side of a server on the bus.
struct NatsSender {
    engine: Arc<Engine>,
    silence: Duration,
}

impl LinkSender for NatsSender {
    fn send(&self, to: &ServerId, envelope: Envelope) -> Result<(), Unsent> {
        self.engine.lock().send(to, &envelope)?;
        self.engine.publish_soon();
        Ok(())
    }

    /// Whoever is heard is linked, expected or not.
    fn expect(&self, _: &[Arc<ServerInfo>]) {}

    fn trouble(&self, server: &ServerId) -> Option<String> {
        self.engine.lock().trouble(server)
    }

    fn announce(&self, server: Member) {
        self.engine.announce(server);
    }

    fn cut(&self, server: &ServerId, incarnation: Incarnation) {
        self.engine.lock().cut(server, incarnation);
    }

    fn gone_after(&self) -> Duration {
        self.silence
    }

    fn queued_bytes(&self) -> usize {
        self.engine.lock().queued_bytes()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.engine.close())
    }
}

impl Drop for NatsSender {
    fn drop(&mut self) {
        self.engine.close_soon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl LinkEvents for Nobody {
        fn receive(&self, _: &ServerId, _: Envelope) {}

        fn greeting(&self, _: &Member) -> Envelope {
            Envelope::greeting()
        }

        fn joined(&self, _: Member) -> Result<(), Superseded> {
            Ok(())
        }

        fn changed(&self, _: Member) {}

        fn unlinked(&self, _: &ServerId, _: usize) {}

        fn left(&self, _: &ServerId, _: Incarnation) {}
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_options_is_the_source_of_the_error_of_a_start() {
        let nats = Nats::new("10.0.0.5");
        let error =
            nats.bind(crate::endpoint::member("chat-1"), Arc::new(Nobody)).await.err().unwrap().into_std();
        assert!(error.to_string().contains("allow_insecure()"), "{error}");
        let mut sources = std::iter::successors(std::error::Error::source(&error), |source| source.source());
        assert!(
            sources.any(|source| matches!(source.downcast_ref(), Some(NatsError::Insecure(_)))),
            "{error:?}"
        );
        let long = crate::endpoint::member(&"x".repeat(300));
        let error = Nats::new("127.0.0.1:1").bind(long, Arc::new(Nobody)).await.err().unwrap();
        assert!(error.message().contains("255 bytes"), "{error}");
    }
}
