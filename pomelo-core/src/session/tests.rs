//! Sessions of another server, without a server.

use std::sync::Mutex;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::metrics::Dropped;
use crate::peers::testing::{Recorder, peers};
use crate::value::Incarnation;
use crate::wire::envelope::Message;

/// What a server that handles messages of a session was told of it.
#[derive(Default)]
struct Handling {
    noted: Mutex<Vec<(Change, u64)>>,
    closed: Mutex<Vec<ClosedSession>>,
}

impl SessionHandling for Handling {
    fn note(&self, _: SessionId, change: Change, version: u64) {
        self.noted.lock().unwrap().push((change, version));
    }

    fn close(self: Arc<Self>, closed: ClosedSession) {
        self.closed.lock().unwrap().push(closed);
    }
}

/// This server's sessions are none.
struct NoOwner;

impl SessionOwner for NoOwner {
    fn act(self: Arc<Self>, _: &ServerId, _: SessionOp) -> Acting {
        unreachable!("nobody is connected here")
    }
}

/// The backend `chat-1` with a session of the frontend `gate-1`.
struct Backend {
    sessions: Arc<Sessions>,
    sent: Arc<Recorder>,
    handling: Arc<Handling>,
    session: Session,
}

impl Backend {
    fn new() -> Self {
        let (peers, sent) = peers("chat-1", &["gate-1"]);
        let (sessions, handling) = (Sessions::new(peers), Arc::new(Handling::default()));
        let handling_there: Arc<dyn SessionHandling> = handling.clone();
        let owner: std::sync::Weak<NoOwner> = std::sync::Weak::new();
        sessions.attach(owner, Arc::downgrade(&handling_there));
        let session = Session::new(&sessions, snapshot());
        Self { sessions, sent, handling, session }
    }

