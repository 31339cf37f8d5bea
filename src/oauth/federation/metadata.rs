//! What a provider says of itself (OpenID Connect Discovery 1.0, section 4).

use serde::Deserialize;

use crate::config::service_url::ServiceUrl;

/// Longest list of a provider's that is read.
const MAX_LISTED: usize = 200;

/// Where a provider is spoken to.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    /// Where the browser is sent.
    pub(super) authorization_endpoint: ServiceUrl,
    /// Where codes are exchanged.
    pub(super) token_endpoint: ServiceUrl,
    /// Where its keys are.
    pub(super) jwks_uri: ServiceUrl,
    /// Whether its answers always name it (RFC 9207).
    pub(super) names_itself: bool,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetadataError {
    #[error("it is not the JSON of OpenID Connect Discovery")]
    Malformed,
    #[error("its issuer is not the one of the policies, letter by letter")]
    Issuer,
    #[error("its {0} is no address by https")]
    Address(&'static str),
    #[error("it does not do PKCE with S256")]
    Challenge,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Where an issuer's metadata is (section 4.1): a slash at its end is left out.
pub(super) fn address(issuer: &ServiceUrl) -> String {
    format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/'))
}

impl Metadata {
    /// Reads the document of `issuer`.
    ///
    /// # Errors
    /// [`MetadataError`]. Of another issuer it is none: whoever answered could speak for it (section 4.3).
    pub(super) fn read(document: &[u8], issuer: &ServiceUrl) -> Result<Self, MetadataError> {
        let document: Document = serde_json::from_slice(document).map_err(|_| MetadataError::Malformed)?;
        if document.issuer != issuer.as_str() {
            return Err(MetadataError::Issuer);
        }
        let is_challenge =
            |methods: &Vec<String>| methods.iter().take(MAX_LISTED).any(|method| method == "S256");
        if document.code_challenge_methods_supported.as_ref().is_some_and(|methods| !is_challenge(methods)) {
            return Err(MetadataError::Challenge);
        }
        let address = |name, text: &str| text.parse().map_err(|_| MetadataError::Address(name));
        Ok(Self {
            authorization_endpoint: address("authorization_endpoint", &document.authorization_endpoint)?,
            token_endpoint: address("token_endpoint", &document.token_endpoint)?,
            jwks_uri: address("jwks_uri", &document.jwks_uri)?,
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let mut document = serde_json::json!({
            "issuer": "https://login.example.com/a/",
            "authorization_endpoint": "https://login.example.com/auth",
            "token_endpoint": "https://login.example.com/token",
            "jwks_uri": "https://keys.example.com/jwks",
        });
        change(&mut document);
        document.to_string().into_bytes()
    }

    #[test]
    fn only_the_issuer_itself_speaks_for_it_and_by_https_alone() {
        let issuer: ServiceUrl = "https://login.example.com/a/".parse().unwrap();
        assert_eq!(address(&issuer), "https://login.example.com/a/.well-known/openid-configuration");
        let read = |change: fn(&mut serde_json::Value)| Metadata::read(&document(change), &issuer);
        assert!(!read(|_| {}).unwrap().names_itself);
        assert!(
            read(|document| document["code_challenge_methods_supported"] = serde_json::json!(["S256"]))
                .is_ok()
        );
        let wrong: [fn(&mut serde_json::Value); 6] = [
            |document| document["issuer"] = "https://login.example.com/a".into(),
            |document| document["issuer"] = "https://evil.example.com/a/".into(),
            |document| document["token_endpoint"] = "http://login.example.com/token".into(),
            |document| document["authorization_endpoint"] = "javascript:alert(1)".into(),
            |document| document["jwks_uri"] = serde_json::Value::Null,
            |document| document["code_challenge_methods_supported"] = serde_json::json!(["plain"]),
        ];
        for change in wrong {
            assert!(read(change).is_err());
        }
        assert!(Metadata::read(b"[]", &issuer).is_err());
    }
}
