//! Rerouting: what could not be queued for the server that a router picked goes to the one that it picks now.

use crate::peers::Unqueued;
use crate::value::{Result, ServerId};

/// How often a message is routed again. A router that names another server has seen that something changed; that is hardly so
/// three times while one message is sent.
const MAX_REROUTES: usize = 2;

/// Sends a message by `send` to `server`. If it could not be queued there, since that server is leaving, gone or not linked by now,
/// the router is asked again. Returns where it went.
///
/// # Errors
/// Why it could not be queued, if the router fails now or picks the same server again.
pub(crate) async fn send_routed<T, F: Future<Output = Result<ServerId>>>(
    mut server: ServerId,
    send: impl Fn(&ServerId) -> Result<T, Unqueued>,
    route: impl Fn() -> F,
) -> Result<(ServerId, T)> {
    let mut reroutes = 0..MAX_REROUTES;
    loop {
        let Unqueued { error, may_move } = match send(&server) {
            Ok(sent) => return Ok((server, sent)),
            Err(unqueued) => unqueued,
        };
        if !may_move || reroutes.next().is_none() {
            return Err(error);
        }
        server = route().await.ok().filter(|other| *other != server).ok_or(error)?;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::value::{Error, ErrorKind};

    /// Sends where the router says those servers one after the other, and only the last one takes it; gives those tried, and the
    /// outcome.
    async fn tried(routed: &[&str], takes: &str, may_move: bool) -> (Vec<String>, Result<String>) {
        let (tried, next) = (RefCell::new(vec![]), RefCell::new(routed.iter().skip(1)));
        let send = |server: &ServerId| {
            tried.borrow_mut().push(server.to_string());
            let error = || Error::of(ErrorKind::Refused, format_args!("{server} is stopping"));
            if **server == *takes { Ok(()) } else { Err(Unqueued { error: error(), may_move }) }
        };
        let route = || {
            let server = next.borrow_mut().next().map(|server| ServerId::from(*server));
            std::future::ready(server.ok_or_else(|| Error::of(ErrorKind::NoServer, "none")))
        };
        let sent = send_routed(routed[0].into(), send, route).await;
        (tried.take(), sent.map(|(server, ())| server.to_string()))
    }

    #[tokio::test]
    async fn what_was_not_queued_is_routed_again_at_most_twice() {
        let (tried_at, sent) = tried(&["a", "b", "c"], "c", true).await;
        assert_eq!((tried_at, sent.unwrap()), (vec!["a".into(), "b".into(), "c".into()], "c".into()));
        let (tried_at, sent) = tried(&["a", "b", "c", "d"], "d", true).await;
        assert_eq!((tried_at.len(), sent.unwrap_err().message()), (3, "c is stopping"));
    }

    #[tokio::test]
    async fn the_same_server_again_fails_as_it_did() {
        let (tried_at, sent) = tried(&["a", "a", "b"], "b", true).await;
        assert_eq!((tried_at.len(), sent.unwrap_err().message()), (1, "a is stopping"));
        let (tried_at, sent) = tried(&["a"], "b", true).await;
        assert_eq!((tried_at.len(), sent.unwrap_err().message()), (1, "a is stopping"));
    }

    #[tokio::test]
    async fn what_another_server_could_not_take_either_is_not_routed_again() {
        let (tried_at, sent) = tried(&["a", "b"], "b", false).await;
        assert_eq!((tried_at.len(), sent.unwrap_err().message()), (1, "a is stopping"));
    }
}
