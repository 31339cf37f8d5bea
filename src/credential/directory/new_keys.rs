//! Tokens of keys that are not known here: another node may sign by one that it has just made, as when all before it were revoked.
//! Then the keys are read again at once, on the control plane, and not only when this node hears of it.
//!
//! They are read once for all tokens that came before, and once in [`EVERY`] at most: whoever makes up names of keys costs no
//! more. He pays for it as for a signature, for he has the call wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::verifying::Unverified;
use super::{Directory, REFUSED_TIME, hash_of};
use crate::credential::access_token::{TokenError, VerifiedToken};
use crate::credential::ring_source::Trust;
use crate::domain::refusal::Refusal;
use crate::domain::time::Moment;

/// How often the keys are read again at most.
const EVERY: Duration = Duration::from_secs(1);
/// How long a call waits for it.
const PATIENCE: Duration = Duration::from_secs(4);

/// A time that the keys were read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    began: Duration,
    is_done: bool,
}

impl Directory {
    /// What a token says by a key that this node does not know yet.
    pub(super) async fn verify_by_new_key(
        self: &Arc<Self>,
        text: &str,
        hash: [u8; 32],
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<VerifiedToken, Refusal> {
        let paid = self.guesses.pay(address, moment.monotonic)?;
        if !self.has_read_keys_since(moment.monotonic).await {
            paid.give_back();
            return Err(Refusal::Unavailable("The signing keys could not be read"));
        }
        match self.verify(text, hash, Some(address), moment) {
            Ok(token) => {
                paid.give_back();
                Ok(token)
            }
            Err(Unverified::Refused(refusal)) => Err(refusal),
            Err(Unverified::NotOurs(error)) => Err(Unverified::invalid(error)),
            Err(Unverified::UnknownKey) => {
                let why = TokenError::UnknownKey.explanation();
                let until = moment.monotonic.saturating_add(REFUSED_TIME);
                self.guesses.remember_wrong(hash, (why, None), until);
                Err(Refusal::CredentialInvalid(why))
            }
        }
    }

    /// What a token says that somebody at `address` asks about, if it holds as far as its look and signature tell. Whether what
    /// it rests on still holds is [`Directory::standing_of`]'s to say. Only a key that is not known is paid for: who asks may be
    /// a server that others send made-up tokens to, and is to be told of the good ones all the same.
    ///
    /// # Errors
    /// [`Refusal::LimitReached`] for the network that has asked about too many made-up keys, [`Refusal::Unavailable`].
    pub async fn read_token(
        self: &Arc<Self>,
        text: &str,
        address: IpAddr,
        moment: Moment,
    ) -> Result<Option<VerifiedToken>, Refusal> {
        let hash = hash_of(text);
        let read = match self.verify(text, hash, None, moment) {
            Ok(token) => Ok(token),
            Err(Unverified::UnknownKey) => self.verify_by_new_key(text, hash, Some(address), moment).await,
            Err(Unverified::Refused(refusal)) => Err(refusal),
            // Also one of another issuer, which is that one's to tell about.
            Err(Unverified::NotOurs(_)) => return Ok(None),
        };
        match read {
            Ok(token) => Ok(Some(token)),
            Err(Refusal::CredentialInvalid(_)) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Has the keys read again unless that was begun since `since`; gives whether they were read.
    async fn has_read_keys_since(self: &Arc<Self>, since: Duration) -> bool {
        let directory = self.clone();
        let reading = async move { tokio::time::timeout(PATIENCE, directory.read_keys_since(since)).await };
        matches!(self.control.spawn(reading).await, Ok(Ok(true)))
    }

    async fn read_keys_since(&self, since: Duration) -> bool {
        let mut last = self.reading.lock().await;
        if let Some(reading) = last.filter(|reading| reading.began >= since) {
            return reading.is_done;
        }
        if let Some(before) = *last {
            let next = before.began.saturating_add(EVERY);
            tokio::time::sleep(next.saturating_sub(self.clock.monotonic())).await;
        }
        let began = self.clock.monotonic();
        // Also if this is cut off: whoever waits for it does not have it begin anew at once.
        *last = Some(Reading { began, is_done: false });
        let is_done = match self.keys_in_force.read_again().await {
            Ok(Trust::Kept) => true,
            Ok(Trust::Lost) => {
                self.forget_all();
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a token is of a key that is not known, and the signing keys cannot be read");
                false
            }
        };
        *last = Some(Reading { began, is_done });
        is_done
    }
}
