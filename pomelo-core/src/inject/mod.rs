//! Dependency injection: resolves the `&T` parameters of handlers and remotes.
//!
//! ```text
//!  &App ─▶ the app       &Session, &Request, &Inbound ─▶ the message       &T ─▶ inserted state, components
//! ```
//!
//! By reference is lent, by value is off the wire. What is lent is found by type, at each call, without
//! allocating; that it exists is checked when the server starts.

mod state;

#[doc(hidden)]
pub use self::state::State;

use std::any::{Any, TypeId, type_name};

use crate::value::{Error, ErrorKind, Result};

/// A `&T` parameter of a method, so that a type that nobody inserted is found when the server starts.
#[derive(Clone, Copy)]
pub struct Injected {
    id: fn() -> TypeId,
    name: fn() -> &'static str,
}

impl Injected {
    /// The entry for `&T`.
    pub const fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>, name: type_name::<T> }
    }
}

/// The kind of message that a method handles, and what comes with it.
pub trait Provider: Send + Sync + 'static {
    /// What this message lends besides the app and inserted state.
    fn part(&self, id: TypeId) -> Option<&dyn Any>;

    /// Whether [`part`](Self::part) has something of that type.
    fn has(id: TypeId) -> bool;
}

/// What holds all that the application inserted: its app.
pub trait Container: 'static {
    #[doc(hidden)]
    fn state(&self) -> &State;
}

/// A method's surroundings: the app, and the message with what comes with it.
pub struct Context<'a, A, M> {
    app: &'a A,
    message: &'a M,
    state: &'a State,
}

impl<A, M> Clone for Context<'_, A, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, M> Copy for Context<'_, A, M> {}

impl<'a, A: Container, M> Context<'a, A, M> {
    /// The surroundings of one call.
    pub fn new(app: &'a A, message: &'a M) -> Self {
        Self { app, message, state: app.state() }
    }
}

impl<'a, A: 'static, M: Provider> Context<'a, A, M> {
    /// The message.
    pub fn message(&self) -> &'a M {
        self.message
    }

    /// The app, the session, the message, or what was inserted, by type.
    ///
    /// # Errors
    /// If there is no such thing; that is found when the server starts.
    pub fn inject<T: 'static>(&self) -> Result<&'a T> {
        if let Some(app) = (self.app as &dyn Any).downcast_ref() {
            return Ok(app);
        }
        let part = self.message.part(TypeId::of::<T>()).and_then(|part| part.downcast_ref());
        part.or_else(|| self.state.find()).ok_or_else(|| missing(type_name::<T>()))
    }
}

fn missing(type_name: &str) -> Error {
    Error::of(ErrorKind::Config, format_args!("nothing of type `{type_name}` was inserted into the app"))
}

/// Checks that everything a method wants to be lent exists.
pub(crate) fn check<A: 'static, M: Provider>(
    state: &State,
    method: &str,
    injects: &[Injected],
) -> Result<()> {
    for injected in injects {
        let id = (injected.id)();
        if id != TypeId::of::<A>() && !M::has(id) && !state.has(id) {
            return Err(missing((injected.name)()).context(method));
        }
    }
    Ok(())
}
