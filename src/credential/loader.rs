//! What a credential that is not remembered rests on: looked up where it is not known. Only so many at once.
//!
//! Whether a credential has ended by itself is not asked here: that ends no call that is under way.

mod certificate;
mod refusals;
mod rests_on;
mod stamped;

use std::fmt::Display;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use self::refusals::{GRANT_REVOKED, ISSUER_CHANGED, NO_CERTIFICATE, NO_KEY, SIGNATURE_KEY_UNKNOWN};
pub(super) use self::refusals::{KEY_UNKNOWN, ended};
use self::rests_on::of_app;
use self::stamped::stamped;
use super::access_token::{TokenError, VerifiedToken};
use super::freshness::Stamps;
use super::identity::Identity;
use super::keys::KnownKey;
use super::refused::Refused;
use super::source::{IdentitySource, SourceUnavailable};
use super::subjects::{Judging, Known, KnownApp, KnownFamily, Subjects};
use crate::domain::api_key::KeyHash;
use crate::domain::app_credential::AppCredential;
use crate::domain::calling::{CallingApp, CallingGrant};
use crate::domain::id::{AppId, MerchantId, SignatureKeyId};
use crate::domain::identity::{KeyRecord, Standing};
use crate::domain::principal::{AppFacts, Caller, CredentialKind};
use crate::domain::refusal::{Refusal, Subject};
use crate::domain::scope::ScopeSet;
use crate::domain::token_rules::Binding;

/// Credentials that are loaded at once; beyond: who is not known yet is refused for the moment, at no cost to the store.
pub(super) const MAX_LOADS: usize = 256;

/// Loads what credentials rest on.
pub(super) struct Loader {
    source: Arc<dyn IdentitySource>,
    subjects: Subjects,
    places: Semaphore,
}

/// Why no identity came of a credential.
pub(super) enum Failure {
    Refused(Refused),
    Source(SourceUnavailable),
    /// As many as may be are being loaded.
    Busy,
}

impl Failure {
    fn of(app: &AppId, refusal: Refusal) -> Self {
        Self::Refused(Refused::of(app, refusal))
    }
}

impl From<SourceUnavailable> for Failure {
    fn from(unavailable: SourceUnavailable) -> Self {
        Self::Source(unavailable)
    }
}

impl Loader {
    pub(super) fn new(source: Arc<dyn IdentitySource>, subjects: Subjects) -> Self {
        Self { source, subjects, places: Semaphore::new(MAX_LOADS) }
    }

    fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.places.try_acquire().map_err(|_| Failure::Busy)
    }

    /// Whom an API key proves, if it is good.
    pub(super) async fn load_key(
        &self,
        hash: &KeyHash,
        judging: Judging<'_>,
        stamps: &mut Stamps,
    ) -> Result<KnownKey, Failure> {
        let _place = self.place()?;
        let of_key = |(key, app): &(KeyRecord, CallingApp)| {
            let key = judging.changes.stamp(key.id.as_str());
            std::iter::once(key).chain(of_app(judging, app)).collect::<Stamps>()
        };
        let found = stamped(judging.changes, || self.source.key(hash), of_key).await?;
        let Some(((key, app), of_all)) = found else { return Err(Failure::Refused(KEY_UNKNOWN.into())) };
        stamps.extend(&of_all);
        if key.revoked_at.is_some() {
            return Err(Failure::of(&key.app, KEY_UNKNOWN));
        }
        let app = self.facts(app, of_all.iter().skip(1).collect(), judging)?;
        let (scopes, narrowing) = (key.scopes_of(&app.scopes), key.narrowing.shared());
        Ok(KnownKey { id: key.id, scopes, narrowing, expires_at: key.expires_at, app })
    }

    /// Whom a key proves by which requests are signed, if it is good, with what verifies its signatures.
    pub(super) async fn load_signature_key(
        &self,
        id: &SignatureKeyId,
        judging: Judging<'_>,
        stamps: &mut Stamps,
    ) -> Result<Identity, Failure> {
        let _place = self.place()?;
        stamps.push(judging.changes.stamp(id.as_str()));
        let read = || self.source.signature_key(id);
        let Some(((key, app), of_app)) = self.read_with_app(read, judging).await? else {
            return Err(Failure::Refused(SIGNATURE_KEY_UNKNOWN.into()));
        };
        stamps.extend(&of_app);
        if key.record.revoked_at.is_some() {
            return Err(Failure::of(&key.record.app, SIGNATURE_KEY_UNKNOWN));
        }
        let facts = self.facts(app, of_app, judging)?;
        let request_key = self.source.request_key(&key)?;
        let expires_at = key.record.expires_at;
        let caller = caller(CredentialKind::SignedRequest, key.record, facts);
        let identity = Identity::new(caller, expires_at).with_noted_uses();
        Ok(Identity { request_key: Some(Arc::new(request_key)), ..identity })
    }

    /// Whom a token proves, by what is known; `None` if something of it is to be loaded.
    pub(super) fn assemble(
        &self,
        token: &VerifiedToken,
        judging: Judging<'_>,
        stamps: &mut Stamps,
    ) -> Option<Result<Identity, Refused>> {
        let known = &self.subjects;
        stamp(token, judging, stamps);
        let is_revoked = is_revoked(token, judging)?;
        let app = known.true_one(known.apps.get(&token.app), judging)?;
        let family = match &token.family {
            Some(family) => Some(known.true_one(known.families.get(family), judging)?),
            None => None,
        };
        let grant = match (&token.grant, acts_for(token)) {
            (Some(grant), _) => Some(known.true_one(known.grants.get(grant), judging)?),
            (None, Some(merchant)) => Some(known.grant_to(&token.app, merchant, judging)?),
            (None, None) => None,
        };
        let rests_on = (is_revoked, &app, family.as_ref(), grant.as_ref());
        Some(put_together(token, rests_on, judging, stamps))
    }

    /// Whom a token proves; what is not known of it is loaded.
    pub(super) async fn load_token(
        &self,
        token: &VerifiedToken,
        judging: Judging<'_>,
        stamps: &mut Stamps,
    ) -> Result<Identity, Failure> {
        let _place = self.place()?;
        stamp(token, judging, stamps);
        let is_revoked = match is_revoked(token, judging) {
            Some(known) => known,
            None => self.source.is_token_revoked(&token.id).await?,
        };
        let family = match &token.family {
            Some(family) => Some(self.family(family, judging).await?),
            None => None,
        };
        let app = self.app(&token.app, judging).await?;
        let grant = match (&token.grant, acts_for(token)) {
            (Some(grant), _) => Some(self.grant((grant, &token.app), judging).await?),
            (None, Some(merchant)) => Some(self.grant_to((merchant, &token.app), judging).await?),
            (None, None) => None,
        };
        let rests_on = (is_revoked, &app, family.as_ref(), grant.as_ref());
        put_together(token, rests_on, judging, stamps).map_err(Failure::Refused)
    }
}

/// Whom a credential proves that acts for no merchant.
fn caller<I: Display, O>(
    kind: CredentialKind,
    credential: AppCredential<I, O>,
    app: Arc<AppFacts>,
) -> Caller {
    Caller {
        credential: kind,
        credential_id: credential.id.to_string().into(),
        merchant: None,
        grant: None,
        caps: Vec::new(),
        scopes: credential.scopes_of(&app.scopes),
        narrowing: credential.narrowing.shared(),
        app,
    }
}

/// Stamps a token, and who made it, before anything is known of what it rests on.
fn stamp(token: &VerifiedToken, judging: Judging<'_>, stamps: &mut Stamps) {
    stamps.push(judging.changes.stamp(&token.id));
    if let Some(issuer) = &token.issuer {
        stamps.push(judging.changes.stamp(issuer));
    }
}

/// Whether a token was revoked by itself; `None`: ask the store. Only our own are.
fn is_revoked(token: &VerifiedToken, judging: Judging<'_>) -> Option<bool> {
    if token.issuer.is_some() { Some(false) } else { judging.revoked.is_revoked(&token.id) }
}

/// The merchant for which a token is that names no grant: another issuer's, which knows of none.
fn acts_for(token: &VerifiedToken) -> Option<&MerchantId> {
    token.merchant.as_ref().filter(|_| token.issuer.is_some())
}

