//! Client certificates that apps have registered.

use super::{Failure, Loader, caller};
use crate::credential::freshness::Stamps;
use crate::credential::identity::Identity;
use crate::credential::refused::Refused;
use crate::credential::subjects::Judging;
use crate::domain::app_certificate::ShownNames;
use crate::domain::principal::CredentialKind;
use crate::domain::refusal::Refusal;

const NOT_REGISTERED: Refusal = Refusal::CertificateInvalid(
    "No app has registered the client certificate of this connection. Register it, or send another credential.",
);
pub(super) const ENDED: Refusal = Refusal::CertificateInvalid(
    "The app's registration of the client certificate of this connection was revoked, or has ended.",
);

impl Loader {
    /// Whom a certificate proves that is known by one of those names: the first that is registered, or was. One that was revoked or has
    /// ended gives way to no other, by which the certificate might be worth more. The names are stamped before they are looked for, so
    /// that one that is registered later is heard of.
    pub(in crate::credential) async fn load_certificate(
        &self,
        names: &ShownNames,
        judging: Judging<'_>,
        stamps: &mut Stamps,
    ) -> Result<Identity, Failure> {
        let _place = self.place()?;
        names.keys().iter().for_each(|key| stamps.push(judging.changes.stamp(key.as_str())));
        let read = || self.source.certificate(names);
        let Some(((certificate, app), of_app)) = self.read_with_app(read, judging).await? else {
            return Err(Failure::Refused(Refused::from(NOT_REGISTERED)));
        };
        stamps.extend(&of_app);
        if certificate.revoked_at.is_some() {
            return Err(Failure::of(&certificate.app, ENDED));
        }
        let facts = self.facts(app, of_app, judging)?;
        let expires_at = certificate.expires_at;
        let caller = caller(CredentialKind::ClientCertificate, certificate, facts);
        Ok(Identity::new(caller, expires_at).with_noted_uses())
    }
}
