//! Proofs that the other side knows a shared secret, which is never sent.
//!
//! Both sides send a fresh [`Nonce`]; then each proves its knowledge by an HMAC-SHA256 over what it is (its role), both
//! nonces and whatever else must be beyond doubt, such as its id (the context). A proof so fits one connection, one
//! direction and one name: it can't be replayed, reflected or used for somebody else.
//!
//! What this doesn't do: encrypt or sign what is sent afterwards. Where others can get between two hosts, that is the
//! work of TLS or of a private network; and a secret that can be guessed can be guessed from a proof, so take a long one.
//!
//! ```
//! use pomelo_net::link::secret::{Nonce, Secret};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = Secret::new("a long random text")?;
//! let (server, master) = (Nonce::random()?, Nonce::random()?);
//! let proof = secret.prove("server", &server, &master, b"chat-server-1");
//! secret.verify("server", &server, &master, b"chat-server-1", &proof)?;
//! assert!(secret.verify("master", &server, &master, b"chat-server-1", &proof).is_err());
//! # Ok(())
//! # }
//! ```

use std::{fmt, io};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Goes into every proof, so that one made for another purpose with the same secret never fits.
const PURPOSE: &[u8] = b"pomelo proof 1";

/// What both sides know. `Debug` doesn't show it, and nothing serializes it.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

/// There is no empty secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret can't be empty")]
pub struct EmptySecret;

/// The other side doesn't know the secret, or it isn't who it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof is wrong")]
pub struct WrongProof;

impl Secret {
    /// The secret that `text` is.
    ///
    /// # Errors
    /// If it is empty.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, EmptySecret> {
        let text = text.as_ref();
        if text.is_empty() { Err(EmptySecret) } else { Ok(Self(text.into())) }
    }

    /// Proves to who sent `peer` that one knows the secret and is what `role` and `context` say.
    ///
    /// The two sides must have different roles, or one could send back the other's proof.
    pub fn prove(&self, role: &str, own: &Nonce, peer: &Nonce, context: &[u8]) -> Proof {
        Proof(self.mac(role, own, peer, context).finalize().into_bytes().into())
    }

    /// Checks a proof that came from the other side: `prover` is its nonce, `own` the one that it was sent. It takes as
    /// long for a proof that is nearly right as for any other.
    ///
    /// # Errors
    /// If the proof was not made with this secret, this role, these nonces and this context.
    pub fn verify(
        &self,
        role: &str,
        prover: &Nonce,
        own: &Nonce,
        context: &[u8],
        proof: &Proof,
    ) -> Result<(), WrongProof> {
        self.mac(role, prover, own, context).verify_slice(&proof.0).map_err(|_| WrongProof)
    }

    fn mac(&self, role: &str, prover: &Nonce, verifier: &Nonce, context: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "an HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length of key");
        for part in [PURPOSE, role.as_bytes(), &prover.0, &verifier.0, context] {
            // With its length in front, no part can pass for the end of the one before.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// 32 random bytes that are used for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nonce([u8; 32]);

impl Nonce {
    /// A new one, from the system's randomness.
    ///
    /// # Errors
    /// If the system has none.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// Shows that its sender knows a [`Secret`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Proof([u8; 32]);

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    #[test]
    fn a_proof_fits_one_secret_role_context_and_connection() {
        let known = secret("known");
        let (own, peer, other) =
            (Nonce::random().unwrap(), Nonce::random().unwrap(), Nonce::random().unwrap());
        let proof = known.prove("server", &own, &peer, b"chat-1");
        assert_eq!(known.verify("server", &own, &peer, b"chat-1", &proof), Ok(()));
        for (secret, role, prover, verifier, context) in [
            (&secret("guess"), "server", &own, &peer, "chat-1"),
            (&known, "master", &own, &peer, "chat-1"),
            (&known, "server", &peer, &own, "chat-1"),
            (&known, "server", &other, &peer, "chat-1"),
            (&known, "server", &own, &other, "chat-1"),
            (&known, "server", &own, &peer, "chat-2"),
            (&known, "server", &own, &peer, ""),
        ] {
            assert_eq!(secret.verify(role, prover, verifier, context.as_bytes(), &proof), Err(WrongProof));
        }
    }

    #[test]
    fn every_bit_of_a_proof_counts() {
        let (known, own, peer) = (secret("known"), Nonce::random().unwrap(), Nonce::random().unwrap());
        let proof = known.prove("server", &own, &peer, b"");
        for bit in 0..256 {
            let mut wrong = proof;
            wrong.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(known.verify("server", &own, &peer, b"", &wrong), Err(WrongProof));
        }
    }

    #[test]
    fn a_proof_is_what_any_hmac_sha256_makes_of_it() {
        // From Python: hmac.new(b"known", …, "sha256") over the five parts, each behind its length in 8 bytes.
        let proof = secret("known").prove("server", &Nonce([1; 32]), &Nonce([2; 32]), b"chat-1");
        let hex: String = proof.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "207c744665453fa01a4bdf3724ff6cef5829fd643f698ac7f6ef35ebe4684849");
    }

    #[test]
    fn a_secret_is_not_shown_and_not_empty() {
        assert_eq!(format!("{:?}", secret("known")), "Secret(…)");
        assert_eq!(Secret::new("").unwrap_err(), EmptySecret);
    }
}
