//! The attributes [`handler`], [`remote`] and [`cron`], the macro [`servers!`] and the derive macro [`ErrorCode`](macro@ErrorCode) of
//! pomelo: syntax, and nothing else.
//!
//! They write the implementations of traits that are public and documented, and use nothing that a user can't name. So
//! whatever they write can be written by hand; the tests of the `pomelo` crate do so (`tests/by_hand.rs`).
//!
//! The examples here aren't compiled, as this crate can't depend on the one that they need: `pomelo` itself. What it adds
//! to them (`src/macros.rs`) is, each form is run in its `tests/macros.rs`, and each mistake has its error in `tests/ui` here.
//!
//! # How an expansion is made
//!
//! `block` serves all three attributes: `parse` and `members` read the item, and leave function bodies alone; `check`,
//! `signature` and `params` make a `model` of it and collect mistakes; `expand`, `implement`, `dispatch` and `emit`
//! write. `servers` has the same three steps. Mistakes never stop an expansion: they are added to what could be made of the rest, so that
//! one of them is one error.
//!
//! Tokens that we add have no place in the user's source, except where an error or a definition is to be found there:
//! asked what a name means, an editor shows everything that stands at it.

mod attributes;
mod beside;
mod block;
mod checked;
mod error_code;
mod errors;
mod names;
mod servers;

use proc_macro::TokenStream;

use self::block::Kind;

/// Makes functions callable by clients, as `serverType.handlerName.methodName`.
///
/// ```ignore
/// pub struct ChatHandler;
///
/// #[handler]
/// impl ChatHandler {
///     /// Sends a message to everyone in the room.
///     pub async fn send(app: &App, session: &Session, msg: Say) -> Result<()> { /* … */ }
/// }
/// ```
///
/// # Where it goes
///
/// - On an `impl` block. Every `pub async fn` in it is a method, and one must be; others are helpers. The server makes one
///   instance when it starts: by `fn new(app: App)`, `fn new(app: &App)` or `fn new()` of the block, else the type is a
///   unit struct.
/// - On an inline `mod` of free functions. [`servers!`] lists the module.
/// - On a `trait`, so that the methods are known where they aren't implemented: a connector's binary then gives clients
///   the same route dictionary as one that has everything. [`servers!`] lists it as `impl path::Trait`.
/// - On an `impl Trait for Type` of such a trait. It is mounted by the builder:
///   `.mount("chat", |app, mount| mount.handler(Chat::new(app)))`.
///
/// # Parameters
///
/// By value is what comes off the wire, by reference is what the framework injects.
///
/// - At most one by value: the message, of any `Deserialize` type that borrows nothing, or `Raw` for its bytes. It may be
///   a pattern, and its type may be called `Session` or `App` like one that is lent. With
///   `#[handler(fields)]` any number: each is a field of the message, `user_name` its `userName`. An `Option` may be
///   missing, and so may one with `#[pomelo(default)]`.
/// - `&App`, `&Session`, `&Request`, and `&T` of anything that was inserted into the app (`&Pool`, not `Arc<Pool>`). A
///   missing one fails when the server starts, and the error names it.
/// - `&self`.
///
/// It returns `Result<T, E>` of a `Serialize` type and an `ErrorCode`, or nothing.
///
/// # Names
///
/// `ChatHandler` is `chatHandler` on the wire, `query_entry` is `queryEntry`.
///
/// # Options
///
/// | where | option | |
/// |---|---|---|
/// | `#[handler(…)]` | `rename = "…"` | its name on the wire |
/// | | `crate = path` | where the `pomelo` crate is, if not at `::pomelo` |
/// | | `fields` | parameters by value are the fields of the message |
/// | a function | `#[pomelo(rename = "…")]` | its name on the wire |
/// | | `#[pomelo(skip)]` | it is a helper, although it is `pub` |
/// | | `#[pomelo(concurrent)]` | it may run beside earlier requests of its session |
/// | | `#[cfg(…)]` | goes with it wherever it is listed |
///
/// # What it writes
///
/// The block itself without our attributes, with a hidden function that [`servers!`] calls. In a type that it doesn't
/// list, the compiler warns that `handler_not_listed_in_servers` is never used (`#[allow(dead_code)]` on the block says
/// that it is mounted otherwise). In a program that is so for `pub` types, too; in a library they are for others to list.
/// And:
///
/// ```ignore
/// impl<A> FromApp<A> for ChatHandler {
///     fn from_app(_: &A) -> Self { Self {} }
/// }
///
/// impl HandlerContract for ChatHandler {
///     const NAME: &'static str = "chatHandler";
///     const METHODS: &'static [Method] = &[Method {
///         id: 0,
///         name: "send",
///         concurrent: false,
///         injects: &[Injected::of::<App>(), Injected::of::<Session>()],
///     }];
/// }
///
/// impl<A: Send + Sync + 'static> Handler<A> for ChatHandler {
///     fn call<'a>(&'a self, cx: Context<'a, A, Request>, method: u16) -> BoxFuture<'a, Result<Body>> {
///         match method {
///             0 => Box::pin(async move {
///                 let msg = Say::from_message(cx.message())?;
///                 let reply = Self::send(cx.inject::<App>()?, cx.inject::<Session>()?, msg).await;
///                 reply.into_response(cx.message())
///             }),
///             _ => Box::pin(ready(Err(Error::of(ErrorKind::NoSuchMethod, "no method has this number")))),
///         }
///     }
/// }
/// ```
///
/// A trait gets the contract as `impl HandlerContract for dyn ChatHandler`, `Send + Sync + 'static` as what it requires,
/// methods that promise `Send` futures and `where Self: Sized`, and the `match` as a hidden function, to which the
/// implementations of `impl ChatHandler for Chat` lead.
#[proc_macro_attribute]
pub fn handler(args: TokenStream, item: TokenStream) -> TokenStream {
    block::expand(Kind::Handler, args.into(), item.into()).into()
}

