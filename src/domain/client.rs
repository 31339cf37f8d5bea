//! How an app deals with the authorization server: what it registered as an OAuth2 client (RFC 7591, section 2).

use super::client_certificate::CertificateName;
use super::id::{AppId, SecretId};
use super::identity::ClientKind;
use super::time::Timestamp;

/// How a client proves itself at the endpoints that it calls directly (`token_endpoint_auth_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthMethod {
    /// A client secret in HTTP Basic (RFC 6749, section 2.3.1).
    SecretBasic,
    /// A client secret in the form (RFC 6749, section 2.3.1).
    SecretPost,
    /// A JWT that it signs with a key of its `jwks` (RFC 7523, section 2.2).
    PrivateKeyJwt,
    /// A certificate that the platform's authorities vouch for (RFC 8705, section 2.1).
    Tls,
    /// A certificate that stands in its `jwks` (RFC 8705, section 2.2).
    SelfSignedTls,
    /// Not at all: it is public.
    None,
}

impl AuthMethod {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SecretBasic,
        Self::SecretPost,
        Self::PrivateKeyJwt,
        Self::Tls,
        Self::SelfSignedTls,
        Self::None,
    ];

    /// The name in IANA's registry, used in settings, metadata and the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::Tls => "tls_client_auth",
            Self::SelfSignedTls => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }

    /// The method of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether the client needs a secret for it.
    #[must_use]
    pub fn is_by_secret(self) -> bool {
        matches!(self, Self::SecretBasic | Self::SecretPost)
    }
}

/// What a client exchanges for tokens (`grant_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantType {
    /// A code that a merchant's consent gave (RFC 6749, section 4.1).
    AuthorizationCode,
    /// A refresh token (RFC 6749, section 6).
    RefreshToken,
    /// Nothing but its own proof, for itself (RFC 6749, section 4.4).
    ClientCredentials,
    /// A device code that a merchant let through (RFC 8628, section 3.4).
    DeviceCode,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::DeviceCode];

    /// The value of `grant_type`, used in settings, metadata and the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    /// The grant type of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.name() == name)
    }
}

/// What an app registered as a client. Sets are sorted, nothing in them twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// How it may prove itself (`token_endpoint_auth_methods`); at least one.
    pub auth_methods: Vec<AuthMethod>,
    /// What it may exchange (`grant_types`).
    pub grant_types: Vec<GrantType>,
    /// Its public keys and certificates: a JWK Set as JSON text (`jwks`; RFC 7517, section 5).
    pub jwks: Option<String>,
    /// Who its certificate says to be (`tls_client_auth_…`; RFC 8705, section 2.1.2).
    pub tls_name: Option<CertificateName>,
    /// Whether it gets no tokens but by DPoP (`dpop_bound_access_tokens`; RFC 9449, section 5.2).
    pub dpop_bound_tokens: bool,
    /// Whether its tokens are bound to its certificate (`tls_client_certificate_bound_access_tokens`; RFC 8705, section 3.4).
    pub certificate_bound_tokens: bool,
    /// Whether it must push its authorization requests (`require_pushed_authorization_requests`; RFC 9126, section 6).
    pub requires_par: bool,
}

/// What is wrong with an app that is to get codes.
pub const NO_REDIRECT_URI: &str = "are missing: answers of authorization_code go to one of them; name it, or leave authorization_code out of grant_types";

impl ClientSettings {
    /// Those of an app of that kind that registered nothing in particular.
    #[must_use]
    pub fn of_kind(kind: ClientKind) -> Self {
        let (auth_methods, grant_types) = match kind {
            ClientKind::Confidential => (
                vec![AuthMethod::SecretBasic, AuthMethod::SecretPost],
                vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials],
            ),
            ClientKind::Public => {
                (vec![AuthMethod::None], vec![GrantType::AuthorizationCode, GrantType::RefreshToken])
            }
        };
        Self {
            auth_methods,
            grant_types,
            jwks: None,
            tls_name: None,
            dpop_bound_tokens: false,
            certificate_bound_tokens: false,
            requires_par: false,
        }
    }

    /// Whether it may prove itself so.
    #[must_use]
    pub fn has_method(&self, method: AuthMethod) -> bool {
        self.auth_methods.contains(&method)
    }

    /// Whether it may exchange that.
    #[must_use]
    pub fn has_grant_type(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether it needs a client secret.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        self.auth_methods.iter().any(|method| method.is_by_secret())
    }

    /// What is wrong with it for an app of that kind, whose answers may go to `redirect_uris`: the setting and what would be right.
    #[must_use]
    pub fn mistakes(
        &self,
        (kind, redirect_uris): (ClientKind, &[String]),
    ) -> Vec<(&'static str, &'static str)> {
        let mut mistakes = Vec::new();
        let mut check = |is_right: bool, setting, what| {
            if !is_right {
                mistakes.push((setting, what));
            }
        };
        let methods = "token_endpoint_auth_methods";
        let is_named = |method| self.has_method(method);
        check(!self.auth_methods.is_empty(), methods, "must name at least one method");
        match kind {
            ClientKind::Public => {
                let is_none_alone = self.auth_methods.iter().all(|method| *method == AuthMethod::None);
                check(is_none_alone, methods, "must be none alone: a public app cannot prove itself");
                let is_for_itself = self.has_grant_type(GrantType::ClientCredentials);
                check(!is_for_itself, "grant_types", "a public app gets no tokens for itself");
            }
            ClientKind::Confidential => {
                check(!is_named(AuthMethod::None), methods, "none is for public apps alone");
            }
        }
        let needs_keys = is_named(AuthMethod::PrivateKeyJwt) || is_named(AuthMethod::SelfSignedTls);
        check(
            !needs_keys || self.jwks.is_some(),
            "jwks",
            "is missing: private_key_jwt and self_signed_tls_client_auth go by it",
        );
        check(
            !is_named(AuthMethod::Tls) || self.tls_name.is_some(),
            "tls_client_auth_subject_dn",
            "is missing, or one of tls_client_auth_san_dns, _uri, _ip and _email: tls_client_auth goes by it",
        );
        check(
            !(self.dpop_bound_tokens && self.certificate_bound_tokens),
            "dpop_bound_access_tokens",
            "may not be beside tls_client_certificate_bound_access_tokens: a token is bound to one thing",
        );
        let has_code = self.has_grant_type(GrantType::AuthorizationCode);
        check(
            redirect_uris.is_empty() || has_code,
            "redirect_uris",
            "are of no use without the grant type authorization_code: add it to grant_types, or empty this list",
        );
        // Beside others, as a confidential app has it by default, it may be of no use.
        let has_other =
            self.has_grant_type(GrantType::ClientCredentials) || self.has_grant_type(GrantType::DeviceCode);
        check(!redirect_uris.is_empty() || !has_code || has_other, "redirect_uris", NO_REDIRECT_URI);
        check(
            !self.requires_par || has_code,
            "require_pushed_authorization_requests",
            "is of no use without the grant type authorization_code: add it to grant_types, or say false",
        );
        check(
            !self.has_grant_type(GrantType::RefreshToken)
                || has_code
                || self.has_grant_type(GrantType::DeviceCode),
            "grant_types",
            "refresh_token is of no use without authorization_code or the device code's, which alone give one",
        );
        let has_none = self.grant_types.is_empty();
        check(
            !has_none || !self.dpop_bound_tokens,
            "dpop_bound_access_tokens",
            "is of no use to an app that gets no tokens: name its grant_types, or say false",
        );
        check(
            !has_none || !self.certificate_bound_tokens,
            "tls_client_certificate_bound_access_tokens",
            "is of no use to an app that gets no tokens: name its grant_types, or say false",
        );
        mistakes
    }
}