    /// What the frontend is asked next, with the question's number.
    async fn asked(&self) -> (u64, SessionOp) {
        loop {
            for (to, message) in self.sent.take() {
                if let Message::Session { seq, op, .. } = message {
                    assert_eq!(&*to, "gate-1");
                    return (seq, op);
                }
            }
            // A sleep, since a clock that is paused goes on only when nobody has anything to do.
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn answer(&self, seq: u64, result: Result<u64>) {
        self.sessions.peers.complete(seq, result.map(Answer::Done));
    }

    /// Registers a hook, which notes its name and the reason when it runs.
    fn register(&self, name: &'static str, ran: &Arc<Mutex<Vec<String>>>) -> JoinHandle<Result<()>> {
        let (session, ran) = (self.session.clone(), ran.clone());
        tokio::spawn(async move {
            let hook = move |closed: Session| async move {
                ran.lock().unwrap().push(format!("{name}: {}", closed.close_reason().unwrap_or_default()));
                Ok(())
            };
            session.on_closed(hook).await
        })
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        id: SessionId { incarnation: Incarnation::from_bits(7), serial: 1 },
        frontend: "gate-1".into(),
        uid: None,
        settings: Arc::default(),
        version: 3,
    }
}

fn closed() -> Error {
    Error::of(ErrorKind::Closed, "session is closed")
}

#[tokio::test]
async fn what_the_frontend_has_taken_over_is_noted_with_its_version_and_what_it_refused_is_not() {
    let backend = Backend::new();
    let session = backend.session.clone();
    let binding = tokio::spawn(async move { session.bind("ann").await });
    let (seq, op) = backend.asked().await;
    assert!(matches!(op, SessionOp::Bind { uid, unique: false, .. } if &*uid == "ann"));
    backend.answer(seq, Ok(4));
    binding.await.unwrap().unwrap();
    let session = backend.session.clone();
    let unbinding = tokio::spawn(async move { session.unbind("ann").await });
    let (seq, _) = backend.asked().await;
    backend.answer(seq, Err(closed()));
    assert_eq!(unbinding.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    let noted = backend.handling.noted.lock().unwrap();
    assert!(matches!(&noted[..], [(Change::User(Some(uid)), 4)] if &**uid == "ann"), "{noted:?}");
    assert_eq!(backend.session.uid().as_deref(), Some("ann"));
}

#[tokio::test]
async fn hooks_run_in_the_order_of_their_registration_then_the_frontend_is_told() {
    let (backend, ran) = (Backend::new(), Arc::new(Mutex::new(vec![])));
    for name in ["first", "second"] {
        let registering = backend.register(name, &ran);
        if name == "first" {
            // The frontend is asked once for each session.
            let (seq, op) = backend.asked().await;
            assert!(matches!(op, SessionOp::Subscribe { .. }));
            backend.answer(seq, Ok(0));
        }
        registering.await.unwrap().unwrap();
    }
    let closed = ClosedSession::new(snapshot(), "kick").asked_by(&"gate-1".into(), 9);
    backend.sessions.clone().run_hooks(closed).await;
    assert_eq!(*ran.lock().unwrap(), ["first: kick", "second: kick"]);
    let sent = backend.sent.take();
    assert!(matches!(&sent[..], [(_, Message::Reply { seq: 9, result: Ok(Answer::Done(0)) })]), "{sent:?}");
}

#[tokio::test]
async fn a_hook_on_a_session_that_is_closed_already_runs_at_once() {
    let (backend, ran) = (Backend::new(), Arc::new(Mutex::new(vec![])));
    let registering = backend.register("late", &ran);
    let (seq, _) = backend.asked().await;
    backend.answer(seq, Err(closed()));
    registering.await.unwrap().unwrap();
    assert_eq!(*ran.lock().unwrap(), ["late: closed"]);
}

#[tokio::test]
async fn a_registration_that_is_dropped_or_refused_takes_its_hook_back_and_no_other() {
    let (backend, ran) = (Backend::new(), Arc::new(Mutex::new(vec![])));
    let dropped = backend.register("dropped", &ran);
    let (late, _) = backend.asked().await;
    let refused = backend.register("refused", &ran);
    let (seq, _) = backend.asked().await;
    backend.answer(seq, Err(Error::of(ErrorKind::Overloaded, "too much")));
    assert_eq!(refused.await.unwrap().unwrap_err().kind(), ErrorKind::Overloaded);
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    backend.answer(late, Ok(0));
    let kept = backend.register("kept", &ran);
    let (seq, _) = backend.asked().await;
    backend.answer(seq, Ok(0));
    kept.await.unwrap().unwrap();
    backend.sessions.clone().run_hooks(ClosedSession::new(snapshot(), "kick")).await;
    assert_eq!(*ran.lock().unwrap(), ["kept: kick"]);
    assert_eq!(backend.sessions.peers.counters.dropped(Dropped::LateReply), 1);
}

#[tokio::test(start_paused = true)]
async fn a_closing_that_was_missed_while_the_link_was_down_is_caught_up_on() {
    let (backend, ran) = (Backend::new(), Arc::new(Mutex::new(vec![])));
    let registering = backend.register("hook", &ran);
    let (seq, _) = backend.asked().await;
    backend.answer(seq, Ok(0));
    registering.await.unwrap().unwrap();
    let sessions = backend.sessions.hooks.sessions_at(&"gate-1".into());
    assert_eq!(sessions.len(), 1);
    let subscribing = tokio::spawn(backend.sessions.clone().resubscribe(sessions));
    // What is only busy is asked again.
    for error in [Error::of(ErrorKind::Overloaded, "the link is full"), closed()] {
        let (seq, _) = backend.asked().await;
        backend.answer(seq, Err(error));
    }
    subscribing.await.unwrap();
    let missed = backend.handling.closed.lock().unwrap().pop().expect("it is closed");
    assert_eq!(
        (missed.session.id, &*missed.reason),
        (snapshot().id, "closed while the link to gate-1 was down")
    );
}

#[tokio::test]
async fn a_server_that_has_ended_has_no_session_left_to_act_on() {
    let backend = Backend::new();
    let here = ServerId::from("chat-1");
    let id = snapshot().id;
    let asked = |op| backend.sessions.ask(&here, op);
    assert!(matches!(asked(SessionOp::Get { id }).await, Ok(Answer::Sessions(found)) if found.is_empty()));
    assert!(matches!(asked(SessionOp::Kick { id, reason: None }).await, Ok(Answer::Done(0))));
    assert_eq!(asked(SessionOp::Subscribe { id }).await.unwrap_err().kind(), ErrorKind::Closed);
}
