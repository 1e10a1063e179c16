//! Sessions at their frontend, without a server.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};

use bytes::Bytes;

use super::*;
use crate::frontend::testing::{Client, TestFrontend};
use crate::value::Result;
use crate::wire::envelope::{Answer, Message};
use crate::wire::{Encoding, Format};

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never happens: {what}");
}

fn send(session: &Arc<ClientSession>, id: u64, method: &str) -> Flow {
    session.receive(Some(id), &format!("gate.testHandler.{method}"), Body::json(method.to_owned()))
}

async fn receives(client: &Client, text: &str) {
    until(text, || client.received() == text).await;
}

#[tokio::test]
async fn messages_are_handled_one_after_the_other_in_order() {
    let frontend = TestFrontend::new();
    let (session, client) = frontend.open();
    for (id, method) in [(1, "echo"), (2, "hold"), (3, "echo"), (4, "echo")] {
        assert_eq!(send(&session, id, method), Flow::Continue);
    }
    receives(&client, "1 echo;").await;
    frontend.dispatcher.released.add_permits(1);
    receives(&client, "1 echo;2 hold;3 echo;4 echo;").await;
    until("it is idle", || session.unanswered() == 0).await;
}

#[tokio::test]
async fn a_session_that_closes_drops_what_waits_ends_what_runs_then_runs_its_hooks_and_frees_its_user() {
    let frontend = TestFrontend::new();
    let (session, client) = frontend.open();
    let snapshot = frontend.session(&session);
    snapshot.bind("ann").await.unwrap();
    let ran = Arc::new(Mutex::new(None));
    let hook = ran.clone();
    let noted = move |closed: crate::session::Session| {
        *hook.lock().unwrap() = closed.close_reason().map(str::to_owned);
        async { Ok(()) }
    };
    snapshot.on_closed(noted).await.unwrap();
    send(&session, 1, "hold");
    until("it runs", || frontend.dispatcher.begun.load(Ordering::Relaxed) == 1).await;
    send(&session, 2, "echo");
    assert!(session.close(CloseMode::Discard, "cheating"));
    assert!(!session.close(CloseMode::Drain, "again"), "there is one close");
    receives(&client, "kick cheating;").await;
    until("its connection closes", || client.is_closed()).await;
    assert_eq!(frontend.registry.peers.counters.dropped(Dropped::SessionClosed), 1);
    assert!(frontend.registry.session(session.id()).is_none() && frontend.registry.all_of("ann").len() == 1);
    assert_eq!((session.is_closed(), ran.lock().unwrap().clone()), (false, None));
    frontend.dispatcher.released.add_permits(1);
    session.closed().await;
    assert_eq!(ran.lock().unwrap().as_deref(), Some("cheating"));
    assert!(frontend.registry.all_of("ann").is_empty());
}

#[tokio::test]
async fn a_drained_client_is_sent_what_is_queued_and_no_kick() {
    let frontend = TestFrontend::new();
    let (session, client) = frontend.open();
    send(&session, 1, "echo");
    receives(&client, "1 echo;").await;
    session.with_outbox(|outbox| outbox.send("push;".into()));
    assert!(session.close(CloseMode::Drain, "the server is stopping"));
    receives(&client, "1 echo;push;restart;").await;
    session.closed().await;
}

/// The numbers of what was sent to `chat-1`.
fn forwarded(frontend: &TestFrontend) -> Vec<u64> {
    let sent = frontend.sent.take().into_iter();
    sent.map(|(_, message)| match message {
        Message::Forward { seq, .. } => seq,
        other => panic!("{other:?}"),
    })
    .collect()
}

#[tokio::test]
async fn a_forwarded_message_is_answered_once_by_its_server_or_not_at_all() {
    let frontend = TestFrontend::new();
    let (session, client) = frontend.open();
    for id in 1..=2 {
        send(&session, id, "forward");
    }
    let mut seqs = vec![];
    until("both are on their way", || {
        seqs.extend(forwarded(&frontend));
        seqs.len() == 2
    })
    .await;
    let peers = &frontend.registry.peers;
    let answer = |text: &'static str| -> Result<Answer> { Ok(Answer::Response(Some(Body::json(text)))) };
    peers.complete(seqs[1], answer("second"));
    receives(&client, "2 second;").await;
    session.close(CloseMode::Gone, "closed by the client");
    let ended = frontend.dispatcher.ended.lock().unwrap().clone();
    assert_eq!(ended, [Ok("second".into()), Err(ErrorKind::Closed)]);
    let sent = frontend.sent.take();
    assert!(matches!(&sent[..], [(_, Message::SessionGone { id })] if *id == session.id()), "{sent:?}");
    peers.complete(seqs[0], answer("first"));
    assert_eq!((peers.counters.dropped(Dropped::LateReply), peers.pending.len()), (1, 0));
    // The server that handles a message of the session is told before the session is closed, and has hooks run.
    until("it is told", || matches!(&frontend.sent.take()[..], [(_, Message::SessionClosed { .. })])).await;
    session.closed().await;
}

