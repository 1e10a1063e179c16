//! The macros as users import them. The examples are here, as `pomelo-macros` can't depend on what they need.

/// # Each attribute
///
/// ```
/// use pomelo::error::Fault;
/// use pomelo::Error;
/// use pomelo::error::{ErrorCode, ErrorKind};
///
/// #[derive(Debug, thiserror::Error, ErrorCode)]
/// enum RoomError {
///     #[error("no room is called {0}")]
///     #[error_code(404)]
///     NoRoom(String),
///     #[error("no more than {limit} fit in")]
///     #[error_code(1003, client)]
///     Full { limit: usize },
///     #[error(transparent)]
///     #[error_code(transparent)]
///     Seat(#[from] SeatError),
///     #[error("the list of rooms can't be read")]
///     List(#[from] std::io::Error),
///     #[error("asking the chat server")]
///     Chat(#[from] Error),
/// }
///
/// #[derive(Debug, thiserror::Error, ErrorCode)]
/// #[error_code(409)]
/// enum SeatError {
///     #[error("somebody sits there")]
///     Taken,
/// }
///
/// let told = |error: RoomError| {
///     let error = error.into_error();
///     (error.code(), error.message().to_owned())
/// };
/// assert_eq!(told(RoomError::NoRoom("a".into())), (404, "no room is called a".into()));
/// assert_eq!(told(SeatError::Taken.into()), (409, "somebody sits there".into()));
/// let disk = std::io::Error::other("disk");
/// assert_eq!(told(disk.into()), (500, "the list of rooms can't be read: disk".into()));
/// let late = Error::of(ErrorKind::Deadline, "late");
/// assert_eq!(RoomError::from(late).into_error().kind(), ErrorKind::Deadline);
/// assert_eq!(RoomError::Full { limit: 8 }.into_error().fault(), Fault::Client);
/// ```
pub use pomelo_macros::ErrorCode;
/// # Each form and option
///
/// ```
/// use pomelo::{Request, Result, Session, handler};
/// use serde::Deserialize;
///
/// pomelo::servers! {
///     connector: { handlers: [EntryHandler, Rooms, time_handler] },
/// }
///
/// #[derive(Deserialize)]
/// struct Enter {
///     room: String,
/// }
///
/// struct EntryHandler;
///
/// #[handler]
/// impl EntryHandler {
///     /// `connector.entryHandler.enter`, of `{ "room": "a" }`.
///     pub async fn enter(app: &App, session: &Session, Enter { room }: Enter) -> Result<String> {
///         Ok(format!("{} of {} is in {room}", session.id(), app.server_id()))
///     }
///
///     /// `connector.entryHandler.bye`.
///     #[pomelo(rename = "bye")]
///     pub async fn leave(request: &Request) -> Result<bool> {
///         Ok(request.session().uid().is_some())
///     }
///
///     /// Runs beside earlier requests of its session.
///     #[pomelo(concurrent)]
///     pub async fn version() -> Result<u32> {
///         Ok(Self::number())
///     }
///
///     /// A helper, although it is `pub`.
///     #[pomelo(skip)]
///     pub fn number() -> u32 {
///         7
///     }
///
///     /// A `cfg` goes with it wherever it is listed.
///     #[cfg(debug_assertions)]
///     pub async fn debug() {}
/// }
///
/// /// With state of its own.
/// struct Rooms {
///     app: App,
/// }
///
/// #[handler(rename = "room", fields)]
/// impl Rooms {
///     fn new(app: App) -> Self {
///         Self { app }
///     }
///
///     /// `connector.room.say`, of `{ "text": "a" }`, with `userName` and `loud` or without.
///     pub async fn say(
///         &self,
///         text: String,
///         user_name: Option<String>,
///         #[pomelo(default)] loud: bool,
///     ) -> Result<String> {
///         let text = if loud { text.to_uppercase() } else { text };
///         Ok(format!("{}: {text} on {}", user_name.unwrap_or_default(), self.app.server_id()))
///     }
/// }
///
/// #[handler(crate = ::pomelo)]
/// mod time_handler {
///     /// `connector.timeHandler.zone`.
///     pub async fn zone() -> pomelo::Result<String> {
///         Ok("UTC".into())
///     }
/// }
/// # fn main() {}
/// ```
pub use pomelo_macros::handler;
/// # Each form and option
///
/// ```
/// use pomelo::rpc::Inbound;
/// use pomelo::{ALL, Result, Session, handler, key, remote, to};
/// use serde::{Deserialize, Serialize};
///
/// pomelo::servers! {
///     connector: { handlers: [EntryHandler] },
///     chat: { remotes: [RoomRemote, impl ScoreRemote] },
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Member {
///     uid: String,
/// }
///
/// struct RoomRemote;
///
/// #[remote(rename = "room")]
/// impl RoomRemote {
///     /// Callers of before have no `loud`, and those before them no `note`.
///     pub async fn add(
///         app: &App,
///         call: &Inbound,
///         member: Member,
///         #[pomelo(default)] loud: bool,
///         note: Option<String>,
///     ) -> Result<String> {
///         let note = note.unwrap_or_default();
///         Ok(format!("{} by {} on {}: {loud} {note}", member.uid, call.from(), app.server_id()))
///     }
///
///     #[pomelo(rename = "close!")]
///     pub async fn close() {}
/// }
///
/// /// A contract: who calls needs nothing else.
/// #[remote]
/// trait ScoreRemote {
///     async fn score(&self, uid: String) -> Result<u64>;
/// }
///
/// struct EntryHandler;
///
/// #[handler]
/// impl EntryHandler {
///     pub async fn enter(app: &App, session: &Session) -> Result<String> {
///         let chat = &app.rpc.chat;
///         let score = chat.score_remote.score(to("chat-1"), "u1").await?;
///         for (server, closed) in chat.room_remote.close(ALL).await? {
///             closed.map_err(|error| error.context(server))?;
///         }
///         let member = || Member { uid: "u1".into() };
///         let by_key = chat.room_remote.add(key("room1"), member(), true, None).await?;
///         let by_session = chat.room_remote.add(session, member(), true, Some(score.to_string())).await?;
///         Ok(by_key + &by_session)
///     }
/// }
/// # fn main() {}
/// ```
pub use pomelo_macros::remote;
/// # Each form and option
///
/// ```
/// mod chat {
///     use pomelo::{Result, handler, remote};
///
///     pub struct ChatHandler;
///
///     #[handler]
///     impl ChatHandler {
///         pub async fn send(text: String) -> Result<usize> {
///             Ok(text.len())
///         }
///     }
///
///     #[remote]
///     pub mod room_remote {
///         pub async fn close() {}
///     }
///
///     #[remote]
///     pub trait ScoreRemote {
///         async fn score(&self) -> Result<u64>;
///     }
/// }
///
/// pomelo::servers! {
///     crate = ::pomelo;
///
///     gate: {},
///     /// Chat rooms.
///     chat: {
///         handlers: [chat::ChatHandler],
///         remotes: [chat::room_remote as rooms, impl chat::ScoreRemote],
///     },
///     #[cfg(debug_assertions)]
///     robots: {},
///     // `app.rpc.r#match`, and `match` in servers.json.
///     match: { remotes: [chat::room_remote] },
/// }
///
/// fn calls(app: &App) -> [pomelo::rpc::Call<(), pomelo::rpc::One>; 2] {
///     [app.rpc.chat.rooms.close(pomelo::key("k")), app.rpc.r#match.room_remote.close(pomelo::key("k"))]
/// }
/// # fn main() {}
/// ```
pub use pomelo_macros::servers;

/// # In a server
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use pomelo::Result;
/// use pomelo::cron::cron;
///
/// pomelo::servers! {
///     bank: { crons: [BankCron] },
/// }
///
/// struct BankCron;
///
/// #[cron]
/// impl BankCron {
///     /// In config/crons.json: `{ "bank": [{ "id": 1, "time": "0 30 10 * * *", "action": "bankCron.sendMoney" }] }`.
///     pub async fn send_money(app: &App) -> Result<()> {
///         app.channels().broadcast("connector", "onMoney", &100)
///     }
/// }
/// # fn main() {}
/// ```
#[cfg(feature = "crons")]
pub use pomelo_macros::cron;
