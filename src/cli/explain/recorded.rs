//! A call that is on record.

use serde_json::Value;

use super::facts::{Who, field, optional};
use crate::cli::failure::Failure;
use crate::domain::id::{AppId, CertificateId, KeyId, MerchantId, RouteName, SignatureKeyId};
use crate::domain::principal::CredentialKind;
use crate::domain::time::Timestamp;

/// What is on record of a call.
pub(super) struct Recorded {
    pub(super) method: String,
    pub(super) route: RouteName,
    pub(super) app: AppId,
    pub(super) merchant: Option<MerchantId>,
    pub(super) credential: Credential,
    pub(super) at: Timestamp,
}

/// What proved an app.
pub(super) enum Credential {
    Key(KeyId),
    Token,
    /// A signature by the key of that id.
    Signature(SignatureKeyId),
    Certificate(CertificateId),
}

impl Recorded {
    /// What a usage record tells.
    pub(super) fn of(record: &Value) -> Result<Self, Failure> {
        let Some(route) = record["route"].as_str().filter(|route| *route != "-") else {
            return Err(anyhow::anyhow!("that call met no route").into());
        };
        Ok(Self {
            method: field(record, "method")?,
            route: route.parse()?,
            app: field(record, "app")?,
            merchant: optional(record, "merchant")?,
            credential: match field::<String>(record, "credential")?.as_str() {
                kind if kind == CredentialKind::ApiKey.name() => {
                    Credential::Key(field(record, "credential_id")?)
                }
                kind if kind == CredentialKind::SignedRequest.name() => {
                    Credential::Signature(field(record, "credential_id")?)
                }
                kind if kind == CredentialKind::ClientCertificate.name() => {
                    Credential::Certificate(field(record, "credential_id")?)
                }
                _ => Credential::Token,
            },
            at: field(record, "at")?,
        })
    }

    /// Who made it.
    pub(super) fn who(&self) -> Who<'_> {
        let (mut key, mut signature, mut certificate) = (None, None, None);
        match &self.credential {
            Credential::Key(id) => key = Some(id),
            Credential::Token => {}
            Credential::Signature(id) => signature = Some(id),
            Credential::Certificate(id) => certificate = Some(id),
        }
        Who { app: Some(&self.app), merchant: self.merchant.as_ref(), key, signature, certificate }
    }
}
