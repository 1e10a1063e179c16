//! All that the macros write can be written by hand, and works the same beside what they write.

use std::sync::Arc;

use pomelo::__private::{
    ArgReader, ArgWriter, Body, BoxFuture, Bytes, Call, Cluster, Context, Contract, FromApp, FromMessage,
    Handler, HandlerContract, Injected, IntoReply, IntoResponse, Method, Mount, Platform, Proxy, Remote,
    Routers, RpcClient, ServerType, Table, Target, platform,
};
use pomelo::error::ErrorKind;
use pomelo::rpc::Inbound;
use pomelo::testing::{self, Servers, TestSession};
use pomelo::{Error, Hybrid, Request, Result, Session, handler, key, remote};
use serde_json::{Value, json};

/// What `#[handler]` makes of [`by_macro::ChatHandler`].
struct ChatHandler;

impl ChatHandler {
    async fn send(app: &App, session: &Session, text: String) -> Result<Value> {
        Ok(json!([app.server_type(), session.uid(), text]))
    }

    async fn nothing() {}
}

impl<A> FromApp<A> for ChatHandler {
    fn from_app(_: &A) -> Self {
        Self
    }
}

impl HandlerContract for ChatHandler {
    const NAME: &'static str = "chatHandler";
    const METHODS: &'static [Method] = &[
        Method {
            id: 0,
            name: "send",
            concurrent: false,
            injects: &[Injected::of::<App>(), Injected::of::<Session>()],
        },
        Method { id: 1, name: "nothing", concurrent: true, injects: &[] },
    ];
}

impl<A: Send + Sync + 'static> Handler<A> for ChatHandler {
    fn call<'a>(&'a self, cx: Context<'a, A, Request>, method: u16) -> BoxFuture<'a, Result<Body>> {
        match method {
            0 => Box::pin(async move {
                let text = String::from_message(cx.message())?;
                let reply = Self::send(cx.inject::<App>()?, cx.inject::<Session>()?, text).await;
                reply.into_response(cx.message())
            }),
            1 => Box::pin(async move {
                let reply = Self::nothing().await;
                IntoResponse::into_response(reply, cx.message())
            }),
            _ => Box::pin(async { Err(Error::of(ErrorKind::NoSuchMethod, "no method has this number")) }),
        }
    }
}

/// What `#[remote]` makes of [`by_macro::ChatRemote`].
struct ChatRemote {
    app: App,
}

impl ChatRemote {
    fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }

    async fn add(&self, uid: String, create: bool, lang: Option<String>) -> Result<String> {
        Ok(format!("{} {uid} {create} {lang:?}", self.app.server_type()))
    }
}

impl FromApp<App> for ChatRemote {
    fn from_app(app: &App) -> Self {
        Self::new(app)
    }
}

impl Contract for ChatRemote {
    type Proxy = ChatRemoteProxy;
    const NAME: &'static str = "chatRemote";
    const METHODS: &'static [Method] = &[Method { id: 0, name: "add", concurrent: false, injects: &[] }];
}

impl<A: Send + Sync + 'static> Remote<A> for ChatRemote {
    fn call<'a>(&'a self, cx: Context<'a, A, Inbound>, method: u16) -> BoxFuture<'a, Result<Bytes>> {
        match method {
            0 => Box::pin(async move {
                let mut args = ArgReader::new(cx.message().args())?;
                let uid = args.next("uid")?;
                let create = args.next("create")?;
                let lang = args.next_or_default("lang")?;
                self.add(uid, create, lang).await.into_reply()
            }),
            _ => Box::pin(async { Err(Error::of(ErrorKind::NoSuchMethod, "no method has this number")) }),
        }
    }
}

struct ChatRemoteProxy(RpcClient);

impl ChatRemoteProxy {
    fn add<T: Target>(
        &self,
        target: T,
        uid: impl AsRef<str>,
        create: bool,
        lang: Option<String>,
    ) -> Call<String, T::Mode> {
        self.0.call(target, "chatRemote", "add", 3, |args: &mut ArgWriter| {
            args.arg("uid", uid.as_ref())?;
            args.arg("create", &create)?;
            args.arg("lang", &lang)
        })
    }
}

