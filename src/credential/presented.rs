//! Which credential a request carries: at most one, in a header field. Tokens in the query are ignored, since
//! queries end up in logs (RFC 6750, section 5.3).

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::refusal::Refusal;

/// The field that carries an API key.
const API_KEY_FIELD: HeaderName = HeaderName::from_static("x-api-key");

/// The credential that a request carries, not yet verified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// None at all.
    Nothing,
    /// An API key.
    ApiKey(&'a str),
    /// An OAuth2 access token.
    AccessToken(&'a str),
}

/// Finds the credential in a request's header fields.
///
/// # Errors
/// [`Refusal::CredentialRepeated`] for more than one, [`Refusal::CredentialInvalid`] for one of an unknown kind.
pub fn find(headers: &HeaderMap) -> Result<Presented<'_>, Refusal> {
    match (only(headers, &AUTHORIZATION)?, only(headers, &API_KEY_FIELD)?) {
        (None, None) => Ok(Presented::Nothing),
        (Some(value), None) => bearer(value.to_str().unwrap_or_default()),
        (None, Some(value)) => value.to_str().map(|key| Presented::ApiKey(key.trim())).map_err(|_| NOT_TEXT),
        (Some(_), Some(_)) => Err(Refusal::CredentialRepeated),
    }
}

/// The value of a field that may stand there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Refusal::CredentialRepeated) } else { Ok(first) }
}

const NOT_TEXT: Refusal = Refusal::CredentialInvalid("The credential has characters that none can have.");

fn bearer(value: &str) -> Result<Presented<'_>, Refusal> {
    let (scheme, credential) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::CredentialInvalid("Authorization takes the scheme Bearer here."));
    }
    let credential = credential.trim();
    if credential.is_empty() {
        return Err(Refusal::CredentialInvalid("Authorization: Bearer has no credential after it."));
    }
    Ok(if credential.starts_with("tg_") {
        Presented::ApiKey(credential)
    } else {
        Presented::AccessToken(credential)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn one_credential_is_found_in_any_letter_case() {
        assert!(matches!(find(&headers(&[])), Ok(Presented::Nothing)));
        let sent = headers(&[("authorization", "bEaReR  abc.def")]);
        assert!(matches!(find(&sent), Ok(Presented::AccessToken("abc.def"))));
        let sent = headers(&[("authorization", "Bearer tg_live_x")]);
        assert!(matches!(find(&sent), Ok(Presented::ApiKey("tg_live_x"))));
        let sent = headers(&[("x-api-key", "tg_live_x")]);
        assert!(matches!(find(&sent), Ok(Presented::ApiKey("tg_live_x"))));
    }

    #[test]
    fn two_credentials_or_another_scheme_are_refused() {
        for sent in [
            headers(&[("authorization", "Bearer a"), ("x-api-key", "b")]),
            headers(&[("authorization", "Bearer a"), ("authorization", "Bearer a")]),
            headers(&[("x-api-key", "a"), ("x-api-key", "b")]),
        ] {
            assert!(matches!(find(&sent), Err(Refusal::CredentialRepeated)));
        }
        for value in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            let mut sent = HeaderMap::new();
            sent.insert(AUTHORIZATION, value.parse().unwrap());
            assert!(matches!(find(&sent), Err(Refusal::CredentialInvalid(_))), "{value:?}");
        }
    }
}
