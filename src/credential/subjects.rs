//! What credentials rest on, as it was loaded: apps, grants, families of refresh tokens. So a new token of an app that is
//! known costs its signature alone, and nothing of the store.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::foreign_issuers::ForeignIssuers;
use super::freshness::{Changes, Stamps};
use super::key_ring::KeyRing;
use super::revoked::RevokedTokens;
use crate::domain::calling::CallingGrant;
use crate::domain::id::{AppId, FamilyId, GrantId, MerchantId};
use crate::domain::principal::AppFacts;
use crate::domain::refusal::Refusal;
use crate::domain::token_rules::TokenRules;

/// Subjects of each kind that are remembered; beyond: the least used is loaded again.
const MOST: u64 = 50_000;

/// An app as it was loaded.
pub(super) struct KnownApp {
    /// What the data plane needs of it, or why it may not call.
    pub(super) facts: Result<Arc<AppFacts>, Refusal>,
    /// What holds of all its access tokens.
    pub(super) token_rules: TokenRules,
}

/// Whether a family is revoked.
pub(super) struct KnownFamily {
    pub(super) is_revoked: bool,
}

/// What is remembered of a subject, with what it rests on.
pub(super) struct Known<T> {
    pub(super) what: Arc<T>,
    pub(super) stamps: Stamps,
    pub(super) loaded_at: Duration,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self { what: self.what.clone(), ..*self }
    }
}

/// What is remembered of the subjects of credentials.
pub(super) struct Subjects {
    pub(super) apps: Cache<AppId, Known<KnownApp>>,
    pub(super) grants: Cache<GrantId, Known<CallingGrant>>,
    /// Which grant an app had of a merchant when it was looked for: whether it still has tells the grant.
    pub(super) grant_ids: Cache<(AppId, MerchantId), GrantId>,
    pub(super) families: Cache<FamilyId, Known<KnownFamily>>,
    /// After this time without news a subject is loaded again.
    pub(super) time: Duration,
}

/// When, and by which changes, it is judged whether a memory is true.
#[derive(Clone, Copy)]
pub(super) struct Judging<'c> {
    pub(super) changes: &'c Changes,
    pub(super) ring: &'c KeyRing,
    pub(super) issuers: &'c ForeignIssuers,
    pub(super) revoked: &'c RevokedTokens,
    pub(super) monotonic: Duration,
}

impl Subjects {
    pub(super) fn new(time: Duration) -> Self {
        let (apps, grants, families) = (Cache::new(MOST), Cache::new(MOST), Cache::new(MOST));
        Self { apps, grants, grant_ids: Cache::new(MOST), families, time }
    }

    /// The grant by which an app acts for a merchant, if it is known to hold.
    pub(super) fn grant_to(
        &self,
        app: &AppId,
        merchant: &MerchantId,
        judging: Judging<'_>,
    ) -> Option<Known<CallingGrant>> {
        let id = self.grant_ids.get(&(app.clone(), merchant.clone()))?;
        let grant = self.true_one(self.grants.get(&id), judging)?;
        Some(grant).filter(|grant| grant.what.grant.revoked_at.is_none())
    }

    /// What is remembered, if it is still true.
    pub(super) fn true_one<T>(&self, known: Option<Known<T>>, judging: Judging<'_>) -> Option<Known<T>> {
        known.filter(|known| {
            judging.monotonic < judging.changes.aged_at(known.loaded_at, self.time)
                && judging.changes.are_fresh(&known.stamps)
        })
    }
}
