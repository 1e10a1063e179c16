//! Administration of a server: what operators ask it, by whichever way they came in.
//!
//! ```text
//!  an operator ─▶ Operated::ask ─┬▶ this very server ──────────────┬▶ Modules ─▶ the module, where its level allows it
//!                                └▶ Message::Ask ─▶ another server ┘
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `module` | [`AdminModule`]: a name, a level, and what answers |
//! | `modules` | all of a server's |
//! | `asking` | questions to this server and to others |
//! | `lifecycle` | the modules that every server has: who it is, stop, restart |
//! | `online` | the module of frontends: who is connected |
//! | `settings` | the modules that read and set a server's settings |
//! | `operated` | [`Operated`]: a server, as those know it who let operators in |

mod asking;
mod lifecycle;
mod module;
mod modules;
mod online;
mod operated;
mod settings;

pub use self::lifecycle::Identity;
pub use self::module::AdminModule;
pub(crate) use self::modules::Modules;
pub use self::operated::Operated;
