//! Parameters by value: what the attributes ask of a type before they read one, for the sake of the error where it is
//! missing. Each has a number to ask for, as one error is then all that the compiler says.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A field of a client's message, for handlers with `fields`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded from a field of a client message",
    label = "derive `serde::Deserialize` for it"
)]
pub trait FromField {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: DeserializeOwned> FromField for T {}

/// A client's message, or a field of one, by a type that is named like something lent.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded from a client message",
    label = "by value means off the wire, by reference means lent by the framework: put `&` before it",
    note = "if it is a message of your own that has this name, derive `serde::Deserialize` for it"
)]
pub trait FromOwnMessage {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: DeserializeOwned> FromOwnMessage for T {}

/// A client's message, or a field of one, of which the parameter is an `Arc`.
#[diagnostic::on_unimplemented(
    message = "`Arc<{Self}>` cannot be decoded from a client message",
    label = "take `&{Self}`: by reference is lent what was inserted into the app",
    note = "if it is a message, derive `serde::Deserialize` for it"
)]
pub trait FromSharedMessage {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: DeserializeOwned> FromSharedMessage for T {}

/// An argument of a remote, written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a remote",
    label = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait ToArgument {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: Serialize> ToArgument for T {}

/// An argument of a remote, read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a remote",
    label = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait FromArgument {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: DeserializeOwned> FromArgument for T {}

/// An argument of a remote by a type that is named like something lent, written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a remote",
    label = "by value means off the wire, by reference means lent by the framework: put `&` before it",
    note = "if it is a type of your own that has this name, derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait ToOwnArgument {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: Serialize> ToOwnArgument for T {}

/// An argument of a remote by a type that is named like something lent, read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a remote",
    label = "by value means off the wire, by reference means lent by the framework: put `&` before it",
    note = "if it is a type of your own that has this name, derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait FromOwnArgument {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: DeserializeOwned> FromOwnArgument for T {}

/// An argument of a remote of which the parameter is an `Arc`, written.
#[diagnostic::on_unimplemented(
    message = "`Arc<{Self}>` cannot be an argument of a remote",
    label = "take `&{Self}`: by reference is lent what was inserted into the app",
    note = "if it is an argument, derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait ToSharedArgument {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: Serialize> ToSharedArgument for T {}

/// An argument of a remote of which the parameter is an `Arc`, read.
#[diagnostic::on_unimplemented(
    message = "`Arc<{Self}>` cannot be an argument of a remote",
    label = "take `&{Self}`: by reference is lent what was inserted into the app",
    note = "if it is an argument, derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait FromSharedArgument {
    /// A number to ask for.
    const COUNT: usize = 1;
}

impl<T: DeserializeOwned> FromSharedArgument for T {}

/// The reply of a remote, written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the reply of a remote",
    label = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait ToReply {
    /// A number to ask for.
    const COUNT: usize = 1;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> ToReply for T {}

/// The reply of a remote, read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the reply of a remote",
    label = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait FromReply {
    /// A number to ask for.
    const COUNT: usize = 1;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> FromReply for T {}

/// What `new` of a handler or a remote may take: the app.
#[diagnostic::on_unimplemented(
    message = "`new` of a handler or a remote gets the app, and not `{Self}`",
    label = "take `app: App`: what was inserted into it is `app.state::<{Self}>()`"
)]
pub trait AppParameter {
    /// A number to ask for.
    const COUNT: usize = 1;
}

/// The size of a type, of which a handler or a remote without `new` must have none.
pub struct SizeOf<const N: usize>;

/// Whether `T`, of that size, has no fields, so that a server can make one.
#[diagnostic::on_unimplemented(
    message = "`{T}` has fields, and nothing makes it when its server starts",
    label = "add `fn new(app: App) -> Self` to this block (or `fn new(app: &App)`, or `fn new()`)"
)]
pub trait NoFields<T> {
    /// A number to ask for.
    const COUNT: usize = 1;
}

#[diagnostic::do_not_recommend]
impl<T> NoFields<T> for SizeOf<0> {}
