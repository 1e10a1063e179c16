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
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use pomelo_core::value::config::Config;
use pomelo_core::value::{Error, ErrorKind, Level, Result, ServerId};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep_until;

use super::{Wire, WireError};
use crate::config::{Tokens, Users};
use crate::guesses::{Account, Guesses};
use crate::token;
use pomelo_net::link::handshake::Hail;
use pomelo_net::link::secret::{Nonce, Proof, Secret};

/// Of what is said after the login. Another version is refused.
const VERSION: u32 = 1;
/// A master that has not said by then whether it lets in is none: it waits longer the more logins have failed.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(60);

/// Who comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Who {
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
pub(crate) enum LoginError {
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
pub(crate) async fn enter<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    who: Who,
    secret: Option<&Secret>,
) -> Result<(), LoginError> {
    let (hail, context) = (Hail::new(who.role())?, who.context()?);
    wire.send(&Hello { version: VERSION, who, nonce: hail.nonce() }).await?;
    let Challenge { nonce } = wire.receive_soon().await?;
    let exchange = hail.meet(MASTER, nonce, context);
    let proof = secret.map(|secret| exchange.prove(secret));
    wire.send(&Answer { proof }).await?;
    let proof = match wire.receive_within(VERDICT_TIMEOUT).await? {
        Verdict::Refused { reason } => return Err(LoginError::Refused(reason)),
        Verdict::Welcome { proof } => proof,
    };
    if let Some(secret) = secret {
        let proof = proof.ok_or(LoginError::Impostor)?;
        exchange.verify(secret, &proof).map_err(|_| LoginError::Impostor)?;
    }
    wire.trust();
    Ok(())
}

/// Who may come in, and what for.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) users: Users,
    pub(crate) tokens: Tokens,
    /// Whether there are no tokens but that of the master's children.
    pub(crate) children_only: bool,
    /// Where adminServer.json is, or would be.
    pub(crate) token_file: PathBuf,
    /// Whether it is a server's port, where no server registers.
    pub(crate) only_operators: bool,
    /// Who failed to log in lately.
    pub(crate) guesses: Guesses,
}

/// Where somebody comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) ip: IpAddr,
    /// Whether that is this machine.
    pub(crate) is_here: bool,
}

/// What is said to who isn't let in. Who has an account is nobody's business, so all hear the same.
const WRONG: &str = "the user, password or token is wrong";

/// What a server is told that wants to register at another one.
const NO_MASTER: &str = "this is a server's port for operators; servers register at a master";

/// Somebody who has come in.
#[derive(Debug)]
pub(crate) enum Guest {
    Server { id: ServerId, server_type: String },
    Operator { user: String, level: Level },
}

impl Doors {
    /// By adminUser.json and adminServer.json; without the latter by the token that `children` gives.
    pub(crate) fn read(config: &Config, children: impl FnOnce() -> Result<String>) -> Result<Self> {
        let (users, mut tokens) = (Users::read(config)?, Tokens::read(config)?);
        let children_only = tokens.is_open();
        if children_only {
            tokens.insert(
                Tokens::ANY,
                Secret::new(children()?).map_err(|error| Error::of(ErrorKind::Config, error))?,
            );
        }
        Ok(Self {
            users,
            tokens,
            children_only,
            token_file: Tokens::file(config),
            only_operators: false,
            guesses: Guesses::default(),
        })
    }

    /// By adminUser.json, for operators alone.
    pub(crate) fn for_operators(config: &Config) -> Result<Self> {
        Ok(Self {
            users: Users::read(config)?,
            tokens: Tokens::none(),
            children_only: false,
            token_file: Tokens::file(config),
            only_operators: true,
            guesses: Guesses::default(),
        })
    }

    /// Says in the log which of the users come in from this host only.
    pub(crate) fn warn(&self) {
        if self.users.is_default() {
            tracing::warn!(
                "there is no adminUser.json: the operator admin/admin is let in, from this host only"
            );
        } else if !self.users.guessed().is_empty() {
            let users = self.users.guessed().join(", ");
            tracing::warn!(users, "their passwords are their names: they are let in from this host only");
        }
    }