/// What is kept of a client secret beside its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its id, safe to show.
    pub id: SecretId,
    /// The app that it proves.
    pub app: AppId,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it no longer works.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The hour in which it last proved the app.
    pub last_used_at: Option<Timestamp>,
}

impl SecretRecord {
    /// Whether it works at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_each_kind_are_right_and_their_names_lead_back() {
        for kind in [ClientKind::Confidential, ClientKind::Public] {
            let uris = ["https://a.example/cb".to_owned()];
            assert_eq!(ClientSettings::of_kind(kind).mistakes((kind, &uris)), []);
        }
        for method in AuthMethod::ALL {
            assert_eq!(AuthMethod::named(method.name()), Some(method));
        }
        for grant_type in GrantType::ALL {
            assert_eq!(GrantType::named(grant_type.name()), Some(grant_type));
        }
    }

    #[test]
    fn settings_that_no_client_could_use_are_told() {
        let confidential = ClientSettings::of_kind(ClientKind::Confidential);
        let with = |auth_methods: &[AuthMethod]| ClientSettings {
            auth_methods: auth_methods.to_vec(),
            ..confidential.clone()
        };
        let for_itself =
            ClientSettings { grant_types: vec![GrantType::ClientCredentials], ..confidential.clone() };
        let for_nothing = ClientSettings { grant_types: vec![], ..confidential.clone() };
        let uris = ["https://a.example/cb".to_owned()];
        assert_eq!(
            for_itself.mistakes((ClientKind::Confidential, &uris)).first().map(|told| told.0),
            Some("redirect_uris")
        );
        let by_device = ClientSettings {
            grant_types: vec![GrantType::RefreshToken, GrantType::DeviceCode],
            ..confidential.clone()
        };
        for right in [&for_itself, &for_nothing, &by_device] {
            assert_eq!(right.mistakes((ClientKind::Confidential, &[])), [], "{right:?}");
        }
        for (settings, kind, setting) in [
            (with(&[]), ClientKind::Confidential, "token_endpoint_auth_methods"),
            (with(&[AuthMethod::None]), ClientKind::Confidential, "token_endpoint_auth_methods"),
            (with(&[AuthMethod::PrivateKeyJwt]), ClientKind::Confidential, "jwks"),
            (with(&[AuthMethod::SelfSignedTls]), ClientKind::Confidential, "jwks"),
            (with(&[AuthMethod::Tls]), ClientKind::Confidential, "tls_client_auth_subject_dn"),
            (with(&[AuthMethod::None]), ClientKind::Public, "grant_types"),
            (
                ClientSettings {
                    dpop_bound_tokens: true,
                    certificate_bound_tokens: true,
                    ..confidential.clone()
                },
                ClientKind::Confidential,
                "dpop_bound_access_tokens",
            ),
            (
                ClientSettings { requires_par: true, ..for_itself.clone() },
                ClientKind::Confidential,
                "require_pushed_authorization_requests",
            ),
            (
                ClientSettings {
                    grant_types: vec![GrantType::RefreshToken, GrantType::ClientCredentials],
                    ..confidential.clone()
                },
                ClientKind::Confidential,
                "grant_types",
            ),
            (
                ClientSettings { dpop_bound_tokens: true, ..for_nothing.clone() },
                ClientKind::Confidential,
                "dpop_bound_access_tokens",
            ),
            (
                ClientSettings { certificate_bound_tokens: true, ..for_nothing },
                ClientKind::Confidential,
                "tls_client_certificate_bound_access_tokens",
            ),
        ] {
            let told = settings.mistakes((kind, &[]));
            assert!(told.len() == 1 && told[0].0 == setting, "{settings:?}: {told:?}");
        }
    }
}
