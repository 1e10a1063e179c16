//! Two processes of one id: who comes second, and who was replaced.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pomelo::app::Running;
use pomelo::error::ErrorKind;
use pomelo::error::StartError;
use pomelo::ext::discovery::{Discovery, MembershipEvents, Registration};
use pomelo::ext::transport::{LinkEvents, LinkSender, Member, Refused, Transport};
use pomelo::net::transport::Memory;
use pomelo::session::Incarnation;
use pomelo::{Result, to};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::soon;
use crate::world::{App, Log, Rpc, SERVERS, World};

fn occupied(incarnation: Incarnation) -> Refused {
    Refused::Occupied { host: "10.0.0.7".into(), pid: 4711, incarnation }
}

#[tokio::test(start_paused = true)]
async fn a_running_server_that_was_replaced_lets_its_clients_go_and_says_why_it_ends() {
    let world = World::start().await;
    let clients = [world.user("connector-1", "ann", "chat-1").await, world.client("connector-1")];
    let link_events = world.transport.link_events("connector-1");
    let own = world.app("connector-1").report().incarnation;
    // What was known of it before it began is no news.
    link_events.refused(&"chat-1".into(), Refused::Superseded(Incarnation::begin("connector-1").min(own)));
    link_events.refused(&"chat-1".into(), Refused::Superseded(Incarnation::begin_after("connector-1", own)));
    let (server, error) = soon(world.running("connector-1").failed()).await;
    assert_eq!(*server, *"connector-1");
    assert!(error.message().contains("has begun later") && error.message().contains("chat-1"), "{error}");
    for client in &clients {
        assert_eq!(client.end().await, None, "a kick, after which published clients don't come back");
    }
    assert_eq!(world.app("connector-1").report().incarnation, own, "it never begins anew");
    world.stop().await;
}

