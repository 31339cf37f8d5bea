//! A credential that was verified, with the fields that tell the upstream about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http::HeaderValue;

use super::directory::Provenance;
use super::key_uses::hour;
use super::request_key::RequestKey;
use crate::domain::authentication::Authentication;
use crate::domain::confirmation::Confirmation;
use crate::domain::last_use::KEY_EVERY;
use crate::domain::principal::{Caller, CredentialKind};
use crate::domain::time::Timestamp;

/// A credential that was verified, with the fields that tell the upstream about it.
#[derive(Debug)]
pub struct Identity {
    /// Who it is.
    pub caller: Arc<Caller>,
    /// What the upstream is told.
    pub fields: IdentityFields,
    /// What has to be shown beside it.
    pub confirmation: Option<Confirmation>,
    /// How the merchant behind it had proved itself.
    pub authentication: Option<Authentication>,
    /// What verifies its signatures, if it is a key by which an app signs requests.
    pub request_key: Option<Arc<RequestKey>>,
    /// By what it was found, once the directory has it.
    pub(super) provenance: Option<Provenance>,
    pub(super) expires_at: Option<Timestamp>,
    /// From when on the next use is to be noted, in microseconds: never of an access token.
    pub(super) use_due: AtomicI64,
}

/// The caller as header values for the upstream.
#[derive(Debug)]
pub struct IdentityFields {
    /// For `X-Tollgate-App`.
    pub app: HeaderValue,
    /// For `X-Tollgate-Merchant`.
    pub merchant: Option<HeaderValue>,
    /// For `X-Tollgate-Scopes`.
    pub scopes: HeaderValue,
}

impl Identity {
    /// A caller who has proved itself, until `expires_at` if its credential ends then.
    pub(super) fn new(caller: Caller, expires_at: Option<Timestamp>) -> Self {
        let scopes = field(&caller.scopes.to_string());
        Self::with_scopes(caller, scopes, expires_at)
    }

    /// The same, with the caller's scopes as a field.
    pub(super) fn with_scopes(caller: Caller, scopes: HeaderValue, expires_at: Option<Timestamp>) -> Self {
        let fields = IdentityFields {
            app: field(caller.app.id.as_str()),
            merchant: caller.merchant.as_ref().map(|merchant| field(merchant.as_str())),
            scopes,
        };
        Self {
            caller: Arc::new(caller),
            fields,
            confirmation: None,
            authentication: None,
            request_key: None,
            provenance: None,
            expires_at,
            use_due: AtomicI64::new(i64::MAX),
        }
    }

    /// The same, whose uses are noted by the hour, from the next one on.
    pub(super) fn with_noted_uses(self) -> Self {
        Self { use_due: AtomicI64::new(i64::MIN), ..self }
    }

    /// Whether a use at `now` is to be noted.
    #[must_use]
    pub fn is_use_due(&self, now: Timestamp) -> bool {
        self.use_due.load(Ordering::Relaxed) <= now.as_micros()
    }

    /// A use at `now` was noted, and so are all of its hour.
    pub fn use_is_noted(&self, now: Timestamp) {
        self.use_due.store(hour(now).plus(KEY_EVERY).as_micros(), Ordering::Relaxed);
    }

    /// Whether it is that of a certificate, or of what is bound to one.
    #[must_use]
    pub fn rests_on_certificate(&self) -> bool {
        self.caller.credential == CredentialKind::ClientCertificate
            || matches!(self.confirmation, Some(Confirmation::Certificate(_)))
    }

    /// From when on its credential no longer works, if it ends by itself.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether its credential has not ended at `now`.
    pub(super) fn is_alive(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }
}

/// A text as a field's value; ids and scopes are visible ASCII.
pub(super) fn field(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