#[tokio::test]
async fn what_is_sent_after_another_connection_took_the_place_of_the_first_goes_to_that_one() {
    let frontend = TestFrontend::new();
    let (session, first) = frontend.open();
    let (connection, second) = frontend.connect();
    let born = session.generation();
    send(&session, 1, "hold");
    session.with_outbox(|outbox| outbox.send("before;".into()));
    let attached = session.attach(&connection).expect("it is open");
    assert!(attached > born && attached == session.generation());
    session.with_outbox(|outbox| outbox.send("after;".into()));
    frontend.dispatcher.released.add_permits(1);
    receives(&second, "after;1 hold;").await;
    receives(&first, "before;").await;
    assert!(!session.close_if_attached(born, "closed by the client"), "its first connection is nobody's");
    assert!(session.close(CloseMode::Discard, "kick"));
    receives(&second, "after;1 hold;kick kick;").await;
    session.closed().await;
    assert!(session.attach(&frontend.connect().0).is_none(), "it is closed");
    assert_eq!((first.received().as_str(), first.is_closed()), ("before;", false));
}

/// A format whose session gets another connection while a response is framed.
struct Moving {
    session: OnceLock<Arc<ClientSession>>,
    next: Arc<Outbox>,
}

impl Format for Moving {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn push(&self, _: &str, _: &Body) -> Result<Bytes> {
        Ok("a push;".into())
    }

    fn response(&self, id: u64, _: &Body) -> Result<Bytes> {
        self.session.get().unwrap().attach(&self.next).expect("it is open");
        Ok(format!("{id} in another format;").into())
    }

    fn kick(&self, _: &str) -> Bytes {
        "a kick;".into()
    }
}

#[tokio::test]
async fn a_response_goes_to_the_connection_that_it_was_framed_for() {
    let frontend = TestFrontend::new();
    let ((first, before), (next, after)) = (frontend.connect(), frontend.connect());
    let moving = Arc::new(Moving { session: OnceLock::new(), next });
    first.set_format(frontend.registry.formats.add(moving.clone()).unwrap());
    let session = ClientSession::open(&frontend.registry, &first, None);
    assert!(moving.session.set(session.clone()).is_ok());
    send(&session, 1, "echo");
    receives(&before, "1 in another format;").await;
    send(&session, 2, "echo");
    receives(&after, "2 echo;").await;
    assert_eq!(before.received(), "1 in another format;");
}

#[tokio::test]
async fn the_end_of_the_connection_that_is_attached_closes_the_session() {
    let frontend = TestFrontend::new();
    let (session, _client) = frontend.open();
    let generation = session.attach(&frontend.connect().0).unwrap();
    assert!(session.close_if_attached(generation, "closed by the client"));
    session.closed().await;
}

/// Pushes come from other threads while the connection is replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_push_is_lost_or_doubled_while_connections_are_replaced() {
    const PUSHES: usize = 2_000;
    let frontend = TestFrontend::new();
    let (session, first) = frontend.open();
    let mut clients = vec![first];
    let pushing = {
        let session = session.clone();
        std::thread::spawn(move || {
            for number in 0..PUSHES {
                session.with_outbox(|outbox| outbox.send(format!("{number};").into()));
                std::thread::yield_now();
            }
        })
    };
    for _ in 0..20 {
        let (connection, client) = frontend.connect();
        session.attach(&connection).unwrap();
        clients.push(client);
        tokio::task::yield_now().await;
    }
    tokio::task::spawn_blocking(move || pushing.join().unwrap()).await.unwrap();
    let received = || -> Vec<usize> {
        let texts: String = clients.iter().map(|client| client.received()).collect();
        texts.split_terminator(';').map(|number| number.parse().unwrap()).collect()
    };
    until("all have arrived", || received().len() == PUSHES).await;
    assert!(received().into_iter().eq(0..PUSHES), "each once, in order over the connections");
}
