//! What an app asks a merchant for, in the merchant's words: what would be new, what the app has already, and what it would
//! cost the merchant.

use super::error::PageError;
use super::pages::Language;
use super::router::OAuth;
use super::scopes::in_words;
use crate::domain::id::{AppId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::policy::snapshot::Snapshot;

/// What an app asks for.
pub struct AskedAccess {
    /// What it asks for and does not have yet.
    pub new: Vec<String>,
    /// What it has, whether it asks for it again or not.
    pub had: Vec<String>,
    /// What the merchant pays for being served by it.
    pub fees: Vec<String>,
}

impl AskedAccess {
    /// What `app` asks `merchant` for that asks for `scopes`.
    ///
    /// # Errors
    /// [`PageError::Unavailable`].
    pub async fn of(
        oauth: &OAuth,
        (merchant, app): (&MerchantId, &AppId),
        (scopes, language): (&ScopeSet, Language),
    ) -> Result<Self, PageError> {
        let grant = oauth.store.active_grant_of((merchant, app)).await?;
        let had = grant.map_or_else(ScopeSet::none, |grant| grant.scopes);
        let snapshot = oauth.live.load();
        Ok(Self {
            new: in_words(&snapshot, &had.missing(scopes), language),
            had: in_words(&snapshot, &had, language),
            fees: fees(oauth, &snapshot, (app, language)).await?,
        })
    }
}

/// What the plans say under which the app is used now, each text once.
async fn fees(
    oauth: &OAuth,
    snapshot: &Snapshot,
    (app, language): (&AppId, Language),
) -> Result<Vec<String>, PageError> {
    let now = oauth.clock.now();
    let mut fees = Vec::new();
    for subscription in oauth.store.subscriptions_of(app).await? {
        if subscription.from > now || subscription.until.is_some_and(|until| until <= now) {
            continue;
        }
        let plan = snapshot.plans.get(&subscription.plan);
        let version = plan.and_then(|plan| plan.version_for(subscription.version, now));
        let Some(fee) = version.and_then(|version| version.merchant_fee.as_ref()) else { continue };
        let text = language.pick(&fee.en, &fee.zh).to_owned();
        if !fees.contains(&text) {
            fees.push(text);
        }
    }
    Ok(fees)
}
