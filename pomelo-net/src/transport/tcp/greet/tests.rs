//! Both sides of a handshake on loopback.

use std::sync::Arc;

use pomelo_core::value::Incarnation;
use tokio::net::TcpListener;

use super::*;

fn member(id: &str) -> Member {
    let info = serde_json::from_value(serde_json::json!({ "id": id })).unwrap();
    Member {
        info: Arc::new(info),
        incarnation: Incarnation::begin(id),
        methods: Arc::default(),
        encodings: vec![],
        leaving: false,
        newcomer: false,
    }
}

fn secret(text: Option<&str>) -> Option<Secret> {
    text.map(|text| Secret::new(text).unwrap())
}

/// What a server makes of who dialed.
async fn answered(stream: TcpStream, own: &ServerId, secret: Option<&Secret>) -> Result<Caller, GreetError> {
    let mut connection = Connection::new(stream);
    let first = connection.hear().await?;
    answer(connection, first, own, secret).await
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialed = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (dialed, listener.accept().await.unwrap().0)
}

/// What `a` and `b` come to, of which `a` dials.
async fn greeted(
    a: Option<&str>,
    b: Option<&str>,
) -> (Result<Greeted, GreetError>, Result<Caller, GreetError>) {
    let (dialed, accepted) = pair().await;
    let (a, b, b_id) = (secret(a), secret(b), ServerId::from("b"));
    tokio::join!(dial(dialed, member("a"), &b_id, a.as_ref()), answered(accepted, &b_id, b.as_ref()),)
}

#[tokio::test]
async fn two_that_know_the_secret_greet_each_other() {
    let (dialed, accepted) = pair().await;
    let (key, b) = (secret(Some("s")), ServerId::from("b"));
    let welcome = async {
        let answered = answered(accepted, &b, key.as_ref()).await;
        let Ok(Caller::Link(mut greeted)) = answered else { panic!("no link") };
        greeted.connection.say(&Control::Welcome { member: member("b"), pid: 7 }).await.unwrap();
        greeted.member.info.id.clone()
    };
    let (dialer, known) = tokio::join!(dial(dialed, member("a"), &b, key.as_ref()), welcome);
    assert_eq!((dialer.ok().unwrap().member.info.id.clone(), known), ("b".into(), "a".into()));
}

#[tokio::test]
async fn without_the_same_secret_both_sides_say_why_there_is_no_link() {
    for (a, b) in [(Some("s"), Some("t")), (Some("s"), None), (None, Some("s"))] {
        let (dialer, listener) = greeted(a, b).await;
        let errors = (dialer.err().unwrap(), listener.err().unwrap());
        // The listener proves itself first, so it is the dialer that refuses.
        assert!(
            matches!(
                errors,
                (GreetError::Refused(Refusal::Secret), GreetError::RefusedByPeer(Refusal::Secret))
            ),
            "{a:?} {b:?}: {errors:?}"
        );
    }
}

#[tokio::test]
async fn a_dialer_that_skips_the_check_is_refused_by_the_listener() {
    let (dialed, accepted) = pair().await;
    let (key, b) = (secret(Some("s")), ServerId::from("b"));
    let intruder = async {
        let mut connection = Connection::new(dialed);
        let nonce = Nonce::random().unwrap();
        let hello =
            Control::Hello { version: VERSION, id: "a".into(), nonce, nudge: false, incarnation: None };
        connection.say(&hello).await.unwrap();
        let Control::Challenge { proof, .. } = connection.hear().await.unwrap() else {
            panic!("no challenge")
        };
        // It sends back what it was sent.
        connection.say(&Control::Prove { proof, member: member("a"), pid: 7 }).await.unwrap();
        connection.hear().await
    };
    let (heard, answered) = tokio::join!(intruder, answered(accepted, &b, key.as_ref()));
    assert!(matches!(heard, Err(GreetError::RefusedByPeer(Refusal::Secret))));
    assert!(matches!(answered, Err(GreetError::Refused(Refusal::Secret))));
}

