//! What an app asks about itself: what its credential may do (`/me`), what is left of its limits and balances (`/me/limits`) and what its
//! calls came to (`/me/usage`), which no merchant's token is told: the merchant may hold it. Such questions are free of the app's
//! quota and leave no usage record, so they have a bound of their own.
//!
//! Who asks is found out on the core, as for any call; the answer grows with the policies, so the control plane makes it.

mod balances;
mod limits;
mod permitted;
mod quotas;
mod usage;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response};
use serde_json::Value;

use super::admit::{self, Admission};
use super::identify::{self, Asking, Proven};
use super::pipeline::Telling;
use super::respond;
use super::worker::Worker;
use crate::billing::balance::left::Balances;
use crate::billing::quota::LeftOfQuotas;
use crate::billing::statement::running_charges::RunningCharges;
use crate::credential::directory::Identity;
use crate::credential::message_signature::Body;
use crate::domain::id::LimitName;
use crate::domain::plan::{Quantity, Rate};
use crate::domain::principal::Caller;
use crate::domain::refusal::{Narrowed, Refusal};
use crate::domain::time::Moment;
use crate::limit::cell::{CellKey, Cells};
use crate::policy::kill_switches::KillSwitches;
use crate::policy::snapshot::Snapshot;

/// Questions that an app may ask at once, and as many for each merchant.
const AT_ONCE: u32 = 20;
/// How soon it may ask all of them again.
const WINDOW: Duration = Duration::from_secs(4);
/// Apps, and merchants of apps, of which is known how much they asked.
const ASKERS: usize = 65_536;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// What the credential may do.
    Permitted,
    /// What is left of the limits.
    Limits,
    /// What calls came to in the billing period that runs.
    Usage,
}

impl Question {
    /// The question that has that path; `None` for a path that routes may have.
    ///
    /// # Errors
    /// [`Refusal::RouteUnknown`]: all below `/me` is the gateway's.
    pub fn of(path: &str) -> Result<Option<Self>, Refusal> {
        match path.strip_prefix("/me") {
            Some("") => Ok(Some(Self::Permitted)),
            Some("/limits") => Ok(Some(Self::Limits)),
            Some("/usage") => Ok(Some(Self::Usage)),
            Some(below) if below.starts_with('/') => Err(Refusal::RouteUnknown),
            Some(_) | None => Ok(None),
        }
    }

    /// Whether questions are asked by that method.
    ///
    /// # Errors
    /// [`Refusal::MethodNotAllowed`].
    pub fn check_method(method: &Method) -> Result<(), Refusal> {
        match *method {
            Method::GET | Method::HEAD => Ok(()),
            _ => Err(Refusal::MethodNotAllowed { allow: "GET, HEAD".to_owned() }),
        }
    }

    /// Whether a caller at that address may ask this.
    ///
    /// # Errors
    /// [`Refusal::AddressNotAllowed`], [`Refusal::OwnCredentialNeeded`].
    pub fn check(self, caller: &Caller, address: IpAddr) -> Result<(), Refusal> {
        match &caller.narrowing {
            // Whoever has the key elsewhere learns nothing, and uses up nothing.
            Some(narrowing) if !narrowing.permits_address(address) => {
                return Err(Refusal::AddressNotAllowed(Narrowed::Credential, address));
            }
            Some(_) | None => {}
        }
        // The merchant may hold the token, and what an app pays is over all merchants.
        if self == Self::Usage && caller.merchant.is_some() {
            return Err(Refusal::OwnCredentialNeeded);
        }
        Ok(())
    }
}

/// What answers rest on.
pub struct Questions {
    /// How often an app may ask.
    bound: Bound,
    /// What is used of plans' limits.
    limits: Arc<Cells>,
    charges: RunningCharges,
    balances: Balances,
    quotas: LeftOfQuotas,
    switches: Arc<KillSwitches>,
}

/// The limit of the questions themselves.
struct Bound {
    name: LimitName,
    rate: Rate,
    announced: HeaderValue,
    cells: Cells,
}

impl Questions {
    /// Answers from these, beside the policies.
    #[must_use]
    pub fn new(
        limits: Arc<Cells>,
        (charges, balances, quotas): (RunningCharges, Balances, LeftOfQuotas),
        switches: Arc<KillSwitches>,
    ) -> Self {
        let requests = NonZeroU32::new(AT_ONCE).unwrap_or(NonZeroU32::MIN);
        let rate = Rate { requests, window: WINDOW, burst: requests };
        let name = LimitName::of_questions();
        let announced = rate.announced(&name, Quantity::Calls);
        let bound = Bound { name, rate, announced, cells: Cells::new(ASKERS) };
        Self { bound, limits, charges, balances, quotas, switches }
    }

