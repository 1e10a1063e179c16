//! Errors of an application's own: derived codes, and `thiserror` and `anyhow` in handlers.

use std::error::Error as _;
use std::fmt;

use pomelo::error::Fault;
use pomelo::error::{ErrorCode, ErrorKind};
use pomelo::testing::{self, Servers, TestSession};
use pomelo::{Error, Hybrid, Result, handler, key, remote};
use serde_json::{Value, json};

pomelo::servers! {
    connector: { handlers: [RoomHandler] },
    chat: { remotes: [RoomRemote] },
}

mod codes {
    pub(crate) const NOT_READY: u16 = 1004;
}

#[derive(Debug, thiserror::Error, ErrorCode)]
enum RoomError {
    #[error("no room is called {0}")]
    #[error_code(404)]
    NoRoom(String),
    #[error("no more than {limit} fit in")]
    #[error_code(1003, client)]
    Full { limit: usize },
    #[error("the list of rooms can't be read")]
    #[error_code(503)]
    List(#[source] std::io::Error),
    #[error("not ready")]
    #[error_code(codes::NOT_READY)]
    NotReady,
    #[error("asking the chat server")]
    Chat(#[from] Error),
    #[error(transparent)]
    Same(Error),
    #[error("bad number: {0}")]
    Number(#[from] std::num::ParseIntError),
    #[error(transparent)]
    #[error_code(transparent)]
    Seat(#[from] SeatError),
}

/// One that wrote its `Display` itself.
#[derive(Debug, ErrorCode)]
#[error_code(409)]
enum SeatError {
    Taken {
        by: String,
    },
    #[error_code(403, server)]
    Forbidden,
}

impl fmt::Display for SeatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { by } => write!(f, "{by} sits there"),
            Self::Forbidden => f.write_str("forbidden"),
        }
    }
}

impl std::error::Error for SeatError {}

#[derive(Debug, ErrorCode)]
#[error_code(410)]
struct Gone<T>(T);

impl<T: fmt::Debug> fmt::Display for Gone<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is gone", self.0)
    }
}

#[derive(ErrorCode)]
struct Plain;

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain")
    }
}

#[derive(Debug, thiserror::Error, ErrorCode)]
#[expect(dead_code, reason = "it shows that one without variants compiles")]
enum Never {}

fn told(error: impl ErrorCode) -> (u16, String) {
    let code = error.code();
    let error = error.into_error();
    assert_eq!(error.code(), code, "{error}");
    (code, error.to_string())
}

#[test]
fn a_derived_code_is_the_variants_or_the_types_or_500() {
    let number = "x".parse::<u8>().unwrap_err();
    for (error, code, message) in [
        (RoomError::NoRoom("x".into()), 404, "no room is called x"),
        (RoomError::Full { limit: 8 }, 1003, "no more than 8 fit in"),
        (RoomError::NotReady, 1004, "not ready"),
        (RoomError::Number(number), 500, "bad number: invalid digit found in string"),
        (SeatError::Taken { by: "ann".into() }.into(), 409, "ann sits there"),
        (SeatError::Forbidden.into(), 403, "forbidden"),
    ] {
        assert_eq!(told(error), (code, message.into()));
    }
    assert_eq!(told(Gone(7)), (410, "7 is gone".into()));
    assert_eq!(told(Plain), (500, "plain".into()));
}

#[test]
fn a_derived_error_tells_its_causes() {
    let list = RoomError::List(std::io::Error::other("disk"));
    assert_eq!(ErrorCode::cause(&list).unwrap().to_string(), "disk");
    assert_eq!(told(list), (503, "the list of rooms can't be read: disk".into()));
    assert!(ErrorCode::cause(&Plain).is_none());
}

#[test]
fn a_derived_error_around_one_of_ours_keeps_its_code_kind_and_body() {
    let late = || Error::of(ErrorKind::Deadline, "late").with_body(json!({ "retry": true }));
    for (error, message) in
        [(RoomError::from(late()), "asking the chat server: late"), (RoomError::Same(late()), "late")]
    {
        let error = error.into_error();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Deadline, message));
        assert_eq!(error.body(), Some(&json!({ "retry": true })));
    }
    assert_eq!(
        told(RoomError::from(Error::new(404, "no room"))),
        (404, "asking the chat server: no room".into())
    );
}