/// Makes functions callable by other servers, and a typed proxy to call them by.
///
/// ```ignore
/// pub struct ChatRemote;
///
/// #[remote]
/// impl ChatRemote {
///     /// Adds a user to the room; returns who is in it.
///     pub async fn add(app: &App, uid: String, rid: String) -> Result<Vec<String>> { /* … */ }
/// }
///
/// let users = app.rpc.chat.chat_remote.add(&session, "u1", "room1").await?;
/// ```
///
/// It goes where [`handler`] goes, and has the same rules and options. The differences:
///
/// - Any number of parameters are by value, and each must be both `Serialize` and `Deserialize`, as must be what is
///   returned. `Option`s at the end, and parameters with `#[pomelo(default)]`, may be missing in a call of an older
///   server; `skip` and `rename` are as in handlers, `concurrent` isn't needed.
/// - `&Session` and `&Request` can't be lent, as there are none; `&Inbound` can, which says who calls.
///
/// # The proxy
///
/// A function of it has the documentation and the place in the source of the function that it calls. Before the
/// arguments it takes where to call: a session, `key("…")`, `to("server-id")` or `ALL`. A `String` may be anything that
/// is `AsRef<str>`.
///
/// # What it writes
///
/// Of the expansion of [`handler`], `HandlerContract` becomes `Contract`, `Handler` becomes `Remote`, `Request` becomes
/// `Inbound` and `Body` becomes `Bytes`. An arm of the `match` reads the arguments one by one:
///
/// ```ignore
/// 0 => Box::pin(async move {
///     let mut args = ArgReader::new(cx.message().args())?;
///     let uid = args.next::<String>("uid")?;
///     let rid = args.next::<String>("rid")?;
///     let reply = Self::add(cx.inject::<App>()?, uid, rid).await;
///     reply.into_reply()
/// }),
/// ```
///
/// `Contract` has the proxy besides the name and the methods:
///
/// ```ignore
/// impl Contract for ChatRemote {
///     type Proxy = ChatRemoteProxy;
///     // …
/// }
///
/// pub struct ChatRemoteProxy(RpcClient);
///
/// impl ChatRemoteProxy {
///     /// Adds a user to the room; returns who is in it.
///     pub fn add<RpcTarget: Target>(
///         &self,
///         target: RpcTarget,
///         uid: impl AsRef<str>,
///         rid: impl AsRef<str>,
///     ) -> Call<Vec<String>, RpcTarget::Mode> {
///         self.0.call(target, "chatRemote", "add", 2, |args| {
///             args.arg("uid", uid.as_ref())?;
///             args.arg("rid", rid.as_ref())?;
///             Ok(())
///         })
///     }
/// }
///
/// impl Proxy for ChatRemoteProxy {
///     fn bind(client: RpcClient) -> Self { Self(client) }
/// }
/// ```
#[proc_macro_attribute]
pub fn remote(args: TokenStream, item: TokenStream) -> TokenStream {
    block::expand(Kind::Remote, args.into(), item.into()).into()
}

/// Makes functions runnable by the clock, as `cronName.methodName`: what `action` says in config/crons.json.
///
/// ```ignore
/// pub struct ChatCron;
///
/// #[cron]
/// impl ChatCron {
///     /// `{ "id": 1, "time": "0 30 10 * * *", "action": "chatCron.sendMoney" }`
///     pub async fn send_money(app: &App, bank: &Bank) -> Result<()> { /* … */ }
/// }
/// ```
///
/// It goes on an `impl` block of a type or an inline `mod`, as [`handler`] does, and has the same options but `fields` and
/// `concurrent`. [`servers!`] lists it in `crons: […]`. The differences:
///
/// - Nothing comes by value. Lent are `&App`, `&T` of what was inserted, and `&CronRun`, which says what run it is.
/// - It returns `Result<(), E>` of an `ErrorCode`, or nothing; an error is logged.
#[proc_macro_attribute]
pub fn cron(args: TokenStream, item: TokenStream) -> TokenStream {
    block::expand(Kind::Cron, args.into(), item.into()).into()
}

