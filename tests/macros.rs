//! Macros: `#[handler]`, `#[remote]` and `servers!` in each form that they take.

use std::sync::Arc;

use pomelo::__private::{Cluster, Context, Contract, Handler, HandlerContract, Method, Remote};
use pomelo::app::Builder;
use pomelo::error::{ErrorCode, ErrorKind};
use pomelo::request::Raw;
use pomelo::rpc::Inbound;
use pomelo::testing::{self, Servers, TestSession};
use pomelo::{ALL, Hybrid, Request, Result, Session, handler, key, remote, to};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pomelo::servers! {
    connector: { handlers: [EntryHandler, room_handler, Counter, Owner, Fresh, impl SayHandler] },
    /// Chat rooms.
    chat: { remotes: [ChatRemote, room_remote, impl ScoreRemote, Rooms as by_state] },
    idle: {},
}

#[derive(Deserialize)]
struct Say {
    text: String,
    #[serde(default)]
    to: Vec<String>,
}

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn send_to(session: &Session, request: &Request, Say { text, to }: Say) -> Result<Value> {
        assert_eq!(session.id(), request.session().id());
        Ok(json!({ "text": text, "to": to }))
    }

    pub async fn raw(Raw(body): Raw) -> Result<usize> {
        Ok(body.len())
    }

    pub async fn nothing() {}

    #[cfg(any())]
    pub async fn gone(message: NoSuchType) -> Result<()> {}

    #[pomelo(rename = "leave!", concurrent)]
    pub async fn leave(app: &App, motto: &Motto) -> Result<String, Full> {
        if motto.0.is_empty() { Err(Full) } else { Ok(format!("{} {}", app.server_type(), motto.0)) }
    }

    pub async fn full() -> Result<(), Full> {
        Err(Full)
    }

    pub async fn by_number(app: &App, request: &Request, number: u16) -> Result<Value> {
        let body = Handler::call(&Self, Context::new(app, request), number).await?;
        Ok(serde_json::from_slice(&body.bytes)?)
    }

    #[expect(dead_code, reason = "it shows that a private function is no method")]
    async fn private() {}
}

struct Motto(String);

#[derive(Debug)]
struct Full;

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("full")
    }
}

impl ErrorCode for Full {
    fn code(&self) -> u16 {
        501
    }
}

#[handler]
mod room_handler {
    use super::*;

    const LIMIT: usize = 3;

    pub async fn fits(room: String) -> Result<bool> {
        Ok(is_short(&room))
    }

    fn is_short(room: &str) -> bool {
        room.len() < LIMIT
    }
}

struct Counter {
    app: App,
}

#[handler]
impl Counter {
    fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }

    pub async fn kind(&self) -> Result<String> {
        Ok(self.app.server_type().to_owned())
    }
}

struct Owner(App);

#[handler]
impl Owner {
    fn new(app: App) -> Self {
        Self(app)
    }

    pub async fn kind(&self) -> Result<String> {
        Ok(self.0.server_type().to_owned())
    }
}

struct Fresh(u32);

#[handler(rename = "fresh!")]
impl Fresh {
    fn new() -> Self {
        Self(1)
    }

    pub async fn number(&self) -> Result<u32> {
        Ok(self.0)
    }
}

#[handler]
trait SayHandler {
    async fn say(&self, session: &Session, text: String) -> Result<String>;

    async fn twice(&self, session: &Session, text: String) -> Result<String> {
        Ok(self.say(session, text).await?.repeat(2))
    }
}

struct Politely(&'static str);

#[handler]
impl SayHandler for Politely {
    async fn say(&self, _session: &Session, text: String) -> Result<String> {
        Ok(format!("{text}, {}", self.0))
    }
}

struct ChatRemote;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: u32,
    y: u32,
}

#[remote]
impl ChatRemote {
    /// Adds a user.
    pub async fn add(app: &App, uid: String, Point { x, y }: Point, create: bool) -> Result<(String, Point)> {
        Ok((format!("{} {uid} {create}", app.server_type()), Point { x: y, y: x }))
    }

    pub async fn missing(
        a: Option<u32>,
        b: u32,
        #[pomelo(default)] c: u32,
        d: Option<u32>,
    ) -> Result<String> {
        Ok(format!("{a:?} {b} {c} {d:?}"))
    }