#[test]
fn whose_fault_a_derived_error_is_can_be_said() {
    assert_eq!(RoomError::Full { limit: 8 }.into_error().fault(), Fault::Client);
    assert_eq!(RoomError::NotReady.into_error().fault(), Fault::Server);
    assert_eq!(RoomError::NoRoom("x".into()).into_error().fault(), Fault::Client);
    assert_eq!(RoomError::from(SeatError::Forbidden).into_error().fault(), Fault::Server);
}

#[test]
fn an_error_of_ours_is_the_source_of_one_by_thiserror() {
    let error = RoomError::from(Error::new(404, "no room"));
    assert_eq!(error.source().unwrap().to_string(), "no room");
    assert_eq!(RoomError::Same(Error::new(404, "no room")).to_string(), "no room");
}

struct RoomHandler;

#[handler]
impl RoomHandler {
    pub async fn enter(app: &App, name: String) -> Result<usize, RoomError> {
        if name.is_empty() {
            return Err(RoomError::NoRoom(name));
        }
        Ok(app.rpc.chat.room_remote.size(key("k"), name).await?)
    }

    pub async fn any_std_error(number: String) -> Result<u32> {
        Ok(number.parse()?)
    }

    pub async fn boxed(app: &App) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        app.rpc.chat.room_remote.size(key("k"), "gone").await?;
        Err("never here")?
    }
}

struct RoomRemote;

#[remote]
impl RoomRemote {
    pub async fn size(name: String) -> Result<usize, SeatError> {
        if name == "gone" { Err(SeatError::Taken { by: name }) } else { Ok(name.len()) }
    }
}

#[tokio::test]
async fn a_client_sees_the_code_of_the_error_that_a_remote_returned() {
    let game = Game::start().await;
    let answers = [
        ("enter", json!("ab"), json!(2)),
        ("enter", json!(""), json!({ "code": 404 })),
        ("enter", json!("gone"), json!({ "code": 409 })),
        ("boxed", json!({}), json!({ "code": 409 })),
        ("anyStdError", json!("7"), json!(7)),
        ("anyStdError", json!("x"), json!({ "code": 500 })),
    ];
    for (method, message, answer) in answers {
        let mut given = game.request(method, message).await;
        if let Value::Object(given) = &mut given {
            given.remove("message");
        }
        assert_eq!(given, answer, "{method}");
    }
}

#[cfg(feature = "anyhow")]
mod with_anyhow {
    use anyhow::Context;

    use super::*;

    fn joining(name: &str) -> anyhow::Result<()> {
        let asked: Result<()> = Err(Error::new(404, format_args!("no room {name}")));
        asked.map_err(Error::into_std).context("asking the chat server")?;
        Ok(())
    }

    #[test]
    fn question_mark_leads_there_and_back_and_a_method_may_return_it() {
        fn there() -> anyhow::Result<()> {
            Err(Error::new(404, "no room"))?
        }
        fn back() -> Result<()> {
            Ok(joining("x").context("joining")?)
        }
        assert_eq!(there().unwrap_err().to_string(), "no room");
        assert_eq!(back().unwrap_err().code(), 404);
        let error = joining("x").unwrap_err();
        assert_eq!(told(error), (404, "asking the chat server: no room x".into()));
        assert_eq!(told(anyhow::anyhow!("odd")), (500, "odd".into()));
    }
}

/// A connector and a chat server in this process, and a client of the connector.
struct Game {
    client: TestSession,
    _servers: Servers<Rpc>,
}

impl Game {
    async fn start() -> Self {
        let builder = App::builder()
            .servers(r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#)
            .configure("all", "connector", |app| app.connector(Hybrid::new().port(0)));
        let servers = testing::start(builder).await.unwrap();
        Self { client: servers.session("connector-1"), _servers: servers }
    }

    async fn request(&self, method: &str, message: Value) -> Value {
        self.client.request(&format!("connector.roomHandler.{method}"), message).await
    }
}
