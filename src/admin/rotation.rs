//! A credential takes another's place: as narrow as that, to end when that was to end, and beside it for a while, so that nobody is
//! cut off.

use std::time::Duration;

use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, created};
use super::app;
use super::credential::{Administered, shown_once, with_state};
use super::credential_fields::{expiry, invalid};
use super::fields::{self, Fields};
use super::problem::Problem;
use super::reach::Reach;
use super::show::credential_itself;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::app_credential::AppCredential;
use crate::domain::time::Timestamp;
use crate::store::Transaction;
use crate::store::credential::Credential;

/// How long the old one works yet if nothing is said.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// Most credentials of which is asked what took their place.
const MAX_CHAIN: usize = 100;
/// Longest that may be said.
const MAX_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3600);

/// How one is to take another's place.
pub(super) struct Rotation {
    now: Timestamp,
    overlap: Duration,
    expires_at: Option<Timestamp>,
}

/// One that takes another's place.
pub(super) struct Rotated<I: Administered> {
    pub(super) successor: Credential<I>,
    /// Whose end the successor has, if none was said.
    expires_as: Option<I>,
    old: Credential<I>,
    now: Timestamp,
    /// When the old one ends.
    end: Timestamp,
}

/// What a body asks for at `now`; `None` if something is wrong, which is noted.
pub(super) fn rotation(body: &mut Fields, now: Timestamp) -> Option<Rotation> {
    let overlap = body.optional("overlap", overlap);
    let expires_at = expiry(body, now);
    Some(Rotation { now, overlap: overlap?.unwrap_or(OVERLAP), expires_at: expires_at? })
}

impl Rotation {
    /// How far the app of a credential reaches. What takes its place is narrowed to the same API products: if the app has subscribed to
    /// none of them any more, that would be good for nothing.
    ///
    /// # Errors
    /// [`Problem::Conflict`].
    pub(super) async fn reach<I: Administered>(
        &self,
        state: &AdminState,
        credential: &Credential<I>,
    ) -> Result<Reach, Problem> {
        let reach = Reach::of(state, app::find(state, credential.app.as_str()).await?, self.now).await?;
        let Some(products) = &credential.narrowing.products else { return Ok(reach) };
        let beyond = reach.beyond(products);
        if beyond.len() < products.iter().count() {
            return Ok(reach);
        }
        Err(Problem::Conflict(format!(
            "This {} is narrowed to {}, and its app has subscribed to no such API product any more: subscribe it again, or make \
             a new one. The app has subscribed to: {}.",
            I::KEPT.name,
            beyond.join(", "),
            reach.products()
        )))
    }

    /// What takes the place of the credential of that id, which nobody else changes until the end of the transaction. One that
    /// has another in its place already is not rotated: its successor is.
    ///
    /// # Errors
    /// [`Problem::NotFound`], [`Problem::Conflict`]; [`Problem::Invalid`] if it would have an end at which it outlives nothing.
    pub(super) async fn begin<I: Administered>(
        &self,
        transaction: &mut Transaction,
        id: &I,
        (new, own): (I, I::Own),
    ) -> Result<Rotated<I>, Problem> {
        let old = transaction.lock_credential(id).await?.ok_or(Problem::NotFound(I::KEPT.name))?;
        let before = transaction.successor_of::<I>(&old).await?;
        check_is_last::<I>(&old, before.as_ref(), self.now)?;
        let last = last_after::<I>(transaction, before.unwrap_or_else(|| old.clone())).await?;
        let end = self.now.plus(self.overlap);
        let (expires_at, expires_as) = match (self.expires_at, last.expires_at) {
            (Some(said), _) => (Some(said), None),
            (None, None) => (None, None),
            (None, Some(known)) if Some(known) <= old.ended(end).expires_at => {
                let told =
                    format!("is missing: {} was to end at {known}, and the old one ends no earlier", last.id);
                return Err(invalid(vec![("/expires_at", told + "; give an end for the new one")]));
            }
            (None, Some(known)) => (Some(known), Some(last.id)),
        };
        let successor = AppCredential { expires_at, ..old.successor(new, own, self.now) };
        Ok(Rotated { successor, expires_as, old, now: self.now, end })
    }
}

impl<I: Administered> Rotated<I> {
    /// Ends the old one, once the successor is in the store, and answers with both. `secret` is in this answer, and nowhere after
    /// that.
    pub(super) async fn finish(
        self,
        (state, reach, who): (&AdminState, &Reach, &Administrator),
        mut transaction: Transaction,
        (action, secret): (Action, Option<(&str, &str)>),
    ) -> Answer {
        let Self { successor, expires_as, old, now, end } = self;
        transaction.end_credential(&old.id, end).await?;
        let ended = old.ended(end);
        let (was, mut became) = (I::show(&old), I::show(&ended));
        became["successor"] = I::show(&successor);
        let what = (action, credential_itself(&old).about(&successor.id.to_string()));
        who.record((state, &mut transaction), what, (Some(&was), Some(&became))).await?;
        transaction.commit().await?;
        I::forget(&old, &*state.invalidation);
        let kind = I::KEPT.name;
        tracing::info!(credential = %old.id, successor = %successor.id, app = %old.app, kind, "a credential was rotated");
        let mut shown = shown_once::<I>((state, reach), &successor, secret);
        shown["expires_as"] = json!(expires_as.map(|id| id.to_string()));
        shown["predecessor"] = with_state::<I>(&ended, Some(&successor), now);
        created(&format!("{}/{}", I::PATH, successor.id), shown)
    }
}

/// Whether a credential works at `now`, and no other does in its place.
fn check_is_last<I: Administered>(
    credential: &Credential<I>,
    successor: Option<&Credential<I>>,
    now: Timestamp,
) -> Result<(), Problem> {
    let kind = I::KEPT.name;
    if !credential.is_valid(now) {
        let told = "no longer works, so that nothing has to take its place: make a new one.";
        return Err(Problem::Conflict(format!("This {kind} {told}")));
    }
    match successor.filter(|successor| successor.is_valid(now)) {
        Some(successor) => Err(Problem::Conflict(format!(
            "The {kind} {0} has taken this one's place: rotate {0}, or revoke it first if nobody has it.",
            successor.id
        ))),
        None => Ok(()),
    }
}

/// The last of the credentials that took each other's place from `first` on: only its end is still the one with which it was made.
async fn last_after<I: Administered>(
    transaction: &mut Transaction,
    first: Credential<I>,
) -> Result<Credential<I>, Problem> {
    let mut last = first;
    for _ in 0..MAX_CHAIN {
        match transaction.successor_of::<I>(&last).await? {
            Some(next) => last = next,
            None => break,
        }
    }
    Ok(last)
}

fn overlap(value: &Value) -> Result<Duration, String> {
    if matches!(value.as_str(), Some("0" | "0s" | "0m" | "0h" | "0d")) {
        return Ok(Duration::ZERO);
    }
    let span = fields::span(value).map_err(|wrong| format!("{wrong}, or 0s to end the old one at once"))?;
    if span > MAX_OVERLAP { Err("must be 30d at most".to_owned()) } else { Ok(span) }
}
