//! Refusals at start of what could not work later.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pomelo::Result;
use pomelo::config::Limits;
use pomelo::error::ErrorKind;
use pomelo::ext::connector::Format;
use pomelo::request::{Body, Encoding};

use crate::world::{Parts, World};

/// A name of a limit, and what sets it to 0.
type Zero = (&'static str, fn(&mut Limits));

#[tokio::test]
async fn a_limit_of_0_with_which_nothing_would_be_handled_is_named() {
    let zeros: [Zero; 11] = [
        ("rpc_timeout", |limits| limits.rpc_timeout = Duration::ZERO),
        ("pending_calls", |limits| limits.pending_calls = 0),
        ("request_timeout", |limits| limits.request_timeout = Duration::ZERO),
        ("queued_requests", |limits| limits.queued_requests = 0),
        ("lane_queue", |limits| limits.lane_queue = 0),
        ("lanes", |limits| limits.lanes = 0),
        ("stop_timeout", |limits| limits.stop_timeout = Duration::ZERO),
        ("component_timeout", |limits| limits.component_timeout = Duration::ZERO),
        ("queued_pushes", |limits| limits.queued_pushes = 0),
        ("queued_events", |limits| limits.queued_events = 0),
        ("outboxes", |limits| limits.outboxes = 0),
    ];
    for (name, zero) in zeros {
        let started = Parts::new().builder(move |app| zero(app.limits())).start().await;
        let error = started.err().expect("it must not start");
        assert_eq!(error.kind(), ErrorKind::Config);
        let server = error.message().starts_with("connector-1: ");
        assert!(server && error.message().contains(&format!("`{name}` is 0")), "{error}");
    }
}

#[tokio::test]
async fn a_limit_that_nobody_can_mean_is_named_with_what_it_may_be() {
    let absurd: [(Zero, &str); 4] = [
        (
            ("rpc_timeout", |limits| limits.rpc_timeout = Duration::MAX),
            "is 213503982334601 days, allowed is 1ms to 365 days",
        ),
        (
            ("close_wait", |limits| limits.close_wait = Duration::MAX),
            "is 213503982334601 days, allowed is 0 to 365 days",
        ),
        (
            ("request_timeout", |limits| limits.request_timeout = Duration::from_nanos(30)),
            "is 30ns, allowed is 1ms to 365 days",
        ),
        (("lanes", |limits| limits.lanes = usize::MAX), "is 18446744073709551615, allowed is 1 to 65536"),
    ];
    for ((name, set), what) in absurd {
        let started = Parts::new().builder(move |app| set(app.limits())).start().await;
        let error = started.err().expect("it must not start");
        assert_eq!(error.message(), format!("connector-1: the limit `{name}` {what}"));
    }
}

struct Words;

impl Format for Words {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, _: &str, body: &Body) -> Result<Bytes> {
        Ok(body.bytes.clone())
    }

    fn response(&self, _: u64, body: &Body) -> Result<Bytes> {
        Ok(body.bytes.clone())
    }

    fn kick(&self, reason: &str) -> Bytes {
        Bytes::copy_from_slice(reason.as_bytes())
    }
}

#[tokio::test]
async fn more_formats_than_a_frontend_has_room_for_are_an_error() {
    let world = World::start().await;
    let frontend = world.app("connector-1").frontend();
    let error = (0..=64).find_map(|_| frontend.add_format(Arc::new(Words)).err()).expect("64 are all");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("too many connectors"), "{error}");
    world.running.stop().await;
}
