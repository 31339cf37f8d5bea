//! The way to the provider and back, by the `oauth2` crate: where the browser is sent, and the exchange of the code that it
//! comes back with.

use std::time::Duration;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, ExtraTokenFields,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardRevocableToken, StandardTokenResponse,
    TokenUrl,
};
use serde::{Deserialize, Serialize};

use super::metadata::Metadata;
use super::provider::{Federation, ProviderError};
use crate::outbound::token_request::{TokenError, explain};
use crate::policy::login::IdentityProvider;
use crate::policy::token_source::SecretPlace;

/// Where the provider sends the browser back to, below the issuer.
pub(super) const CALLBACK: &str = "/oauth/federated/callback";

/// What a token response has beside RFC 6749 (OpenID Connect Core, section 3.1.3.3).
#[derive(Serialize, Deserialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl std::fmt::Debug for WithIdToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WithIdToken")
    }
}

impl ExtraTokenFields for WithIdToken {}

type OidcClient = Client<
    BasicErrorResponse,
    StandardTokenResponse<WithIdToken, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// A login at a provider, from this server's side.
pub(super) struct Exchange<'e> {
    /// The provider.
    pub(super) provider: &'e IdentityProvider,
    /// Where it is spoken to.
    pub(super) metadata: &'e Metadata,
    /// The address of this server.
    pub(super) issuer: &'e str,
}

/// How long ago a user may have proved himself to the provider. One that does not say when counts as so long ago.
pub(super) const LONGEST_AGO: Duration = Duration::from_secs(365 * 86_400);

/// Which proof of the user's a provider may go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Also one that it has had before, up to [`LONGEST_AGO`]: a user who is logged in there need do nothing.
    AnyItHas,
    /// A new one: the app asks for it, or somebody is logged in here already, too long ago or too weakly. The provider has to
    /// say when the user gave it (`auth_time`), since he was asked to (OpenID Connect Core, section 3.1.2.1).
    New,
}

impl Exchange<'_> {
    /// Where the browser is sent.
    ///
    /// # Errors
    /// [`ProviderError::Wrong`].
    pub(super) fn authorization_url(
        &self,
        (state, nonce, verifier): (&str, &str, &str),
        proof: Proof,
    ) -> Result<String, ProviderError> {
        let wrong = |_| ProviderError::Wrong("authorization_endpoint", "it is no URL".to_owned());
        let address =
            AuthUrl::new(self.metadata.authorization_endpoint.as_str().to_owned()).map_err(wrong)?;
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.to_owned()));
        let client = self.client()?.set_auth_uri(address);
        let request = client
            .authorize_url(|| CsrfToken::new(state.to_owned()))
            .add_scope(Scope::new("openid".to_owned()))
            .add_scopes(self.provider.scopes.iter().cloned().map(Scope::new))
            .add_extra_param("nonce", nonce)
            .set_pkce_challenge(challenge);
        let request = match proof {
            // Who is asked for it has to say when it was (OpenID Connect Core, section 2, `auth_time`).
            Proof::AnyItHas => request.add_extra_param("max_age", LONGEST_AGO.as_secs().to_string()),
            Proof::New => request.add_extra_param("prompt", "login").add_extra_param("max_age", "0"),
        };
        let request = match proof {
            Proof::New if !self.provider.two_factors.is_empty() => {
                request.add_extra_param("acr_values", self.provider.two_factors.join(" "))
            }
            Proof::New | Proof::AnyItHas => request,
        };
        Ok(request.url().0.into())
    }

    /// Exchanges a code for an ID token, which is not checked yet.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(super) async fn id_token(
        &self,
        federation: &Federation,
        (code, verifier): (&str, &str),
    ) -> Result<String, TokenError> {
        let malformed = |_| TokenError::Malformed("its address is no URL");
        let address = TokenUrl::new(self.metadata.token_endpoint.as_str().to_owned()).map_err(malformed)?;
        let client =
            self.client().map_err(|_| TokenError::Malformed("the address of this server is no URL"))?;
        let answer = client
            .set_token_uri(address)
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()))
            .request_async(&federation.client.caller())
            .await
            .map_err(explain)?;
        let id_token = answer.extra_fields().id_token.clone();
        id_token.ok_or(TokenError::Malformed("it has no id_token"))
    }

    fn client(&self) -> Result<OidcClient, ProviderError> {
        let wrong =
            |_| ProviderError::Wrong("redirect URI", "the address of this server is no URL".to_owned());
        let redirect_uri = RedirectUrl::new(format!("{}{CALLBACK}", self.issuer)).map_err(wrong)?;
        let client: OidcClient = Client::new(ClientId::new(self.provider.client_id.clone()));
        Ok(client
            .set_client_secret(ClientSecret::new(self.provider.secret().to_owned()))
            .set_auth_type(match self.provider.authentication {
                SecretPlace::Header => AuthType::BasicAuth,
                SecretPlace::Form => AuthType::RequestBody,
            })
            .set_redirect_uri(redirect_uri))
    }
}
