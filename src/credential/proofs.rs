//! Takes proofs of possession at the API, each once, and bounds what a flood of those costs that prove nothing.
//!
//! A proof is paid for by the network that it comes from before its signature is looked at, whoever's token it is with, and the
//! price is given back once it is taken. So who has a token without its key is refused before any curve arithmetic, and neither
//! the app nor its other machines are. What the networks of all may cost together is not asked of who has shown from there before
//! that he has that key: no flood from elsewhere keeps him out.

use std::net::IpAddr;
use std::sync::Arc;

use super::dpop::replay::{Replays, Seen};
use super::dpop::{Expected, Nonces, ProofError, verify};
use super::guesses::Price;
use super::proven_from::ProvenFrom;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Moment, Timestamp};

/// Takes proofs.
#[derive(Debug)]
pub struct Proofs {
    nonces: Arc<Nonces>,
    replays: Replays,
    price: Price,
    proven: ProvenFrom,
    /// What may have been taken by then, the process before this one may have taken.
    since: Timestamp,
}

impl Proofs {
    /// Of a process that serves since `since`, and makes those nonces.
    #[must_use]
    pub fn new(nonces: Arc<Nonces>, since: Timestamp) -> Self {
        let (price, proven) = (Price::new("unproven-tokens"), ProvenFrom::default());
        Self { nonces, replays: Replays::default(), price, proven, since }
    }

    /// By which nonces are known.
    #[must_use]
    pub fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    /// From when on this process remembers what it took.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Takes a proof that came from `address`, if it is one of what is expected.
    ///
    /// # Errors
    /// [`Refusal::ProofInvalid`], [`Refusal::ProofNonceNeeded`]; [`Refusal::LimitReached`] and [`Refusal::Unavailable`] for
    /// whose proofs prove nothing, or are too many.
    pub fn take(
        &self,
        (address, moment): (IpAddr, Moment),
        proof: &str,
        expected: &Expected<'_>,
    ) -> Result<(), Refusal> {
        let holder = expected.key.map(|key| self.proven.number(key, address));
        let is_known = holder.is_some_and(|holder| self.proven.has(holder));
        let paid = match is_known {
            true => self.price.pay_of_network(Some(address), moment.monotonic),
            false => self.price.pay(Some(address), moment.monotonic),
        }?;
        let seen = verify(proof, expected).map(|proven| self.replays.see(&proven, moment.now));
        // Of anything else that is wrong no signature was looked at, and who finds no room has the key.
        if !matches!(seen, Err(ProofError::Signature) | Ok(Seen::Again)) {
            paid.give_back();
        }
        match seen {
            Ok(Seen::First) => {
                holder.filter(|_| !is_known).into_iter().for_each(|holder| self.proven.add(holder));
                Ok(())
            }
            Ok(Seen::Again) => Err(self.refused(ProofError::Replayed, moment.now)),
            // With a nonce of this moment it is sure that it was not.
            Ok(Seen::Forgotten) => Err(self.refused(ProofError::Nonce, moment.now)),
            Ok(Seen::NoRoom) => Err(Refusal::Unavailable("Too many proofs of possession are remembered")),
            Err(error) => Err(self.refused(error, moment.now)),
        }
    }

    /// The refusal of who showed no proof, or one that proves nothing.
    #[must_use]
    pub fn refused(&self, error: ProofError, now: Timestamp) -> Refusal {
        match error {
            ProofError::Nonce => Refusal::ProofNonceNeeded(self.nonces.at(now)),
            error => Refusal::ProofInvalid(error.to_string()),
        }
    }

    /// Forgets proofs that prove nothing more, and networks that have not sent wrong ones of late.
    pub fn sweep(&self, moment: Moment) {
        self.replays.sweep(moment.now);
        self.price.sweep(moment.monotonic);
    }
}

#[cfg(test)]
mod tests;