    pub async fn names(target: u32, args: u32, reply: String, r#type: String) -> Result<String> {
        Ok(format!("{target}{args}{reply}{}", r#type))
    }

    pub async fn from(app: &App, call: &Inbound, motto: &Motto) -> Result<(String, bool, usize)> {
        let unknown = Remote::call(&Self, Context::new(app, call), 99).await.unwrap_err();
        Ok((motto.0.clone(), unknown.kind() == ErrorKind::NoSuchMethod, call.args().len()))
    }

    pub async fn full() -> Result<(), Full> {
        Err(Full)
    }

    pub async fn countdown(app: &App, n: u32) -> Result<u32> {
        if n == 0 { Ok(0) } else { Ok(1 + app.rpc.chat.chat_remote.countdown(key("k"), n - 1).await?) }
    }
}

#[remote]
mod room_remote {
    use super::*;

    pub async fn size(room: String) -> Result<usize> {
        Ok(room.len())
    }
}

#[remote]
trait ScoreRemote {
    async fn score(&self, app: &App, uid: String) -> Result<u64>;

    async fn double(&self, app: &App, mut uid: String) -> Result<u64> {
        uid.push('!');
        Ok(self.score(app, uid).await? * 2)
    }
}

struct Score(u64);

#[remote]
impl ScoreRemote for Score {
    async fn score(&self, app: &App, uid: String) -> Result<u64> {
        Ok(self.0 + (app.server_type().len() + uid.len()) as u64)
    }
}

struct Rooms {
    app: App,
    names: Arc<[&'static str]>,
}

#[remote]
impl Rooms {
    fn new(app: App) -> Self {
        Self { app, names: ["a", "b"].into() }
    }

    pub async fn names(&self) -> Result<Vec<String>> {
        Ok(self.names.iter().map(|name| format!("{name}@{}", self.app.server_type())).collect())
    }
}

fn names(methods: &[Method]) -> Vec<(u16, &str)> {
    methods.iter().map(|method| (method.id, method.name)).collect()
}

#[test]
fn names_on_the_wire_are_lower_camel_unless_renamed() {
    assert_eq!(EntryHandler::NAME, "entryHandler");
    assert_eq!(room_handler::Handler::NAME, "roomHandler");
    assert_eq!(Fresh::NAME, "fresh!");
    assert_eq!(<dyn SayHandler as HandlerContract>::NAME, "sayHandler");
    assert_eq!(<Politely as HandlerContract>::NAME, "sayHandler");
    assert_eq!(names(<Politely as HandlerContract>::METHODS), [(0, "say"), (1, "twice")]);
    assert_eq!(<Score as Contract>::NAME, "scoreRemote");
}

#[test]
fn a_method_that_cfg_takes_out_keeps_its_number() {
    let expected = [(0, "sendTo"), (1, "raw"), (2, "nothing"), (4, "leave!"), (5, "full"), (6, "byNumber")];
    assert_eq!(names(EntryHandler::METHODS), expected);
    let concurrent = EntryHandler::METHODS.iter().filter(|method| method.concurrent);
    assert_eq!(concurrent.map(|method| method.name).collect::<Vec<_>>(), ["leave!"]);
}

#[test]
fn the_cluster_lists_its_servers() {
    let servers = Rpc::SERVERS.iter().map(|server| {
        let handlers = server.handlers.iter().map(|table| table.name).collect::<Vec<_>>();
        (server.name, handlers, server.remotes.iter().map(|table| table.name).collect::<Vec<_>>())
    });
    let handlers = vec!["entryHandler", "roomHandler", "counter", "owner", "fresh!", "sayHandler"];
    let remotes = vec!["chatRemote", "roomRemote", "scoreRemote", "rooms"];
    let expected = [("connector", handlers, vec![]), ("chat", vec![], remotes), ("idle", vec![], vec![])];
    assert_eq!(servers.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_method_is_a_plain_function() {
    assert!(room_handler::fits("ab".into()).await.unwrap());
    assert_eq!(room_remote::size("ab".into()).await.unwrap(), 2);
}

#[tokio::test]
async fn every_form_of_handler_answers() {
    let game = Game::start().await;
    let answers = [
        ("entryHandler.nothing", json!({}), json!({})),
        ("roomHandler.fits", json!("ab"), json!(true)),
        ("roomHandler.fits", json!("abc"), json!(false)),
        ("counter.kind", json!({}), json!("connector")),
        ("owner.kind", json!({}), json!("connector")),
        ("fresh!.number", json!({}), json!(1)),
        ("sayHandler.say", json!("hello"), json!("hello, please")),
        ("sayHandler.twice", json!("hello"), json!("hello, pleasehello, please")),
    ];
    for (route, message, answer) in answers {
        assert_eq!(game.request(route, message).await, answer, "{route}");
    }
}

#[tokio::test]
async fn parameters_are_read_by_value_and_lent_by_reference() {
    let game = Game::start().await;
    let said = game.request("entryHandler.sendTo", json!({ "text": "hello" })).await;
    assert_eq!(said, json!({ "text": "hello", "to": [] }));
    assert_eq!(game.request("entryHandler.raw", json!("ab")).await, json!(r#""ab""#.len()));
    assert_eq!(game.request("entryHandler.leave!", json!({})).await, json!("connector festina lente"));
}

#[tokio::test]
async fn a_method_runs_by_its_number() {
    let game = Game::start().await;
    assert_eq!(game.request("entryHandler.byNumber", json!(4)).await, json!("connector festina lente"));
    for taken_out_or_never_there in [3, 99] {
        let answer = game.request("entryHandler.byNumber", json!(taken_out_or_never_there)).await;
        assert_eq!(answer["code"], 500);
    }
}

#[tokio::test]
async fn an_error_keeps_its_code() {
    let game = Game::start().await;
    assert_eq!(game.request("entryHandler.full", json!({})).await["code"], 501);
    let error = game.app.rpc.chat.chat_remote.full(key("k")).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (501, "full"));
}

#[tokio::test]
async fn every_form_of_remote_answers() {
    let game = Game::start().await;
    let chat = &game.app.rpc.chat;
    let (text, point) = chat.chat_remote.add(key("k"), "u1", Point { x: 1, y: 2 }, true).await.unwrap();
    assert_eq!((&*text, point), ("chat u1 true", Point { x: 2, y: 1 }));
    assert_eq!(chat.room_remote.size(key("k"), String::from("abc")).await.unwrap(), 3);
    assert_eq!(chat.score_remote.score(key("k"), "u1").await.unwrap(), 10 + 4 + 2);
    assert_eq!(chat.score_remote.double(key("k"), "u1").await.unwrap(), (10 + 4 + 3) * 2);
    assert_eq!(chat.by_state.names(key("k")).await.unwrap(), ["a@chat", "b@chat"]);
    assert_eq!(chat.chat_remote.names(key("k"), 1, 2, "3", "4").await.unwrap(), "1234");
}

#[tokio::test]
async fn a_remote_is_lent_the_app_the_call_and_what_was_inserted() {
    let game = Game::start().await;
    let (motto, unknown_number_is_an_error, bytes) =
        game.app.rpc.chat.chat_remote.from(key("k")).await.unwrap();
    assert_eq!((&*motto, unknown_number_is_an_error, bytes), ("festina lente", true, 1));
}

#[tokio::test]
async fn a_remote_can_call_itself() {
    let game = Game::start().await;
    assert_eq!(game.app.rpc.chat.chat_remote.countdown(key("k"), 3).await.unwrap(), 3);
}

#[tokio::test]
async fn the_first_argument_decides_the_type_of_the_answer() {
    let game = Game::start().await;
    let chat = &game.app.rpc.chat.room_remote;
    let _: usize = chat.size(key("k"), "a").await.unwrap();
    let _: usize = chat.size(to("chat-1"), "a").await.unwrap();
    let all: Vec<(_, Result<usize>)> = chat.size(ALL, "a").await.unwrap();
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn what_nobody_inserted_is_found_at_the_start() {
    let error = Game::build().start().await.err().unwrap();
    assert!(error.message().contains("Motto"), "{error}");
}

/// A connector and a chat server in this process, and a client of the connector.
struct Game {
    app: App,
    client: TestSession,
    _servers: Servers<Rpc>,
}

impl Game {
    async fn start() -> Self {
        let servers = testing::start(Self::build().insert(Motto("festina lente".into()))).await.unwrap();
        let (app, client) = (servers.app("connector-1").clone(), servers.session("connector-1"));
        Self { app, client, _servers: servers }
    }

    fn build() -> Builder<Rpc> {
        App::builder()
            .servers(r#"{ "connector": [{ "id": "connector-1", "frontend": true }], "chat": [{ "id": "chat-1" }] }"#)
            .configure("all", "connector", |app| app.connector(Hybrid::new().port(0)))
            .mount("connector", |_, mount| mount.handler(Politely("please")))
            .mount("chat", |_, mount| mount.remote(Score(10)))
    }

    async fn request(&self, route: &str, message: Value) -> Value {
        self.client.request(&format!("connector.{route}"), message).await
    }
}
