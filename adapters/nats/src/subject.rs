//! Subjects: how servers of one cluster name each other on the bus.
//!
//! | subject | who publishes | who subscribes |
//! |---|---|---|
//! | `<cluster>.<plane>.all` | every server | every server |
//! | `<cluster>.<plane>.server.<type>.<id>` | every server that talks to that one | that server |
//!
//! So what a server may do is a list of prefixes: it subscribes to its own subject and to `all`, and publishes to `all` and to
//! `<cluster>.<plane>.server.<type>.>` of each type that it talks to.

use std::fmt::Write;

use async_nats::Subject;

use crate::error::NatsError;

/// The subjects of one plane of a cluster: its links, or its presence.
#[derive(Debug, Clone)]
pub(crate) struct Subjects {
    root: String,
    all: Subject,
}

/// What a process of a cluster is on the bus for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    /// Messages between servers.
    Link,
    /// Who is there.
    Presence,
}

impl Subjects {
    /// The subjects of a cluster whose name was [checked](check_cluster).
    pub(crate) fn new(cluster: &str, plane: Plane) -> Self {
        let plane = match plane {
            Plane::Link => "link",
            Plane::Presence => "presence",
        };
        let root = format!("{cluster}.{plane}");
        let all = format!("{root}.all").into();
        Self { root, all }
    }

    /// Where servers say to all others who they are.
    pub(crate) fn all(&self) -> Subject {
        self.all.clone()
    }

    /// Where a server hears what others say to it alone.
    pub(crate) fn server(&self, server_type: &str, id: &str) -> Subject {
        format!("{}.server.{}.{}", self.root, token(server_type), token(id)).into()
    }
}

/// A text as one token of a subject: letters, digits, `-` and `_` stay, every other byte is `=` and two hexadecimal digits. A guest
/// has no type, so its token is `=`.
fn token(text: &str) -> String {
    if text.is_empty() {
        return "=".to_owned();
    }
    let mut token = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            token.push(char::from(byte));
        } else {
            // Writing to a text can't fail.
            let _ = write!(token, "={byte:02x}");
        }
    }
    token
}

/// Checks the name of a cluster, which may have several tokens, such as `game.eu`.
///
/// # Errors
/// If it is no prefix of a subject.
pub(crate) fn check_cluster(cluster: &str) -> Result<(), NatsError> {
    let is_token = |token: &str| {
        !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    match cluster.split('.').all(is_token) {
        true => Ok(()),
        false => Err(NatsError::Cluster(cluster.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_cluster_plane_type_and_id() {
        let subjects = Subjects::new("game.eu", Plane::Link);
        assert_eq!(subjects.all().as_str(), "game.eu.link.all");
        assert_eq!(subjects.server("chat", "chat-1").as_str(), "game.eu.link.server.chat.chat-1");
        assert_eq!(Subjects::new("game", Plane::Presence).all().as_str(), "game.presence.all");
    }

    #[test]
    fn what_means_something_in_a_subject_is_written_otherwise_and_no_two_texts_alike() {
        let subjects = Subjects::new("game", Plane::Link);
        let of = |id: &str| subjects.server("chat", id);
        assert_eq!(of("a.b").as_str(), "game.link.server.chat.a=2eb");
        assert_eq!(of("*").as_str(), "game.link.server.chat.=2a");
        assert_eq!(of("a=2eb").as_str(), "game.link.server.chat.a=3d2eb");
        assert_eq!(of("ü >").as_str(), "game.link.server.chat.=c3=bc=20=3e");
        assert_eq!(subjects.server("", "web-1").as_str(), "game.link.server.=.web-1");
    }

    #[test]
    fn a_cluster_is_named_by_tokens_and_nothing_else() {
        assert!(check_cluster("game").is_ok() && check_cluster("game.eu-1").is_ok());
        for wrong in ["", ".", "game.", "game.*", "game.>", "a b"] {
            assert!(matches!(check_cluster(wrong), Err(NatsError::Cluster(name)) if name == wrong));
        }
    }
}
