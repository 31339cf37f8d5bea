//! `tls_client_auth` and `self_signed_tls_client_auth`: the certificate by which the client connected (RFC 8705, section 2).

use super::super::error::Unproven;
use super::super::router::OAuth;
use crate::domain::client::AuthMethod;
use crate::domain::client_certificate::ClientCertificate;
use crate::domain::door::Door;
use crate::domain::time::Timestamp;
use crate::store::client::Client;

/// Whether the certificate that the client showed, if any, proves it at `now` in a way that it is registered for.
pub(super) fn check(oauth: &OAuth, client: &Client, (door, now): (&Door, Timestamp)) -> Result<(), Unproven> {
    let settings = &client.settings;
    let (by_name, by_itself) =
        (settings.has_method(AuthMethod::Tls), settings.has_method(AuthMethod::SelfSignedTls));
    if !by_name && !by_itself {
        return Err(Unproven::Nothing);
    }
    let shown = door.shown(now).ok_or(Unproven::NoCertificate)?;
    if !shown.is_timely(now) {
        return Err(Unproven::CertificateTime);
    }
    if shown.is_revoked {
        return Err(Unproven::CertificateRevoked);
    }
    let is_vouched = by_name && settings.tls_name.as_ref().is_some_and(|name| shown.is_vouched(name, now));
    let is_right = is_vouched || (by_itself && is_registered(oauth, client, &shown));
    is_right.then_some(()).ok_or(Unproven::Certificate)
}

fn is_registered(oauth: &OAuth, client: &Client, certificate: &ClientCertificate) -> bool {
    let keys = client.settings.jwks.as_deref().and_then(|set| oauth.key_sets.read(set));
    keys.is_some_and(|keys| keys.has_certificate(&certificate.thumbprint))
}
