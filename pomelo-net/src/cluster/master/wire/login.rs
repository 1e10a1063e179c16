//! Logging in: both sides prove that they know the password or token, and neither sends it.
//!
//! ```text
//! who comes                     master
//!   Hello {who, nonce}    ──▶
//!                         ◀──   Challenge {nonce}
//!   Answer {proof}        ──▶                          so a stranger gets nothing that it could guess passwords with
//!                         ◀──   Welcome {proof} or Refused {reason}
//! ```
//!
//! Every connection begins so, a connection that is made again too: there is no other way in.

use std::io;
use std::time::Duration;

use pomelo_core::server::ServerId;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Wire, WireError};
use crate::cluster::master::config::{Entrance, Level, Tokens, Users};
use crate::cluster::secret::{Nonce, Proof, Secret};

/// Of what is said after the login. Another version is refused.
const VERSION: u32 = 1;
/// A refusal waits this long, so that passwords can't be tried quickly.
const REFUSAL: Duration = Duration::from_millis(500);

/// Who comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cluster::master) enum Who {
    Server { id: ServerId, server_type: String },
    Operator { user: String },
}

#[derive(Serialize, Deserialize)]
struct Hello {
    version: u32,
    who: Who,
    nonce: Nonce,
}

#[derive(Serialize, Deserialize)]
struct Challenge {
    nonce: Nonce,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    /// None from a server that was given no token.
    proof: Option<Proof>,
}

#[derive(Serialize, Deserialize)]
enum Verdict {
    Welcome { proof: Option<Proof> },
    Refused { reason: String },
}

/// Why somebody isn't in.
#[derive(Debug, Error)]
pub(in crate::cluster::master) enum LoginError {
    #[error("{0}")]
    Wire(#[from] WireError),
    #[error("no randomness for a login: {0}")]
    Randomness(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
    #[error(
        "what answers there does not know the token or password: it is not the master of this application"
    )]
    Impostor,
}

const MASTER: &str = "master";

impl Who {
    fn role(&self) -> &'static str {
        match self {
            Self::Server { .. } => "server",
            Self::Operator { .. } => "operator",
        }
    }

    /// What a proof is about. Both sides write it from the same type, so it is the same.
    fn context(&self) -> Result<Vec<u8>, WireError> {
        Ok(serde_json::to_vec(self)?)
    }
}

/// Logs in at a master, which has to prove itself too.
pub(in crate::cluster::master) async fn enter<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    who: Who,
    secret: Option<&Secret>,
) -> Result<(), LoginError> {
    let own = Nonce::random()?;
    let context = who.context()?;
    let role = who.role();
    wire.send(&Hello { version: VERSION, who, nonce: own }).await?;
    let Challenge { nonce: master } = wire.receive_soon().await?;
    let proof = secret.map(|secret| secret.prove(role, &own, &master, &context));
    wire.send(&Answer { proof }).await?;
    let proof = match wire.receive_soon().await? {
        Verdict::Refused { reason } => return Err(LoginError::Refused(reason)),
        Verdict::Welcome { proof } => proof,
    };
    if let Some(secret) = secret {
        let proof = proof.ok_or(LoginError::Impostor)?;
        secret.verify(MASTER, &master, &own, &context, &proof).map_err(|_| LoginError::Impostor)?;
    }
    wire.trust();
    Ok(())
}

/// Who may come in, and what for.
#[derive(Debug)]
pub(in crate::cluster::master) struct Doors {
    pub(in crate::cluster::master) users: Users,
    pub(in crate::cluster::master) tokens: Tokens,
}

/// Somebody who has come in.
#[derive(Debug)]
pub(in crate::cluster::master) enum Guest {
    Server { id: ServerId, server_type: String },
    Operator { user: String, level: Level },
}

