//! Verifies a token of our own that is not remembered.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use super::{Directory, REFUSED_TIME};
use crate::credential::access_token::{TokenError, VerifiedToken};
use crate::credential::guesses::Paid;
use crate::domain::refusal::Refusal;
use crate::domain::time::Moment;

/// Why a token is not known to be one of our own that holds.
pub(super) enum Unverified {
    /// It does not hold, or who guesses is refused.
    Refused(Refusal),
    /// Of a key that may be ours, and is not known.
    UnknownKey,
    /// Not made here, by its look; another issuer may have made it. What to tell if none has.
    NotOurs(TokenError),
}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Unverified {
    /// The refusal of a token that proves nothing by what it is.
    pub(super) fn invalid(error: TokenError) -> Refusal {
        Refusal::CredentialInvalid(error.explanation())
    }
}

impl Directory {
    /// What a token says, if its signature fits. What can be refused by its look is, and so is who guesses.
    pub(super) fn verify(
        &self,
        text: &str,
        hash: [u8; 32],
        guesses_from: Option<Option<IpAddr>>,
        moment: Moment,
    ) -> Result<VerifiedToken, Unverified> {
        let monotonic = moment.monotonic;
        if let Some(refused) = self.guesses.known_wrong(&hash, monotonic) {
            return Err(refused.refusal.into());
        }
        let keys = self.keys_in_force.ring().keys();
        let plausible = keys.verifier().look_at(text, moment.now).map_err(|error| match error {
            TokenError::UnknownKey => Unverified::UnknownKey,
            TokenError::Foreign | TokenError::Audience | TokenError::Claims => Unverified::NotOurs(error),
            TokenError::Signature | TokenError::Expired => Unverified::invalid(error).into(),
        })?;
        let paid = guesses_from.map(|address| self.guesses.pay(address, monotonic)).transpose()?;
        self.verified.fetch_add(1, Ordering::Relaxed);
        match plausible.verify() {
            Ok(token) => {
                paid.inspect(Paid::give_back);
                Ok(token)
            }
            Err(error) => {
                let until = monotonic.saturating_add(REFUSED_TIME);
                self.guesses.remember_wrong(hash, (error.explanation(), None), until);
                Err(Unverified::invalid(error).into())
            }
        }
    }
}
