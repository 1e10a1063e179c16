//! Handshakes: two sides prove to each other that they know a shared secret, as states.
//!
//! ```text
//! Hail ── the other side's nonce ──▶ Exchange ── prove: to be sent ; verify: of what came
//! ```
//!
//! Each side hails with a nonce of its own. Once it has the other's, it has an [`Exchange`]: only then is there something to prove,
//! and something to check a proof against. Which side proves first, and what it means that a side has no secret, is up to the protocol:
//! between servers who listens proves first, a master last, so that a stranger gets nothing that it could guess passwords with.
//!
//! ```
//! use pomelo_net::link::handshake::Hail;
//! use pomelo_net::link::secret::Secret;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = Secret::new("a long random text")?;
//! let (dialer, listener) = (Hail::new("dialer")?, Hail::new("listener")?);
//! let (of_dialer, of_listener) = (dialer.nonce(), listener.nonce());
//! let dialer = dialer.meet("listener", of_listener, b"chat-1".to_vec());
//! let listener = listener.meet("dialer", of_dialer, b"chat-1".to_vec());
//! dialer.verify(&secret, &listener.prove(&secret))?;
//! listener.verify(&secret, &dialer.prove(&secret))?;
//! # Ok(())
//! # }
//! ```

use std::io;

use super::secret::{Nonce, Proof, Secret, WrongProof};

/// A side that has said nothing yet but its nonce.
#[derive(Debug)]
pub struct Hail {
    /// What it is, which goes into its proof.
    role: &'static str,
    nonce: Nonce,
}

impl Hail {
    /// A side of that role, with a fresh nonce.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(role: &'static str) -> io::Result<Self> {
        Ok(Self { role, nonce: Nonce::random()? })
    }

    /// The nonce, which is said to the other side.
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// The nonce of the other side came. `peer_role` must be another role than this side's, or one could send back the other's proof.
    /// The `context` is what else must be beyond doubt, such as names: both sides make it of the same things.
    pub fn meet(self, peer_role: &'static str, peer: Nonce, context: Vec<u8>) -> Exchange {
        debug_assert_ne!(self.role, peer_role, "a proof could be reflected");
        Exchange { own: self, peer: Hail { role: peer_role, nonce: peer }, context }
    }
}

/// Two sides that have each other's nonce.
#[derive(Debug)]
pub struct Exchange {
    /// This side.
    own: Hail,
    /// The other one.
    peer: Hail,
    /// What else both mean, such as their ids.
    context: Vec<u8>,
}

impl Exchange {
    /// This side's proof, for the other one.
    pub fn prove(&self, secret: &Secret) -> Proof {
        secret.prove(self.own.role, &self.own.nonce, &self.peer.nonce, &self.context)
    }

    /// Checks the other side's proof.
    ///
    /// # Errors
    /// If it doesn't know the secret, or was made for another connection, role or context.
    pub fn verify(&self, secret: &Secret, proof: &Proof) -> Result<(), WrongProof> {
        secret.verify(self.peer.role, &self.peer.nonce, &self.own.nonce, &self.context, proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sides that have met, each with the other's nonce as it came there.
    fn met(came: impl Fn(Nonce) -> Nonce) -> [Exchange; 2] {
        let (ours, theirs) = (Hail::new("dialer").unwrap(), Hail::new("listener").unwrap());
        let (our_nonce, their_nonce) = (ours.nonce(), theirs.nonce());
        [
            ours.meet("listener", came(their_nonce), b"chat-1".to_vec()),
            theirs.meet("dialer", came(our_nonce), b"chat-1".to_vec()),
        ]
    }

    #[test]
    fn both_sides_prove_themselves_and_neither_by_the_others_proof() {
        let secret = Secret::new("known").unwrap();
        let [dialer, listener] = met(|nonce| nonce);
        let (of_dialer, of_listener) = (dialer.prove(&secret), listener.prove(&secret));
        assert_eq!(listener.verify(&secret, &of_dialer), Ok(()));
        assert_eq!(dialer.verify(&secret, &of_listener), Ok(()));
        assert!(dialer.verify(&secret, &of_dialer).is_err(), "its own, sent back");
        assert!(listener.verify(&secret, &of_listener).is_err());
    }

    #[test]
    fn a_proof_of_another_connection_or_secret_is_none() {
        let (secret, guess) = (Secret::new("known").unwrap(), Secret::new("guess").unwrap());
        let ([first, _], [_, second]) = (met(|nonce| nonce), met(|nonce| nonce));
        assert!(second.verify(&secret, &first.prove(&secret)).is_err(), "replayed");
        let [dialer, listener] = met(|nonce| nonce);
        assert!(listener.verify(&secret, &dialer.prove(&guess)).is_err());
        let [dialer, listener] = met(|_| Nonce::random().unwrap());
        assert!(listener.verify(&secret, &dialer.prove(&secret)).is_err(), "somebody between them");
    }
}
