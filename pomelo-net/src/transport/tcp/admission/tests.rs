//! Two processes that want one id, on virtual time.

use pomelo_core::value::Incarnation;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

fn member(incarnation: Incarnation) -> Member {
    let member = serde_json::json!({
        "info": { "id": "gate-1" }, "incarnation": incarnation, "methods": {}, "encodings": []
    });
    serde_json::from_value(member).unwrap()
}

/// A peer, and incarnations of it in the order of their beginning.
struct World {
    peer: Arc<Peer>,
    older: Incarnation,
    later: Incarnation,
}

impl World {
    fn new() -> Self {
        let (older, later) = (Incarnation::begin("gate-1"), Incarnation::begin("gate-1"));
        Self { peer: Arc::new(Peer::new(member(older).info, true)), older, later }
    }

    /// There is a link to that process. It says that it is there after that time, if it does; when its link is closed the peer
    /// is unlinked, as by who serves it.
    fn link(&self, incarnation: Incarnation, answers: Option<Duration>) -> (Arc<Queue>, JoinHandle<()>) {
        let queue = Arc::new(Queue::new(1 << 20, 1 << 20));
        self.peer.link(queue.clone(), Process { incarnation, host: "10.0.0.7".into(), pid: 7 });
        let (peer, link) = (self.peer.clone(), queue.clone());
        let serving = tokio::spawn(async move {
            let answering = async {
                if let Some(after) = answers {
                    link.ready().await;
                    tokio::time::sleep(after).await;
                    link.heard();
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = link.closed() => {}
                () = answering => {}
            }
            peer.unlink(Instant::now() + Duration::from_secs(5));
        });
        (queue, serving)
    }

    /// What becomes of a newcomer, and after how long.
    async fn come(&self, incarnation: Incarnation, made: Made) -> (Result<(), String>, Duration) {
        let (began, options) = (Instant::now(), TcpOptions::default());
        let newcomer = member(incarnation);
        let admitted = admit(&self.peer, &newcomer, made, &options);
        let admitted = tokio::time::timeout(Duration::from_secs(3600), admitted).await;
        let admitted = admitted.expect("it waits for ever");
        (admitted.map(drop).map_err(|refusal| refusal.to_string()), began.elapsed())
    }
}

const AT_ONCE: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn where_nobody_is_a_newcomer_is_let_in_at_once() {
    let world = World::new();
    assert_eq!(world.come(world.older, Made::ByListening).await, (Ok(()), AT_ONCE));
}

#[tokio::test(start_paused = true)]
async fn a_second_process_is_refused_while_the_first_answers_and_told_where_that_runs() {
    let world = World::new();
    let (link, _serving) = world.link(world.older, Some(Duration::from_millis(900)));
    let (refused, after) = world.come(world.later, Made::ByListening).await;
    assert_eq!(refused.unwrap_err(), "that server runs on 10.0.0.7 already, as the process 7");
    assert!(after < ANSWER_TIMEOUT && !link.is_closed(), "the first one notices nothing");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_does_not_answer_for_a_second_gives_its_id_up() {
    let world = World::new();
    let (link, serving) = world.link(world.older, None);
    assert_eq!(world.come(world.later, Made::ByListening).await, (Ok(()), ANSWER_TIMEOUT));
    assert!(link.is_closed());
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_earlier_process_is_superseded_whatever_the_later_one_does() {
    for is_linked in [true, false] {
        let world = World::new();
        let (link, serving) = world.link(world.later, None);
        if !is_linked {
            link.close();
            serving.await.unwrap();
        }
        let (refused, after) = world.come(world.older, Made::ByDialing).await;
        assert_eq!((refused.is_err(), after), (true, AT_ONCE));
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_process_replaces_a_link_of_which_only_this_side_knows() {
    let world = World::new();
    let (link, serving) = world.link(world.older, None);
    assert_eq!(world.come(world.older, Made::ByListening).await, (Ok(()), AT_ONCE));
    assert!(link.is_closed());
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_link_just_broke_has_a_second_to_come_back() {
    let world = World::new();
    let (link, serving) = world.link(world.older, None);
    link.close();
    serving.await.unwrap();
    assert_eq!(world.come(world.later, Made::ByListening).await, (Ok(()), ANSWER_TIMEOUT));
    assert_eq!(world.come(world.later, Made::ByListening).await, (Ok(()), AT_ONCE), "it had it");

    let world = World::new();
    let (link, serving) = world.link(world.older, None);
    link.close();
    serving.await.unwrap();
    let ((refused, _), _serving) = tokio::join!(world.come(world.later, Made::ByListening), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.link(world.older, Some(AT_ONCE))
    });
    assert!(refused.unwrap_err().contains("the process 7"));
}

#[tokio::test(start_paused = true)]
async fn who_listens_on_the_port_of_a_process_that_is_not_linked_has_its_id() {
    let world = World::new();
    let (link, serving) = world.link(world.older, None);
    link.close();
    serving.await.unwrap();
    assert_eq!(world.come(world.later, Made::ByDialing).await, (Ok(()), AT_ONCE));
}