impl Proxy for ChatRemoteProxy {
    fn bind(client: RpcClient) -> Self {
        Self(client)
    }
}

/// The same by macro, under other names; and the contracts of an older and a newer caller.
mod by_macro {
    use super::*;

    pub struct ChatHandler;

    #[handler(rename = "macroHandler")]
    #[allow(dead_code, reason = "no `servers!` lists it")]
    impl ChatHandler {
        pub async fn send(app: &App, session: &Session, text: String) -> Result<Value> {
            super::ChatHandler::send(app, session, text).await
        }

        #[pomelo(concurrent)]
        pub async fn nothing() {}
    }

    pub struct ChatRemote {
        by_hand: super::ChatRemote,
    }

    #[remote(rename = "macroRemote")]
    #[allow(dead_code, reason = "no `servers!` lists it")]
    impl ChatRemote {
        fn new(app: &App) -> Self {
            Self { by_hand: super::ChatRemote::new(app) }
        }

        pub async fn add(&self, uid: String, create: bool, lang: Option<String>) -> Result<String> {
            self.by_hand.add(uid, create, lang).await
        }
    }

    #[remote(rename = "macroRemote")]
    pub trait Older {
        async fn add(&self, uid: String, create: bool) -> Result<String>;
    }

    #[remote(rename = "macroRemote")]
    pub trait Newer {
        async fn add(&self, uid: String, create: bool, lang: Option<String>, more: u8) -> Result<String>;
    }

    #[remote(rename = "macroRemote")]
    pub trait TooOld {
        async fn add(&self, uid: String) -> Result<String>;
    }
}

/// What `servers! { chat: { … } }` makes; the last three are proxies of what other builds of it may call.
pub struct Rpc {
    chat: ChatRpc,
}

struct ChatRpc {
    by_hand: <ChatRemote as Contract>::Proxy,
    by_macro: <by_macro::ChatRemote as Contract>::Proxy,
    older: <dyn by_macro::Older as Contract>::Proxy,
    newer: <dyn by_macro::Newer as Contract>::Proxy,
    too_old: <dyn by_macro::TooOld as Contract>::Proxy,
}

type App = pomelo::App<Rpc>;

impl Cluster for Rpc {
    const SERVERS: &'static [ServerType] = &[ServerType {
        name: "chat",
        handlers: &[Table::handler::<ChatHandler>(), Table::handler::<by_macro::ChatHandler>()],
        remotes: &[Table::remote::<ChatRemote>(), Table::remote::<by_macro::ChatRemote>()],
    }];

    fn bind(routers: &Arc<Routers>) -> Self {
        let client = || RpcClient::new(routers, "chat");
        Self {
            chat: ChatRpc {
                by_hand: Proxy::bind(client()),
                by_macro: Proxy::bind(client()),
                older: Proxy::bind(client()),
                newer: Proxy::bind(client()),
                too_old: Proxy::bind(client()),
            },
        }
    }

    fn mount(app: &App, mount: &mut Mount<Self>) {
        if app.server_type() == "chat" {
            mount.handler(<ChatHandler as FromApp<App>>::from_app(app));
            mount.handler(<by_macro::ChatHandler as FromApp<App>>::from_app(app));
            mount.remote(<ChatRemote as FromApp<App>>::from_app(app));
            mount.remote(<by_macro::ChatRemote as FromApp<App>>::from_app(app));
        }
    }

    fn platform() -> &'static dyn Platform {
        platform()
    }
}

/// `servers!` lists what was made by hand like what was made by macro.
mod listed {
    pomelo::servers! {
        chat: { handlers: [super::Silent], remotes: [super::Silent] },
    }
}

struct Silent;

impl<A> FromApp<A> for Silent {
    fn from_app(_: &A) -> Self {
        Self
    }
}