    /// Counts a question of a caller's app.
    fn admit(&self, caller: &Caller, now: Duration) -> Result<Admission, (Refusal, Admission)> {
        let Bound { name, rate, announced, cells } = &self.bound;
        let cell = cells.find(&CellKey::Questions(&caller.app.id, caller.merchant.as_ref()), now);
        admit::alone(&cell, (name, rate, announced), now)
    }

    /// Forgets apps that have not asked of late.
    pub fn sweep(&self, now: Duration) {
        self.bound.cells.sweep(now);
    }

    async fn document(
        &self,
        question: Question,
        (snapshot, identity, address): (&Snapshot, &Identity, IpAddr),
        moment: Moment,
    ) -> Result<Value, Refusal> {
        match question {
            Question::Permitted => {
                let caller = (identity, address);
                Ok(permitted::document((snapshot, &self.switches), caller, moment.now))
            }
            Question::Limits => {
                let mut told = limits::document((snapshot, &self.limits), identity, moment);
                balances::add(&mut told, (&self.balances, &snapshot.platform.zone), identity, moment.now)
                    .await?;
                quotas::add(&mut told, (&self.quotas, snapshot), identity, moment.now).await?;
                Ok(told)
            }
            Question::Usage => {
                let app = &identity.caller.app.id;
                let running = self.charges.of(app, &snapshot.platform.zone).await.map_err(|error| {
                    tracing::warn!(%error, %app, "an app's charges cannot be told");
                    Refusal::Unavailable("The books are out of reach")
                })?;
                usage::document(&running, identity, &snapshot.platform.zone)
            }
        }
    }
}

/// Answers a question of whoever `asking` proves.
///
/// # Errors
/// As for any call: its credential's; [`Refusal::CredentialMissing`], [`Refusal::AddressNotAllowed`],
/// [`Refusal::OwnCredentialNeeded`], [`Refusal::MethodNotAllowed`], [`Refusal::LimitReached`] or [`Refusal::Unavailable`].
pub(super) async fn answer(
    worker: &Worker,
    question: Question,
    (asking, body): (Asking<'_>, Body),
    told: &mut Telling,
) -> Result<Response<Bytes>, Refusal> {
    let method = &asking.parts.method;
    Question::check_method(method)?;
    let identity = prove(worker, asking, body, told).await?;
    let caller = &identity.caller;
    told.app = Some(caller.app.id.clone());
    question.check(caller, asking.peer.address)?;
    let shared = worker.shared.clone();
    let counted = shared.questions.admit(caller, shared.clock.monotonic());
    let admission = counted.map_err(|(refusal, admission)| {
        told.admission = Some(admission);
        refusal
    })?;
    told.admission = Some(admission);
    let (snapshot, moment, address) = (asking.snapshot.clone(), shared.clock.moment(), asking.peer.address);
    let answering = shared.clone();
    let making =
        async move { answering.questions.document(question, (&snapshot, &identity, address), moment).await };
    let document = shared.control.make(&asking.peer.fields, making).await??;
    let answer = respond::document(&document);
    Ok(if *method == Method::HEAD { answer.map(|_| Bytes::new()) } else { answer })
}

/// Who asks.
async fn prove(
    worker: &Worker,
    asking: Asking<'_>,
    body: Body,
    told: &mut Telling,
) -> Result<Arc<Identity>, Refusal> {
    let Proven { identity, .. } = match identify::known(worker, &asking) {
        Some(proven) => proven,
        None => identify::look_up(worker, asking, body).await.map_err(|refused| told.of(refused))?,
    };
    let identity = match identity {
        None => identify::by_connection(worker, &asking).await.map_err(|refused| told.of(refused))?,
        identity => identity,
    };
    let identity = identity.ok_or_else(|| asking.peer.explain(Refusal::CredentialMissing))?;
    identify::confirm(worker, &identity, &asking).map_err(|refused| told.of(refused))?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_paths_are_questions() {
        for (path, question) in [
            ("/me", Ok(Some(Question::Permitted))),
            ("/me/limits", Ok(Some(Question::Limits))),
            ("/me/usage", Ok(Some(Question::Usage))),
            ("/me/", Err(Refusal::RouteUnknown)),
            ("/me/other", Err(Refusal::RouteUnknown)),
            ("/me/usage/x", Err(Refusal::RouteUnknown)),
            ("/menu", Ok(None)),
            ("/api/me", Ok(None)),
        ] {
            assert_eq!(Question::of(path), question, "{path}");
        }
    }
}
