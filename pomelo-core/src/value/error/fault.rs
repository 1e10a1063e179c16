//! Faults: whose mistake an error is.

use serde::{Deserialize, Serialize};

use super::ErrorKind;

/// Whose mistake an error is: it decides whether operators hear of it.
///
/// An [`Error`](super::Error) that says nothing of it is judged by its [`ErrorKind`] and code:
///
/// | error | whose |
/// |---|---|
/// | [`Application`](ErrorKind::Application), code below 500, such as 403 | the client's |
/// | [`Application`](ErrorKind::Application), code 500 and above, and every error that `?` turned into one | the server's |
/// | a message that can't be read as what the handler takes; a route that nobody handles | the client's |
/// | [`Closed`](ErrorKind::Closed): the session is gone, so nobody waits for the answer | the client's |
/// | all other kinds: a panic, a deadline, a server that is down, a full queue, arguments that a remote can't read | the server's |
///
/// Where an application's own codes lie above 500 (`1003`, no such user), it says so:
/// `Error::new(1003, "no such user").with_fault(Fault::Client)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The client asked for what it can't have: a refusal. It is counted by itself, and logged at DEBUG.
    Client,
    /// The application, the server or the cluster failed. It is counted, and logged at WARN, one line a second and route.
    Server,
}

impl Fault {
    /// Whose an error of that kind and code is.
    pub(crate) fn of(kind: ErrorKind, code: u16) -> Self {
        match kind {
            ErrorKind::Application if code < 500 => Self::Client,
            ErrorKind::Closed => Self::Client,
            ErrorKind::Application
            | ErrorKind::BadMessage
            | ErrorKind::NoServer
            | ErrorKind::Refused
            | ErrorKind::NoSuchMethod
            | ErrorKind::Overloaded
            | ErrorKind::Deadline
            | ErrorKind::Panic
            | ErrorKind::Config
            | ErrorKind::Reentered => Self::Server,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::error::Error;

    #[test]
    fn what_a_client_is_refused_is_its_own_fault_and_the_rest_the_servers() {
        for code in [400, 401, 403, 404, 499] {
            assert_eq!(Error::new(code, "no").fault(), Fault::Client, "{code}");
        }
        for code in [500, 501, 503, 1003] {
            assert_eq!(Error::new(code, "broken").fault(), Fault::Server, "{code}");
        }
        assert_eq!(Error::of(ErrorKind::Closed, "gone").fault(), Fault::Client);
        for kind in [
            ErrorKind::BadMessage,
            ErrorKind::NoServer,
            ErrorKind::Refused,
            ErrorKind::NoSuchMethod,
            ErrorKind::Overloaded,
            ErrorKind::Deadline,
            ErrorKind::Panic,
            ErrorKind::Config,
            ErrorKind::Reentered,
        ] {
            assert_eq!(Error::of(kind, "broken").fault(), Fault::Server, "{kind:?}");
        }
    }

    #[test]
    fn an_error_may_say_whose_it_is_and_keeps_that_on_its_way() {
        let error = Error::new(1003, "no such user").with_fault(Fault::Client).context("login");
        let bytes = rmp_serde::to_vec(&error).unwrap();
        let error: Error = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(
            (error.fault(), error.code(), error.message()),
            (Fault::Client, 1003, "login: no such user")
        );
        assert_eq!(Error::new(404, "lost").with_fault(Fault::Server).fault(), Fault::Server);
    }
}
