//! Connecting: a client of NATS as the options say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr, rustls};
use pomelo_core::value::ServerId;

use super::signal::{Signals, signals};
use crate::error::NatsError;
use crate::options::{Login, Nats, without_password};

/// The pause before the second attempt to connect; each later one is twice as long, and between half and one and a half of that by
/// chance, so that the servers of a cluster don't all come at once. The pause before the first is shorter than this, by chance.
const FIRST_RETRY: Duration = Duration::from_millis(40);

/// The longest pause, but for chance.
const LONGEST_RETRY: Duration = Duration::from_secs(1);

/// When a client whose server is gone tries again; it then ends.
const CLOSED_RETRY: Duration = Duration::from_secs(600);

/// How often the client asks NATS whether it is there; after two questions without an answer it connects anew.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// How many messages the client takes before it has written them. What it holds when the connection breaks is lost.
const CLIENT_MESSAGES: usize = 64;

/// Connects. If NATS can't be reached the client goes on trying, and what is returned last says that the bus is away.
///
/// # Errors
/// If NATS refuses, or what is configured can't be used.
pub(super) async fn connect(
    nats: &Nats,
    server: &ServerId,
    is_closed: Arc<AtomicBool>,
) -> Result<(Client, Signals, bool), NatsError> {
    let addresses = nats.check()?;
    let (events, signals) = signals(server);
    let events = Arc::new(events);
    let options = options(nats, &addresses, server, is_closed).await?.event_callback(move |event| {
        let events = events.clone();
        async move { events.take(event).await }
    });
    let error = match options.clone().connect(addresses.clone()).await {
        Ok(client) => return Ok((client, signals, false)),
        Err(error) => error,
    };
    let urls = || {
        addresses.iter().map(|address| without_password(address.as_url_str())).collect::<Vec<_>>().join(", ")
    };
    match error.kind() {
        ConnectErrorKind::Io | ConnectErrorKind::TimedOut | ConnectErrorKind::Dns if !is_of_tls(&error) => {
            tracing::warn!(server = %server, %error, "NATS at {} can't be reached; this server is known once it is back", urls());
            let client = options.retry_on_initial_connect().connect(addresses.clone()).await;
            let client = client.map_err(|source| NatsError::Refused { urls: urls(), source })?;
            Ok((client, signals, true))
        }
        _ => Err(NatsError::Refused { urls: urls(), source: error }),
    }
}

/// Whether an attempt failed for TLS, as with a certificate that one of the two doesn't trust: the client takes that for an input or
/// output error like any other.
fn is_of_tls(error: &ConnectError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(next) = cause {
        if next.is::<rustls::Error>() {
            return true;
        }
        cause = match next.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => next.source(),
        };
    }
    false
}

async fn options(
    nats: &Nats,
    addresses: &[ServerAddr],
    server: &ServerId,
    is_closed: Arc<AtomicBool>,
) -> Result<ConnectOptions, NatsError> {
    let mut options = ConnectOptions::new()
        .name(server)
        .require_tls(nats.requires_tls(addresses))
        .connection_timeout(nats.connect_timeout)
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(nats.inbound_messages)
        .client_capacity(CLIENT_MESSAGES)
        // Subjects are made of tokens here, and once for each peer.
        .skip_subject_validation(true)
        .reconnect_delay_callback(move |attempt| match is_closed.load(Ordering::Acquire) {
            true => CLOSED_RETRY,
            false => pause(attempt),
        });
    if !nats.is_safe_anywhere(addresses) {
        // A NATS server of this machine may name others of its cluster.
        options = options.ignore_discovered_servers();
    }
    for roots in &nats.tls.roots {
        options = options.add_root_certificates(roots.clone());
    }
    if let Some((certificate, key)) = &nats.tls.certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(match &nats.login {
        Login::None => with_login_of(addresses, options),
        Login::User(user, password) => options.user_and_password(user.clone(), password.clone()),
        Login::Token(token) => options.token(token.clone()),
        Login::Nkey(seed) => options.nkey(seed.clone()),
        Login::File(path) => {
            let read = options.credentials_file(path).await;
            read.map_err(|source| NatsError::Credentials { path: path.clone(), source })?
        }
    })
}

/// The client reads no login in an address: a user with a password, or a token alone.
fn with_login_of(addresses: &[ServerAddr], options: ConnectOptions) -> ConnectOptions {
    let login = addresses.iter().find_map(|address| Some((address.username()?, address.password())));
    match login {
        Some((user, Some(password))) => options.user_and_password(decoded(user), decoded(password)),
        Some((token, None)) => options.token(decoded(token)),
        None => options,
    }
}

/// A part of an address, in which `%40` is `@`.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let digits =
            behind.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How long to wait before that attempt to connect.
fn pause(attempt: usize) -> Duration {
    // The client counts from one, and makes the first attempt through here, too.
    let Some(doublings) = attempt.checked_sub(2) else { return by_chance(FIRST_RETRY) };
    let pause = FIRST_RETRY.saturating_mul(1 << doublings.min(16)).min(LONGEST_RETRY);
    pause / 2 + by_chance(pause)
}

/// A time below `limit`, by chance.
pub(super) fn by_chance(limit: Duration) -> Duration {
    // Without chance all take the same time, which costs them a busy moment.
    let part = getrandom::u32().unwrap_or(u32::MAX / 2);
    limit.mul_f64(f64::from(part) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_get_longer_up_to_a_bound_and_differ_by_chance() {
        assert!((0..100).all(|_| pause(1) <= FIRST_RETRY));
        for attempt in 2..100 {
            let (least, most) = (pause_of(attempt) / 2, pause_of(attempt) * 3 / 2);
            for _ in 0..100 {
                let pause = pause(attempt);
                assert!(pause >= least && pause <= most, "{attempt}: {pause:?}");
            }
        }
        let different: std::collections::HashSet<_> = (0..20).map(|_| pause(50)).collect();
        assert!(different.len() > 10);
    }

    fn pause_of(attempt: usize) -> Duration {
        [40, 80, 160, 320, 640].get(attempt - 2).map_or(LONGEST_RETRY, |ms| Duration::from_millis(*ms))
    }

    #[test]
    fn a_login_in_an_address_may_have_any_character() {
        let read = ["p%40ss", "a%2Cb%25", "%C3%A9", "100%", "%zz", ""].map(decoded);
        assert_eq!(read, ["p@ss", "a,b%", "\u{e9}", "100%", "%zz", ""]);
    }
}
