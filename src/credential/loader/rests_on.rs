//! What credentials rest on: apps, grants, families of refresh tokens. What is known of one is not read again.

use std::sync::Arc;

use super::refusals::{APP_GONE, GRANT_MISSING, GRANT_REVOKED};
use super::stamped::stamped;
use super::{Failure, Loader};
use crate::credential::freshness::{Stamp, Stamps};
use crate::credential::source::SourceUnavailable;
use crate::credential::subjects::{Judging, Known, KnownApp, KnownFamily};
use crate::domain::calling::{CallingApp, CallingGrant};
use crate::domain::id::{AppId, FamilyId, GrantId, MerchantId};
use crate::domain::principal::AppFacts;
use crate::domain::refusal::Refusal;

impl Loader {
    pub(super) async fn app(&self, id: &AppId, judging: Judging<'_>) -> Result<Known<KnownApp>, Failure> {
        let subjects = &self.subjects;
        if let Some(known) = subjects.true_one(subjects.apps.get(id), judging) {
            return Ok(known);
        }
        let found = stamped(judging.changes, || self.source.app(id), |app| of_app(judging, app).collect());
        let Some((app, stamps)) = found.await? else { return Err(Failure::of(id, APP_GONE)) };
        Ok(self.remember_app(app, stamps, judging))
    }

    /// What `read` gives of a credential whose own subjects are stamped already, with the stamps of its app.
    pub(super) async fn read_with_app<T, R>(
        &self,
        read: impl Fn() -> R,
        judging: Judging<'_>,
    ) -> Result<Option<((T, CallingApp), Stamps)>, Failure>
    where
        R: Future<Output = Result<Option<(T, CallingApp)>, SourceUnavailable>>,
    {
        Ok(stamped(judging.changes, read, |(_, app)| of_app(judging, app).collect()).await?)
    }

    /// What the data plane needs of an app that was read with a credential, if it may call; it is remembered for its other credentials.
    pub(super) fn facts(
        &self,
        app: CallingApp,
        stamps: Stamps,
        judging: Judging<'_>,
    ) -> Result<Arc<AppFacts>, Failure> {
        let id = app.facts.id.clone();
        let known = self.remember_app(app, stamps, judging);
        known.what.facts.clone().map_err(|refusal| Failure::of(&id, refusal))
    }

    fn remember_app(&self, app: CallingApp, stamps: Stamps, judging: Judging<'_>) -> Known<KnownApp> {
        let CallingApp { facts, suspended, token_rules } = app;
        let id = facts.id.clone();
        let facts = suspended.map_or_else(|| Ok(Arc::new(facts)), |who| Err(Refusal::Suspended(who)));
        let what = Arc::new(KnownApp { facts, token_rules });
        let known = Known { what, stamps, loaded_at: judging.monotonic };
        self.subjects.apps.insert(id, known.clone());
        known
    }

    pub(super) async fn family(
        &self,
        id: &FamilyId,
        judging: Judging<'_>,
    ) -> Result<Known<KnownFamily>, Failure> {
        let subjects = &self.subjects;
        if let Some(known) = subjects.true_one(subjects.families.get(id), judging) {
            return Ok(known);
        }
        let stamps = std::iter::once(judging.changes.stamp(id.as_str())).collect();
        let what = Arc::new(KnownFamily { is_revoked: self.source.is_family_revoked(id).await? });
        let known = Known { what, stamps, loaded_at: judging.monotonic };
        subjects.families.insert(id.clone(), known.clone());
        Ok(known)
    }

    /// The grant by which an app acts for a merchant.
    pub(super) async fn grant_to(
        &self,
        (merchant, app): (&MerchantId, &AppId),
        judging: Judging<'_>,
    ) -> Result<Known<CallingGrant>, Failure> {
        let read = || self.source.grant_to(merchant, app);
        let Some((grant, stamps)) = stamped(judging.changes, read, |grant| of_grant(judging, grant)).await?
        else {
            return Err(Failure::of(app, GRANT_MISSING));
        };
        self.subjects.grant_ids.insert((app.clone(), merchant.clone()), grant.grant.id.clone());
        Ok(self.remember_grant(grant, stamps, judging))
    }

    pub(super) async fn grant(
        &self,
        (id, app): (&GrantId, &AppId),
        judging: Judging<'_>,
    ) -> Result<Known<CallingGrant>, Failure> {
        let subjects = &self.subjects;
        if let Some(known) = subjects.true_one(subjects.grants.get(id), judging) {
            return Ok(known);
        }
        let read = || self.source.grant(id);
        let Some((grant, stamps)) = stamped(judging.changes, read, |grant| of_grant(judging, grant)).await?
        else {
            return Err(Failure::of(app, GRANT_REVOKED));
        };
        Ok(self.remember_grant(grant, stamps, judging))
    }

    fn remember_grant(
        &self,
        grant: CallingGrant,
        stamps: Stamps,
        judging: Judging<'_>,
    ) -> Known<CallingGrant> {
        let id = grant.grant.id.clone();
        let known = Known { what: Arc::new(grant), stamps, loaded_at: judging.monotonic };
        self.subjects.grants.insert(id, known.clone());
        known
    }
}

/// The stamps of an app and its partner, whose it is for good.
pub(super) fn of_app(judging: Judging<'_>, app: &CallingApp) -> impl Iterator<Item = Stamp> {
    let subjects = [app.facts.id.as_str(), app.facts.partner.as_str()];
    subjects.map(|subject| judging.changes.stamp(subject)).into_iter()
}

/// The stamps of a grant and its merchant, whose it is for good.
fn of_grant(judging: Judging<'_>, grant: &CallingGrant) -> Stamps {
    let subjects = [grant.grant.id.as_str(), grant.grant.merchant.as_str()];
    subjects.into_iter().map(|subject| judging.changes.stamp(subject)).collect()
}
