//! Values: what names, addresses and limits things, the configuration, and errors.
//!
//! | module | noun |
//! |---|---|
//! | `ids`, `server`, `route`, `host` | names of users, sessions, servers, methods and machines |
//! | `settings` | what a session carries |
//! | `level` | what an operator may do |
//! | `error` | [`Error`], its kinds, faults and codes |
//! | `limits`, `bounds` | what could grow, and what an option may be |
//! | `config` | servers.json and its neighbours |
//! | `spelling`, `text`, `warned` | what was probably meant; the beginning of a text; what was said once |
//! | `scratch` | a thread's buffer, to encode in |

pub mod bounds;
pub mod config;
mod error;
pub mod host;
mod ids;
mod level;
mod limits;
mod route;
pub(crate) mod scratch;
mod server;
mod settings;
pub mod spelling;
mod text;
mod warned;

pub(crate) use self::error::bad_message;
#[doc(hidden)]
pub use self::error::{DerivedCode, OfDisplay, OfError};
pub use self::error::{Error, ErrorCode, ErrorKind, Fault, OrErr, Result, StdError};
pub(crate) use self::ids::OwnIncarnation;
pub use self::ids::{Incarnation, ParseSessionIdError, SessionId, Uid};
pub use self::level::Level;
pub use self::limits::Limits;
pub(crate) use self::route::RouteTable;
pub use self::route::{Route, RouteError};
pub use self::server::{ServerId, ServerInfo, ServerList};
pub(crate) use self::settings::{Settings, read as read_setting};
pub(crate) use self::text::beginning;
pub(crate) use self::warned::Warned;