/// The one that it has to give way to may end, and it isn't this one's fault.
#[tokio::test(start_paused = true)]
async fn a_running_server_goes_on_when_a_peer_takes_another_process_for_it() {
    let world = World::start().await;
    let ann = world.user("connector-1", "ann", "chat-1").await;
    let link_events = world.transport.link_events("connector-1");
    for _ in 0..100 {
        link_events.refused(&"chat-2".into(), occupied(Incarnation::begin("connector-1")));
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(ann.request("chat.roomHandler.ping", json!({})).await, json!({}));
    world.stop().await;
}

/// Whether a server is refused, so long after it was first there.
type Refuse = Arc<dyn Fn(Duration, &Member) -> Option<Refused> + Send + Sync>;

/// A transport whose peers refuse a server that binds, as long as `refuse` says so.
struct Refusing {
    memory: Memory,
    refuse: Refuse,
}

impl Transport for Refusing {
    fn bind(
        &self,
        server: Member,
        link_events: Arc<dyn LinkEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>> {
        let (began, refuse, own) = (Instant::now(), self.refuse.clone(), server.clone());
        let peers = link_events.clone();
        Box::pin(async move {
            let link_sender = self.memory.bind(server, link_events).await?;
            tokio::spawn(async move {
                while let Some(why) = refuse(began.elapsed(), &own) {
                    peers.refused(&"chat-1".into(), why);
                    sleep(Duration::from_millis(500)).await;
                }
                let mut back = own.clone();
                back.info =
                    Arc::new(pomelo::server::ServerInfo { id: "chat-1".into(), ..(*own.info).clone() });
                // It takes the link by now.
                let _ = peers.joined(back);
            });
            Ok(link_sender)
        })
    }
}

async fn start(
    refuse: impl Fn(Duration, &Member) -> Option<Refused> + Send + Sync + 'static,
) -> Result<Running<Rpc>, StartError> {
    let transport = Refusing { memory: Memory::new(), refuse: Arc::new(refuse) };
    App::builder()
        .servers(SERVERS)
        .transport(Arc::new(transport))
        .insert(Log::default())
        .configure("all", "all", |app| app.limits().link_timeout = Duration::from_secs(1))
        .start_only(|info| &*info.id == "chat-2")
        .await
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_id_is_taken_does_not_start_and_says_who_has_it() {
    let began = Instant::now();
    let refused = start(|_, own| Some(occupied(own.incarnation))).await;
    let error = refused.err().expect("it has started");
    assert_eq!(error.kind(), ErrorKind::Refused);
    for part in ["chat-2", "10.0.0.7", "4711", "chat-1"] {
        assert!(error.message().contains(part), "{part} is not in: {error}");
    }
    assert!(began.elapsed() >= Duration::from_secs(5), "the other one may be about to go");
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_id_becomes_free_in_time_starts() {
    let until = Duration::from_secs(4);
    let running = start(move |now, own| (now < until).then(|| occupied(own.incarnation))).await.unwrap();
    running.stop().await;
}

/// One that began an hour later, by a clock that was ahead.
fn an_hour_after(incarnation: Incarnation) -> Incarnation {
    // Microseconds, and twelve bits of the server's name below.
    let bits = serde_json::to_value(incarnation).unwrap().as_u64().unwrap();
    serde_json::from_value(json!(bits + (3_600_000_000 << 12))).unwrap()
}

/// The clock was set back since the process before it began.
#[tokio::test(start_paused = true)]
async fn a_server_that_starts_begins_later_than_the_process_before_it_whatever_its_clock_says() {
    let ahead = Arc::new(std::sync::Mutex::new(None));
    let before = ahead.clone();
    let running = start(move |now, own| {
        let mut before = before.lock().unwrap();
        let before = before.get_or_insert(an_hour_after(own.incarnation));
        now.is_zero().then_some(Refused::Superseded(*before))
    })
    .await
    .unwrap();
    let app = running.app("chat-2").unwrap();
    assert!(app.report().incarnation > ahead.lock().unwrap().unwrap());
    // It can be called for, by that.
    assert_eq!(soon(app.rpc.chat.chat_remote.echo(to("chat-2"), 1).into_future()).await.unwrap(), 1);
    running.stop().await;
}

/// A discovery that refuses a server for a while.
struct Doorman(Refuse, Instant);

struct Place;

impl Registration for Place {
    fn update(&self, _: Member) {}

    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl Discovery for Doorman {
    fn register(
        &self,
        member: Member,
        events: Arc<dyn MembershipEvents>,
    ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
        Box::pin(async move {
            let mut member = member;
            while let Some(why) = self.0(self.1.elapsed(), &member) {
                match events.refused(why) {
                    Some(again) => member = again,
                    None => return Err(pomelo::Error::new(500, "refused")),
                }
                sleep(Duration::from_millis(500)).await;
            }
            Ok(Arc::new(Place) as Arc<dyn Registration>)
        })
    }
}

async fn start_at(
    doorman: impl Fn(Duration, &Member) -> Option<Refused> + Send + Sync + 'static,
) -> Result<Running<Rpc>, StartError> {
    App::builder()
        .servers(SERVERS)
        .discovery(Arc::new(Doorman(Arc::new(doorman), Instant::now())))
        .insert(Log::default())
        .configure("all", "all", |app| app.limits().link_timeout = Duration::ZERO)
        .start_only(|info| &*info.id == "chat-2")
        .await
}

#[tokio::test(start_paused = true)]
async fn a_discovery_that_has_another_process_of_the_id_is_asked_again_and_then_the_start_fails() {
    let until = Duration::from_secs(4);
    let running = start_at(move |now, own| (now < until).then(|| occupied(own.incarnation))).await.unwrap();
    running.stop().await;
    assert!(start_at(|_, own| Some(occupied(own.incarnation))).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_discovery_that_knows_a_later_process_is_told_of_a_later_one_still() {
    let first = Arc::new(std::sync::OnceLock::new());
    let known = first.clone();
    let running = soon(start_at(move |_, own| {
        // A process an hour ahead, for as long as it takes to tell of a later one.
        let later = *known.get_or_init(|| an_hour_after(own.incarnation));
        (own.incarnation <= later).then_some(Refused::Superseded(later))
    }))
    .await
    .unwrap();
    assert!(running.app("chat-2").unwrap().report().incarnation > *first.get().unwrap());
    running.stop().await;
}