impl HandlerContract for Silent {
    const NAME: &'static str = "silent";
    const METHODS: &'static [Method] = &[];
}

impl<A: Send + Sync + 'static> Handler<A> for Silent {
    fn call<'a>(&'a self, _: Context<'a, A, Request>, _: u16) -> BoxFuture<'a, Result<Body>> {
        Box::pin(async { Err(Error::of(ErrorKind::NoSuchMethod, "there is none")) })
    }
}

impl Contract for Silent {
    type Proxy = SilentProxy;
    const NAME: &'static str = "silent";
    const METHODS: &'static [Method] = &[];
}

impl<A: Send + Sync + 'static> Remote<A> for Silent {
    fn call<'a>(&'a self, _: Context<'a, A, Inbound>, _: u16) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(async { Err(Error::of(ErrorKind::NoSuchMethod, "there is none")) })
    }
}

struct SilentProxy;

impl Proxy for SilentProxy {
    fn bind(_: RpcClient) -> Self {
        Self
    }
}

#[test]
fn servers_lists_what_was_made_by_hand() {
    let [chat] = listed::Rpc::SERVERS else { panic!("one type of server") };
    assert_eq!((chat.handlers[0].name, chat.remotes[0].name), ("silent", "silent"));
}

#[test]
fn the_tables_are_the_same() {
    let table = |methods: &[Method]| -> Vec<_> {
        methods.iter().map(|m| (m.id, m.name, m.concurrent, m.injects.len())).collect()
    };
    assert_eq!(table(ChatHandler::METHODS), table(by_macro::ChatHandler::METHODS));
    assert_eq!(table(ChatRemote::METHODS), table(by_macro::ChatRemote::METHODS));
}

#[tokio::test]
async fn handlers_answer_the_same() {
    let game = Game::start().await;
    for (method, message) in [("send", json!("hello")), ("send", json!({})), ("nothing", json!({}))] {
        let by_hand = game.request(&format!("chatHandler.{method}"), message.clone()).await;
        let by_macro = game.request(&format!("macroHandler.{method}"), message.clone()).await;
        assert_eq!(by_hand, by_macro, "{method} {message}");
    }
}

#[tokio::test]
async fn remotes_answer_the_same() {
    let game = Game::start().await;
    let chat = &game.app.rpc.chat;
    let by_hand = chat.by_hand.add(key("k"), "u1", true, None).await.unwrap();
    let by_macro = chat.by_macro.add(key("k"), "u1", true, None).await.unwrap();
    assert_eq!((&*by_hand, by_hand == by_macro), ("chat u1 true None", true));
}

#[tokio::test]
async fn older_and_newer_callers_are_served() {
    let game = Game::start().await;
    let chat = &game.app.rpc.chat;
    assert_eq!(chat.older.add(key("k"), "u1", true).await.unwrap(), "chat u1 true None");
    let newer = chat.newer.add(key("k"), "u1", true, Some("en".into()), 1).await.unwrap();
    assert_eq!(newer, r#"chat u1 true Some("en")"#);
    let error = chat.too_old.add(key("k"), "u1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadMessage);
    assert!(error.message().ends_with("argument `create` is missing"), "{error}");
}

/// A chat server in this process, and a client of it.
struct Game {
    app: App,
    client: TestSession,
    _servers: Servers<Rpc>,
}

impl Game {
    async fn start() -> Self {
        let builder = App::builder()
            .env("production")
            .servers(r#"{ "chat": [{ "id": "chat-1", "frontend": true }] }"#)
            .configure("all", "chat", |app| app.connector(Hybrid::new().port(0)));
        let servers = testing::start(builder).await.unwrap();
        let (app, client) = (servers.app("chat-1").clone(), servers.session("chat-1"));
        Self { app, client, _servers: servers }
    }

    async fn request(&self, route: &str, message: Value) -> Value {
        self.client.request(&format!("chat.{route}"), message).await
    }
}
