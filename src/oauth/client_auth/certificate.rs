//! `tls_client_auth` and `self_signed_tls_client_auth`: the certificate by which the client connected (RFC 8705, section 2).

use super::super::router::OAuth;
use crate::domain::client::AuthMethod;
use crate::domain::client_certificate::ClientCertificate;
use crate::store::client::Client;

/// Whether that certificate proves the client, in a way that it is registered for.
pub(super) fn is_right(oauth: &OAuth, client: &Client, certificate: &ClientCertificate) -> bool {
    let settings = &client.settings;
    let is_vouched = settings.has_method(AuthMethod::Tls)
        && settings.tls_name.as_ref().is_some_and(|name| certificate.is_vouched(name));
    is_vouched
        || (settings.has_method(AuthMethod::SelfSignedTls) && is_registered(oauth, client, certificate))
}

fn is_registered(oauth: &OAuth, client: &Client, certificate: &ClientCertificate) -> bool {
    let keys = client.settings.jwks.as_deref().and_then(|set| oauth.key_sets.read(set));
    keys.is_some_and(|keys| keys.has_certificate(&certificate.thumbprint))
}