/// Lists the types of servers of a cluster, with their handlers and remotes. It makes the types `Rpc` and `App`.
///
/// ```ignore
/// pomelo::servers! {
///     gate: { handlers: [gate::GateHandler] },
///     connector: {},
///     /// Chat rooms.
///     chat: { handlers: [chat::ChatHandler], remotes: [chat::ChatRemote] },
/// }
/// ```
///
/// # What can be listed
///
/// - `chat::ChatRemote`: a type.
/// - `chat::chat_remote`: a module; its name is written in lower case.
/// - `impl contract::ChatRemote`: a trait. Its methods can be called; to serve them, the builder mounts an
///   implementation where there is one.
/// - `chat::ChatRemote as rooms`, for remotes: the field is `rooms`, else `chat_remote`.
///
/// A type that was made a handler or a remote by hand is listed like others.
///
/// A server type may be called like a keyword: of `match: {…}` the field is `app.rpc.r#match`, and the name in servers.json
/// `match`. A module has one `servers!`.
///
/// A server type may have documentation and `#[cfg(…)]`. `crate = path;` before the first says where the `pomelo` crate
/// is, if not at `::pomelo`.
///
/// # What it writes
///
/// ```ignore
/// pub struct Rpc {
///     /// Chat rooms.
///     pub chat: ChatRpc,
/// }
///
/// /// Chat rooms.
/// pub struct ChatRpc {
///     /// The remote `chat_remote` of `chat` servers.
///     pub chat_remote: <chat::ChatRemote as Contract>::Proxy,
/// }
///
/// pub type App = pomelo::App<Rpc>;
///
/// impl Cluster for Rpc {
///     const SERVERS: &'static [ServerType] = &[
///         ServerType { name: "gate", handlers: &[Table::handler::<gate::GateHandler>()], remotes: &[] },
///         // …
///     ];
///
///     fn bind(routers: &Arc<Routers>) -> Self {
///         Rpc { chat: ChatRpc { chat_remote: Proxy::bind(RpcClient::new(routers, "chat")) } }
///     }
///
///     fn mount(app: &App, mount: &mut Mount<Self>) {
///         match app.server_type() {
///             "gate" => mount.handler(<gate::GateHandler as FromApp<App>>::from_app(app)),
///             "chat" => {
///                 mount.handler(<chat::ChatHandler as FromApp<App>>::from_app(app));
///                 mount.remote(<chat::ChatRemote as FromApp<App>>::from_app(app));
///             }
///             _ => {}
///         }
///     }
///
///     fn platform() -> &'static dyn Platform { pomelo::__private::platform() }
/// }
/// ```
///
/// Server types without remotes have no field in `Rpc`. Two handlers, or two remotes, of one name in a type of server are
/// an error. In the expansion a listed type stands behind an alias, which makes a type without the attribute one error
/// instead of one at each use of `App`.
#[proc_macro]
pub fn servers(input: TokenStream) -> TokenStream {
    servers::expand(input.into()).into()
}

/// Gives an error type of the application's own codes, so that handlers and remotes can return it.
///
/// ```ignore
/// #[derive(Debug, thiserror::Error, pomelo::error::ErrorCode)]
/// pub enum RoomError {
///     #[error("no room is called {0}")]
///     #[error_code(404)]
///     NoRoom(String),
///     #[error("no more than {limit} fit in")]
///     #[error_code(409)]
///     Full { limit: usize },
///     #[error("the list of rooms can't be read")]
///     List(#[from] std::io::Error),
///     #[error(transparent)]
///     Chat(#[from] pomelo::Error),
/// }
///
/// #[handler]
/// impl RoomHandler {
///     /// `{"code": 404}` for the client, "no room is called x" in the log.
///     pub async fn enter(app: &App, name: String) -> Result<Vec<String>, RoomError> {
///         let room = app.channels().get(&name).ok_or(RoomError::NoRoom(name))?;
///         // …
///     }
/// }
/// ```
///
/// The type must have `Display`: by thiserror, or written by hand. The error's message is what that says, followed by the
/// causes of the error if the type is a `std::error::Error`; a cause whose text is there already isn't repeated.
///
/// | where | attribute | the code is |
/// |---|---|---|
/// | a variant, a struct | `#[error_code(404)]` | that; also a constant: `#[error_code(codes::NO_ROOM)]` |
/// | a variant or a struct with one field | `#[error_code(transparent)]` | that of the field, and so is the whole error; the field's type has `ErrorCode`, too |
/// | both | `#[error_code(1003, client)]` | 1003; it is the client's `Fault`, although it isn't below 500; or `server` |
/// | an enum | `#[error_code(400)]` | that of all variants that say none |
/// | a variant, a struct | none | that of a `pomelo::Error` among the causes (kind and body are its, too), else 500 |
/// | the type | `#[error_code(crate = path)]` | where the `pomelo` crate is, if not at `::pomelo` |
///
/// What it writes is `impl ErrorCode for RoomError`, with `code` and `into_error`.
#[proc_macro_derive(ErrorCode, attributes(error_code))]
pub fn error_code(item: TokenStream) -> TokenStream {
    error_code::expand(item.into()).into()
}