type RestsOn<'k> =
    (bool, &'k Known<KnownApp>, Option<&'k Known<KnownFamily>>, Option<&'k Known<CallingGrant>>);

/// Whom a token proves by what it rests on.
fn put_together(
    token: &VerifiedToken,
    rests_on: RestsOn<'_>,
    judging: Judging<'_>,
    stamps: &mut Stamps,
) -> Result<Identity, Refused> {
    judged(token, rests_on, judging, stamps).map_err(|refusal| Refused::of(&token.app, refusal))
}

/// Whom a token proves by what it rests on, or that it was revoked by itself.
fn judged(
    token: &VerifiedToken,
    (is_revoked, app, family, grant): RestsOn<'_>,
    judging: Judging<'_>,
    stamps: &mut Stamps,
) -> Result<Identity, Refusal> {
    stamps.extend(&app.stamps);
    family.into_iter().for_each(|family| stamps.extend(&family.stamps));
    grant.into_iter().for_each(|grant| stamps.extend(&grant.stamps));
    // After it was stamped: a key that goes from now on makes this stale.
    match &token.issuer {
        // What it signed before its end goes on; of a key that was revoked nothing does.
        None if !judging.ring.keys().verifier().trusts(&token.key, token.made_at) => {
            return Err(Refusal::CredentialInvalid(TokenError::Foreign.explanation()));
        }
        // Between the look and now: by what is in force next it may hold, or not.
        Some(_) if !judging.issuers.trusts(&token.key) => return Err(ISSUER_CHANGED),
        None | Some(_) => {}
    }
    if is_revoked || family.is_some_and(|family| family.what.is_revoked) {
        return Err(Refusal::CredentialInvalid("The access token was revoked."));
    }
    let facts = app.what.facts.clone()?;
    check_ended(token, &app.what)?;
    check_bound(token, &app.what)?;
    let granted = granted_scopes(token, grant.map(|grant| &*grant.what))?;
    let scopes = granted.map_or_else(|| token.scopes.clone(), |granted| token.scopes.intersection(granted));
    let caller = Caller {
        credential: CredentialKind::AccessToken,
        credential_id: token.id.as_str().into(),
        merchant: token.merchant.clone(),
        grant: grant.map(|grant| grant.what.grant.id.clone()),
        caps: grant.map(|grant| grant.what.caps.clone()).unwrap_or_default(),
        scopes: scopes.intersection(&facts.scopes),
        narrowing: None,
        app: facts,
    };
    let (confirmation, authentication) = (token.confirmation, token.authentication);
    Ok(Identity { confirmation, authentication, ..Identity::new(caller, Some(token.expires_at)) })
}

/// Whether a token that an app got for itself was ended before its time. One that acts for a merchant has the grant and the
/// family of refresh tokens to be ended by.
fn check_ended(token: &VerifiedToken, app: &KnownApp) -> Result<(), Refusal> {
    let ended = "The access token was ended with the app's older client secrets, or its suspension.";
    match app.token_rules.valid_from {
        Some(from) if token.grant.is_none() && token.made_at < from => Err(Refusal::CredentialInvalid(ended)),
        Some(_) | None => Ok(()),
    }
}

/// Whether a token of another issuer is bound as the app's tokens must be; that its holder has what it is bound to is looked at with
/// each call. Our own are made so.
fn check_bound(token: &VerifiedToken, app: &KnownApp) -> Result<(), Refusal> {
    let asked = app.token_rules.binding.filter(|_| token.issuer.is_some());
    match asked.filter(|binding| !binding.is_met_by(token.confirmation)) {
        None => Ok(()),
        Some(Binding::Key) => Err(NO_KEY),
        Some(Binding::Certificate) => Err(NO_CERTIFICATE),
    }
}

/// The scopes of the grant behind a token; `None` if it acts for no merchant.
fn granted_scopes<'g>(
    token: &VerifiedToken,
    grant: Option<&'g CallingGrant>,
) -> Result<Option<&'g ScopeSet>, Refusal> {
    let Some(CallingGrant { grant, merchant, .. }) = grant else { return Ok(None) };
    if grant.revoked_at.is_some() || grant.app != token.app {
        return Err(GRANT_REVOKED);
    }
    match merchant {
        Standing::Active => Ok(Some(&grant.scopes)),
        Standing::Suspended => Err(Refusal::Suspended(Subject::Merchant)),
    }
}
