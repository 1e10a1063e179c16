//! An account of NATS for tests of credentials: an operator, an account and a user, each with a token that the one before has signed.

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// What a NATS server and its clients are configured with.
pub struct Account {
    /// Lines of the server's configuration.
    pub of_server: String,
    /// The text of a client's credentials file.
    pub credentials: String,
}

impl Account {
    pub fn new() -> Self {
        let (operator, account, user) =
            (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
        let unlimited = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1
        });
        let nothing = json!({});
        let of_operator = token(&operator, &operator, &json!({ "type": "operator", "version": 2 }));
        let of_account =
            token(&operator, &account, &json!({ "type": "account", "version": 2, "limits": unlimited }));
        let about_user = json!({
            "type": "user", "version": 2, "pub": nothing, "sub": nothing, "subs": -1, "data": -1, "payload": -1
        });
        let of_user = token(&account, &user, &about_user);
        let id = account.public_key();
        Self {
            of_server: format!(
                "operator: \"{of_operator}\"\nresolver: MEMORY\nresolver_preload: {{ {id}: \"{of_account}\" }}"
            ),
            credentials: format!(
                "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
                 -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
                user.seed().expect("its seed")
            ),
        }
    }
}

/// What an issuer says of a subject, signed.
fn token(issuer: &KeyPair, subject: &KeyPair, about: &Value) -> String {
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let claims = json!({
        "jti": subject.public_key(),
        "iat": 1_700_000_000,
        "iss": issuer.public_key(),
        "sub": subject.public_key(),
        "name": "test",
        "nats": about,
    });
    let said = format!("{}.{}", encode(&head), encode(&claims));
    let signature = issuer.sign(said.as_bytes()).expect("it signs");
    format!("{said}.{}", BASE64URL_NOPAD.encode(&signature))
}
