//! Tokens of other issuers: verified on the core that they come to, as our own are. If its key is not known, a call waits for the
//! issuer's keys to be read, which the control plane does once for all who wait. It pays for that by itself, but for what comes before
//! the node is ready, while no reading of the issuer's keys is over: then each token waits.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::verifying::Unverified;
use super::{Directory, REFUSED_TIME};
use crate::credential::access_token::{TokenError, VerifiedToken};
use crate::credential::foreign_issuers::{ForeignError, Looked, Readings, Standing};
use crate::credential::guesses::{Paid, PaidWait};
use crate::credential::key_set::KeySet;
use crate::domain::refusal::Refusal;
use crate::domain::time::Moment;
use crate::policy::issuer::ForeignIssuer;

/// What came of a look at a token.
enum Tried {
    /// It holds, and this is what it says.
    Holds(Box<VerifiedToken>),
    /// Its key is none that is known of its issuer, whose readings are told here, by the one of that number.
    KeyMissing(Arc<Readings>, u64),
}

impl Directory {
    /// Has the tokens of these issuers be taken, and of no others: each with the place where the readings of its keys are told.
    pub(in crate::credential) fn trust_issuers(&self, listed: Vec<(Arc<ForeignIssuer>, Arc<Readings>)>) {
        self.forget_issuers(&self.issuers.follow(listed));
    }

    /// Has an issuer have these keys, or none any more.
    pub(in crate::credential) fn hold_issuer_keys(&self, readings: &Arc<Readings>, set: Option<KeySet>) {
        self.forget_issuers(&self.issuers.hold(readings, set));
    }

    /// How the keys of other issuers stand, by issuer.
    #[must_use]
    pub fn issuer_standings(&self) -> Vec<Standing> {
        self.issuers.standings(self.clock.monotonic())
    }

    /// Whether the keys of an issuer of the first policies are being read for the first time.
    #[must_use]
    pub fn awaits_issuers(&self) -> bool {
        self.issuers.await_first_readings()
    }

    /// After it is in force: what was believed is stale then.
    fn forget_issuers(&self, issuers: &[Arc<str>]) {
        issuers.iter().for_each(|issuer| self.changes.bump(issuer));
    }

    /// What a token says that is not our own. `by` is who shows it, and whether it may be a guess; `ours` is what to tell if no
    /// other issuer made it.
    pub(super) async fn verify_foreign(
        self: &Arc<Self>,
        text: &str,
        (hash, ours): ([u8; 32], TokenError),
        (address, is_guess): (Option<IpAddr>, bool),
        moment: Moment,
    ) -> Result<VerifiedToken, Refusal> {
        let guesses_from = is_guess.then_some(address);
        let (readings, seen) = match self.try_foreign(text, (hash, ours), guesses_from, moment)? {
            Tried::Holds(token) => return Ok(*token),
            Tried::KeyMissing(readings, seen) => (readings, seen),
        };
        // A node that is not ready has good tokens alone to wait for.
        let paid = match readings.over() == 0 && self.awaits_issuers() {
            true => None,
            false => Some(self.guesses.pay_for_wait(readings.waits(), address, moment.monotonic)?),
        };
        let give_back = || paid.iter().for_each(PaidWait::give_back);
        let reading = self.control.spawn(async move { readings.one_after(seen).await });
        if !reading.await.unwrap_or(false) {
            give_back();
            return Err(Refusal::Unavailable("The keys of the access token's issuer cannot be read"));
        }
        let moment = self.clock.moment();
        match self.try_foreign(text, (hash, ours), Some(address), moment)? {
            Tried::Holds(token) => {
                give_back();
                Ok(*token)
            }
            Tried::KeyMissing(..) => {
                let why = ForeignError::UnknownKey.explanation();
                let until = moment.monotonic.saturating_add(REFUSED_TIME);
                self.guesses.remember_wrong(hash, (why, None), until);
                Err(Refusal::CredentialInvalid(why))
            }
        }
    }

    fn try_foreign(
        &self,
        text: &str,
        (hash, ours): ([u8; 32], TokenError),
        guesses_from: Option<Option<IpAddr>>,
        moment: Moment,
    ) -> Result<Tried, Refusal> {
        let refused = |error: ForeignError| Refusal::CredentialInvalid(error.explanation());
        let in_force = self.issuers.in_force();
        let plausible = match in_force.look_at(text, moment.now) {
            Ok(Looked::Plausible(plausible)) => plausible,
            Ok(Looked::KeyMissing(readings, seen)) => {
                return Ok(Tried::KeyMissing(readings.clone(), seen));
            }
            Err(ForeignError::NotTheirs) => return Err(Unverified::invalid(ours)),
            Err(error) => return Err(refused(error)),
        };
        let paid = guesses_from.map(|address| self.guesses.pay(address, moment.monotonic)).transpose()?;
        self.verified.fetch_add(1, Ordering::Relaxed);
        match plausible.verify(&hash) {
            Ok(token) => {
                paid.inspect(Paid::give_back);
                Ok(Tried::Holds(Box::new(token)))
            }
            Err(error) => {
                let until = moment.monotonic.saturating_add(REFUSED_TIME);
                self.guesses.remember_wrong(hash, (error.explanation(), None), until);
                Err(refused(error))
            }
        }
    }
}