#[tokio::test]
async fn a_proof_is_for_one_id_only() {
    let (dialed, accepted) = pair().await;
    let (key, b) = (secret(Some("s")), ServerId::from("b"));
    let impostor = async {
        let mut connection = Connection::new(dialed);
        let hail = Hail::new(DIALER).unwrap();
        let nonce = hail.nonce();
        let hello =
            Control::Hello { version: VERSION, id: "a".into(), nonce, nudge: false, incarnation: None };
        connection.say(&hello).await.unwrap();
        let Control::Challenge { nonce: theirs, .. } = connection.hear().await.unwrap() else {
            panic!("no challenge")
        };
        let exchange = hail.meet(LISTENER, theirs, context(&"a".into(), &"b".into()));
        let proof = key.as_ref().map(|secret| exchange.prove(secret));
        connection.say(&Control::Prove { proof, member: member("c"), pid: 7 }).await.unwrap();
    };
    let ((), answered) = tokio::join!(impostor, answered(accepted, &b, key.as_ref()));
    assert!(matches!(answered, Err(GreetError::Unexpected)));
}

#[tokio::test]
async fn another_version_is_refused_and_named_on_both_sides() {
    let (dialed, accepted) = pair().await;
    let b = ServerId::from("b");
    let other = async {
        let mut connection = Connection::new(dialed);
        let hello = Control::Hello {
            version: 99,
            id: "a".into(),
            nonce: Nonce::random().unwrap(),
            nudge: false,
            incarnation: None,
        };
        connection.say(&hello).await.unwrap();
        connection.hear().await
    };
    let (heard, answered) = tokio::join!(other, answered(accepted, &b, None));
    let errors = (heard.err().unwrap().to_string(), answered.err().unwrap().to_string());
    assert!(errors.0.starts_with("it refuses: ") && errors.1.starts_with("refused: "), "{errors:?}");
    for error in [errors.0, errors.1] {
        assert!(
            error.contains("version 99") && error.contains(&format!("version {VERSION} is spoken")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_listener_of_another_version_is_refused_too() {
    let (dialed, accepted) = pair().await;
    let b = ServerId::from("b");
    let other = async {
        let mut connection = Connection::new(accepted);
        connection.hear().await.unwrap();
        let nonce = Nonce::random().unwrap();
        connection
            .say(&Control::Challenge { version: 99, id: "b".into(), nonce, proof: None })
            .await
            .unwrap();
        connection.hear().await
    };
    let (dialer, heard) = tokio::join!(dial(dialed, member("a"), &b, None), other);
    assert!(matches!(dialer, Err(GreetError::Refused(Refusal::Version { offered: 99, spoken: VERSION }))));
    assert!(matches!(heard, Err(GreetError::RefusedByPeer(Refusal::Version { .. }))));
}

#[tokio::test]
async fn who_answers_under_another_id_gets_no_link() {
    let (dialed, accepted) = pair().await;
    let (b, c) = (ServerId::from("b"), ServerId::from("c"));
    let (dialer, listener) = tokio::join!(dial(dialed, member("a"), &b, None), answered(accepted, &c, None));
    assert!(matches!(dialer, Err(GreetError::Refused(Refusal::Stranger(id))) if id == *"c"));
    assert!(matches!(listener, Err(GreetError::RefusedByPeer(Refusal::Stranger(_)))));
}

#[test]
fn without_a_secret_only_this_machine_may_be_linked() {
    let never = |_: &Secret, _: &Proof| -> bool { unreachable!("there is no secret") };
    assert!(check(None, None, true, never).is_ok());
    let refusal = check(None, None, false, never).unwrap_err();
    assert!(matches!(refusal, Refusal::NoSecret));
    assert!(refusal.to_string().contains("set POMELO_CLUSTER_SECRET"), "{refusal}");
}

#[tokio::test]
async fn whatever_is_said_first_is_a_handshake_or_an_error() {
    let huge = [0xff, 0xff, 0xff, 0xff, 1];
    let above = ((MAX_GREETING_BYTES + 1) as u32).to_be_bytes();
    for bytes in [
        &b""[..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0],
        &huge,
        &[0, 0, 0, 1, 9, 0],
        &[0, 0, 0, 1, 1, 0xc1],
        &[0, 0, 0, 1, 0, 1],
        &[&above[..], &[1]].concat(),
    ] {
        let (mut dialed, accepted) = pair().await;
        let b = ServerId::from("b");
        let stranger = async {
            dialed.write_all(bytes).await.unwrap();
            drop(dialed);
        };
        let ((), answered) = tokio::join!(stranger, answered(accepted, &b, None));
        assert!(answered.is_err(), "{bytes:?}");
    }
}