    /// Lets somebody in, or refuses. The first frame is due within `first_frame`; `speak` is called when it is there.
    pub(crate) async fn admit<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        origin: Origin,
        first_frame: Duration,
        speak: impl FnOnce(),
    ) -> Result<Guest, LoginError> {
        let Hello { version, who, nonce } = wire.receive_within(first_frame).await?;
        speak();
        let hail = Hail::new(MASTER)?;
        wire.send(&Challenge { nonce: hail.nonce() }).await?;
        let Answer { proof } = wire.receive_soon().await?;
        let exchange = hail.meet(who.role(), nonce, who.context()?);
        let account = self.account(&who, origin);
        self.guesses.turn(account).await;
        // Nothing is waited for until it is known whether this one failed, or more could be looked at than have a place.
        let judged = if version == VERSION {
            self.judge(&who, origin.is_here, |secret| {
                exchange.verify(secret, &proof?).ok()?;
                Some(exchange.prove(secret))
            })?
        } else {
            Err(format!("it speaks version {version}, and this master version {VERSION}"))
        };
        match judged {
            Ok((guest, proof)) => {
                self.guesses.succeeded(account);
                wire.send(&Verdict::Welcome { proof: Some(proof) }).await?;
                wire.trust();
                Ok(guest)
            }
            Err(reason) => {
                sleep_until(self.guesses.failed(account)).await;
                wire.send(&Verdict::Refused { reason: reason.clone() }).await?;
                // The log is for operators of this host, also where a stranger from afar isn't told.
                let reason = match &who {
                    Who::Server { id, server_type } if reason == WRONG => self.advice(id, server_type)?,
                    _ => reason,
                };
                Err(LoginError::Refused(format!("{who:?}: {reason}")))
            }
        }
    }

    fn account(&self, who: &Who, origin: Origin) -> Account {
        match who {
            Who::Server { server_type, .. } => {
                self.guesses.server(origin.ip, self.tokens.entry_of(server_type))
            }
            Who::Operator { user } => self.guesses.operator(origin.ip, user),
        }
    }

    /// Whether `who` may come in, given a check of its proof that also makes the master's.
    fn judge(
        &self,
        who: &Who,
        from_here: bool,
        check: impl FnOnce(&Secret) -> Option<Proof>,
    ) -> Result<Result<(Guest, Proof), String>, LoginError> {
        Ok(match who {
            Who::Server { .. } if self.only_operators => Err(NO_MASTER.to_owned()),
            Who::Server { id, server_type } => {
                let proof = self.tokens.of(server_type).and_then(check);
                let guest = Guest::Server { id: id.clone(), server_type: server_type.clone() };
                match proof {
                    Some(proof) => Ok((guest, proof)),
                    None if from_here => Err(self.advice(id, server_type)?),
                    None => Err(WRONG.to_owned()),
                }
            }
            Who::Operator { user: name } => match self.users.find(name) {
                Some(user) => match check(&user.password) {
                    None => Err(WRONG.to_owned()),
                    // Only who knows the password is told that it is such a one.
                    Some(_) if !from_here && !user.may_come_from_afar() => Err(format!(
                        "`{name}` with its name for a password comes in from this host only; set \
                         another in adminUser.json"
                    )),
                    Some(proof) => Ok((Guest::Operator { user: name.clone(), level: user.level }, proof)),
                },
                None => Err(WRONG.to_owned()),
            },
        })
    }

    /// What to do about a server of this host that has no token, or a wrong one.
    fn advice(&self, id: &ServerId, server_type: &str) -> Result<String, LoginError> {
        let file = self.token_file.display();
        if self.children_only {
            let entry = token::entry(server_type)?;
            return Ok(format!(
                "it has not the token that this master gives to the servers that it starts. Start it by the master \
                 (`pomelo start -i {id}`, or `pomelo add`), or give its type a token: let {file} be [{entry}]"
            ));
        }
        match self.tokens.of(server_type) {
            Some(_) => {
                Ok(format!("its token is not the one that {file} has for servers of type `{server_type}`"))
            }
            None => {
                let entry = token::entry(server_type)?;
                Ok(format!(
                    "{file} has no token for servers of type `{server_type}`; add {entry} to its list"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    fn doors(files: &[(&str, &str)]) -> Doors {
        let dir = crate::temp_dir::TempDir::new();
        for (name, text) in files {
            dir.write(name, text);
        }
        let config = Config { env: "development".into(), dir: Some(dir.path().into()), ..Config::default() };
        Doors::read(&config, || Ok("of the children".to_owned())).unwrap()
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
        let ip = if from_here { [127, 0, 0, 1] } else { [10, 0, 0, 7] }.into();
        let origin = Origin { ip, is_here: from_here };
        let admitting = doors.admit(&mut master, origin, Duration::from_secs(1), || ());
        let (entered, admitted) = tokio::join!(entering, admitting);
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
    async fn without_files_only_operators_of_this_host_come_in_and_servers_that_the_master_started() {
        let doors = doors(&[]);
        assert_eq!(login(&doors, true, operator("admin"), Some("admin")).await, [Ok(()), Ok(())]);
        assert!(login(&doors, false, operator("admin"), Some("admin")).await[0].is_err());
        for from_here in [true, false] {
            assert_eq!(login(&doors, from_here, chat(), Some("of the children")).await, [Ok(()), Ok(())]);
        }
        for secret in [None, Some("guess")] {
            let [refused, _] = login(&doors, true, chat(), secret).await;
            let refused = refused.unwrap_err();
            for part in ["pomelo start -i chat-1", "adminServer.json be [{\"type\":\"chat\",\"token\":\""] {
                assert!(refused.contains(part), "{refused}");
            }
            let [told, logged] = login(&doors, false, chat(), secret).await;
            assert_eq!(told.unwrap_err(), WRONG);
            assert!(logged.unwrap_err().contains("pomelo start -i chat-1"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_no_token_of_the_file_is_told_what_to_add_to_it() {
        let doors = doors(&[TOKENS]);
        let area = || Who::Server { id: "area-1".into(), server_type: "area".into() };
        let [refused, _] = login(&doors, true, area(), None).await;
        let refused = refused.unwrap_err();
        assert!(refused.contains("no token for servers of type `area`; add {\"type\":\"area\""), "{refused}");
        let [refused, _] = login(&doors, true, chat(), Some("other")).await;
        assert!(refused.unwrap_err().contains("has for servers of type `chat`"));
        let every = self::doors(&[(
            "adminServer.json",
            r#"[{"type":"*","token":"all"},{"type":"chat","token":"own"}]"#,
        )]);
        for (who, secret, is_in) in [(area(), "all", true), (chat(), "own", true), (chat(), "all", false)] {
            assert_eq!(login(&every, true, who, Some(secret)).await[0].is_ok(), is_in, "{secret}");
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
        let another = Secret::new("another").unwrap();
        for has_proof in [false, true] {
            let (ours, theirs) = duplex(1024);
            let (mut guest, mut impostor) = (Wire::new(ours), Wire::new(theirs));
            let welcome = async {
                let hello: Hello = impostor.receive().await.unwrap();
                let own = Nonce::random().unwrap();
                impostor.send(&Challenge { nonce: own }).await.unwrap();
                let _: Answer = impostor.receive().await.unwrap();
                let proof = another.prove(MASTER, &own, &hello.nonce, &hello.who.context().unwrap());
                impostor.send(&Verdict::Welcome { proof: has_proof.then_some(proof) }).await.unwrap();
            };
            let secret = Secret::new("right").unwrap();
            let (entered, ()) = tokio::join!(enter(&mut guest, chat(), Some(&secret)), welcome);
            assert!(matches!(entered, Err(LoginError::Impostor)), "{entered:?}");
        }
    }
}