impl Doors {
    /// Lets somebody in, or refuses; `from_here` says that the connection comes from this host.
    pub(in crate::cluster::master) async fn admit<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        from_here: bool,
    ) -> Result<Guest, LoginError> {
        let Hello { version, who, nonce } = wire.receive_soon().await?;
        let own = Nonce::random()?;
        wire.send(&Challenge { nonce: own }).await?;
        let Answer { proof } = wire.receive_soon().await?;
        let judged = if version == VERSION {
            self.judge(&who, from_here, |secret, context| {
                let proof = proof.ok_or("a token is needed, and none was given")?;
                secret
                    .verify(who.role(), &nonce, &own, context, &proof)
                    .map_err(|_| "the user, password or token is wrong")?;
                Ok(secret.prove(MASTER, &own, &nonce, context))
            })?
        } else {
            Err(format!("it speaks version {version}, and this master version {VERSION}"))
        };
        match judged {
            Ok((guest, proof)) => {
                wire.send(&Verdict::Welcome { proof }).await?;
                wire.trust();
                Ok(guest)
            }
            Err(reason) => {
                tokio::time::sleep(REFUSAL).await;
                wire.send(&Verdict::Refused { reason: reason.clone() }).await?;
                Err(LoginError::Refused(format!("{who:?}: {reason}")))
            }
        }
    }

    /// Whether `who` may come in, given a check of its proof that also makes the master's.
    fn judge(
        &self,
        who: &Who,
        from_here: bool,
        check: impl FnOnce(&Secret, &[u8]) -> Result<Proof, &'static str>,
    ) -> Result<Result<(Guest, Option<Proof>), String>, WireError> {
        let context = who.context()?;
        Ok(match who {
            Who::Server { id, server_type } => {
                let proof = match self.tokens.entrance(server_type, from_here) {
                    Entrance::Open => Ok(None),
                    Entrance::Token(token) => check(token, &context).map(Some),
                    Entrance::Closed(reason) => Err(reason),
                };
                let guest = Guest::Server { id: id.clone(), server_type: server_type.clone() };
                proof.map(|proof| (guest, proof)).map_err(str::to_owned)
            }
            Who::Operator { user: name } => match self.users.find(name) {
                Some(user) => match check(&user.password, &context) {
                    Err(reason) => Err(reason.to_owned()),
                    // Only who knows the password is told that it is such a one.
                    Ok(_) if !from_here && !user.may_come_from_afar() => Err(format!(
                        "`{name}` with its name for a password comes in from the master's host only; set \
                         another in adminUser.json"
                    )),
                    Ok(proof) => Ok((Guest::Operator { user: name.clone(), level: user.level }, Some(proof))),
                },
                // The same words as for a wrong password: who has an account is nobody's business.
                None => Err("the user, password or token is wrong".to_owned()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use pomelo_core::config::Config;
    use tokio::io::duplex;

    use super::*;

    fn doors(files: &[(&str, &str)]) -> Doors {
        let dir = crate::cluster::master::tests::TempDir::new();
        for (name, text) in files {
            dir.write(name, text);
        }
        let config = Config { env: "development".into(), dir: Some(dir.path().into()), ..Config::default() };
        Doors { users: Users::read(&config).unwrap(), tokens: Tokens::read(&config).unwrap() }
    }

    /// What the guest and the master make of a login.
    async fn login(
        doors: &Doors,
        from_here: bool,
        who: Who,
        secret: Option<&str>,
    ) -> [Result<(), String>; 2] {
        let (ours, theirs) = duplex(1024);
        let secret = secret.map(|text| Secret::new(text).unwrap());
        let (mut guest, mut master) = (Wire::new(ours), Wire::new(theirs));
        let entering = enter(&mut guest, who, secret.as_ref());
        let (entered, admitted) = tokio::join!(entering, doors.admit(&mut master, from_here));
        [entered.map_err(|e| e.to_string()), admitted.map(|_| ()).map_err(|e| e.to_string())]
    }

    fn chat() -> Who {
        Who::Server { id: "chat-1".into(), server_type: "chat".into() }
    }

    fn operator(user: &str) -> Who {
        Who::Operator { user: user.into() }
    }

    const TOKENS: (&str, &str) =
        ("adminServer.json", r#"[{"type":"chat","token":"right"},{"type":"gate","token":"other"}]"#);
    const USERS: (&str, &str) =
        ("adminUser.json", r#"{"development":[{"id":"1","username":"ops","password":"long","level":1}]}"#);

    #[tokio::test(start_paused = true)]
    async fn a_token_or_password_that_is_right_lets_in_and_no_other() {
        let doors = doors(&[TOKENS, USERS]);
        let good = [(chat(), Some("right")), (operator("ops"), Some("long"))];
        for (who, secret) in good {
            assert_eq!(login(&doors, false, who, secret).await, [Ok(()), Ok(())]);
        }
        let bad = [
            (chat(), Some("wrong")),
            (chat(), Some("other")),
            (chat(), None),
            (Who::Server { id: "chat-1".into(), server_type: "area".into() }, Some("right")),
            (operator("ops"), Some("right")),
            (operator("admin"), Some("admin")),
        ];
        for (who, secret) in bad {
            let [guest, master] = login(&doors, true, who.clone(), secret).await;
            assert!(guest.is_err() && master.is_err(), "{who:?} came in with {secret:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_files_only_this_host_comes_in() {
        let doors = doors(&[]);
        for (who, secret) in [(chat(), None), (operator("admin"), Some("admin"))] {
            assert_eq!(login(&doors, true, who.clone(), secret).await, [Ok(()), Ok(())]);
            assert!(login(&doors, false, who, secret).await[0].is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_that_is_the_users_name_is_good_on_this_host_only() {
        let users = r#"[{"username":"admin","password":"admin","level":1},{"username":"test","password":"admin","level":1}]"#;
        let doors = doors(&[("adminUser.json", users)]);
        assert_eq!(doors.users.guessed(), ["admin"]);
        assert_eq!(login(&doors, true, operator("admin"), Some("admin")).await, [Ok(()), Ok(())]);
        assert_eq!(login(&doors, false, operator("test"), Some("admin")).await, [Ok(()), Ok(())]);
        let [refused, _] = login(&doors, false, operator("admin"), Some("admin")).await;
        assert!(refused.unwrap_err().contains("adminUser.json"));
        let [guessing, _] = login(&doors, false, operator("admin"), Some("guess")).await;
        assert_eq!(guessing.unwrap_err(), "the user, password or token is wrong");
    }

    #[tokio::test(start_paused = true)]
    async fn a_master_that_does_not_know_the_token_is_an_impostor() {
        let [guest, _] = login(&doors(&[]), true, chat(), Some("right")).await;
        assert!(guest.unwrap_err().contains("not the master of this application"));
    }
}
