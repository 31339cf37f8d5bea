//! Which credential a request carries: at most one, in a header field, or a signature of it all. Tokens in the query are ignored,
//! since queries end up in logs (RFC 6750, section 5.3).

use http::{HeaderName, HeaderValue};

use crate::domain::refusal::Refusal;

/// The field that carries an API key.
pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A field that may stand in a head once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Once<'h> {
    /// Its first value.
    pub first: Option<&'h HeaderValue>,
    /// Whether there are more.
    pub is_repeated: bool,
}

impl<'h> Once<'h> {
    /// Sees a value of the field.
    pub fn see(&mut self, value: &'h HeaderValue) {
        self.is_repeated = self.first.is_some();
        self.first = self.first.or(Some(value));
    }
}

/// The fields that can carry a credential.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'h> {
    /// `Authorization`.
    pub authorization: Once<'h>,
    /// `X-Api-Key`.
    pub api_key: Once<'h>,
    /// Whether the request is signed (`Signature-Input`; RFC 9421, section 4.1).
    pub is_signed: bool,
}

/// Which field a credential stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `Authorization`.
    Authorization,
    /// `X-Api-Key`.
    ApiKey,
}

impl<'h> Shown<'h> {
    /// Whether there is any.
    #[must_use]
    pub fn is_something(&self) -> bool {
        self.authorization.first.is_some() || self.api_key.first.is_some() || self.is_signed
    }

    /// Whether the request is signed, and carries nothing else.
    #[must_use]
    pub fn is_signed_alone(&self) -> bool {
        self.is_signed && self.authorization.first.is_none() && self.api_key.first.is_none()
    }

    /// The field's value, if there is exactly one and the request is not signed.
    #[must_use]
    pub fn only(&self) -> Option<(Field, &'h HeaderValue)> {
        if self.authorization.is_repeated || self.api_key.is_repeated || self.is_signed {
            return None;
        }
        match (self.authorization.first, self.api_key.first) {
            (Some(value), None) => Some((Field::Authorization, value)),
            (None, Some(value)) => Some((Field::ApiKey, value)),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

/// How `Authorization` carries a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// By itself (RFC 6750).
    Bearer,
    /// With a proof of possession beside it (RFC 9449, section 7.1).
    Dpop,
}

impl Scheme {
    /// The scheme of a field's value, if it is one that is taken.
    #[must_use]
    pub fn of(value: &HeaderValue) -> Option<Self> {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next()?;
        Self::named(std::str::from_utf8(scheme).ok()?)
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            name if name.eq_ignore_ascii_case(Self::Bearer.name()) => Some(Self::Bearer),
            name if name.eq_ignore_ascii_case(Self::Dpop.name()) => Some(Self::Dpop),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// The credential that a request carries, not yet verified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// None at all.
    Nothing,
    /// An API key.
    ApiKey(&'a str),
    /// An OAuth2 access token, by itself.
    AccessToken(&'a str),
    /// An OAuth2 access token that is said to be bound to a key.
    BoundToken(&'a str),
}

impl Presented<'_> {
    /// Whether it stands in its field as it usually does. There is no end to other ways, with spaces for one.
    #[must_use]
    pub fn is_plain(&self, shown: Shown<'_>) -> bool {
        let (scheme, length) = match self {
            Self::Nothing => (Scheme::Bearer, 0),
            Self::ApiKey(text) | Self::AccessToken(text) => (Scheme::Bearer, text.len()),
            Self::BoundToken(text) => (Scheme::Dpop, text.len()),
        };
        match shown.only() {
            Some((Field::Authorization, value)) => value.len() == scheme.name().len() + 1 + length,
            Some((Field::ApiKey, value)) => value.len() == length,
            None => false,
        }
    }
}

/// Finds the credential in what a request shows. A signature is none that could be found: it is of the whole request.
///
/// # Errors
/// [`Refusal::CredentialRepeated`] for more than one, [`Refusal::CredentialInvalid`] for one of an unknown kind.
pub fn find(shown: Shown<'_>) -> Result<Presented<'_>, Refusal> {
    match shown.only() {
        Some((Field::Authorization, value)) => authorization(value.to_str().unwrap_or_default()),
        Some((Field::ApiKey, value)) => {
            value.to_str().map(|key| Presented::ApiKey(key.trim())).map_err(|_| NOT_TEXT)
        }
        None if !shown.is_something() => Ok(Presented::Nothing),
        None => Err(Refusal::CredentialRepeated),
    }
}

/// How an API key begins.
const API_KEY: &str = "tg_";
const NOT_TEXT: Refusal = Refusal::CredentialInvalid("The credential has characters that none can have.");

fn authorization(value: &str) -> Result<Presented<'_>, Refusal> {
    let (scheme, credential) = value.split_once(' ').unwrap_or((value, ""));
    let Some(scheme) = Scheme::named(scheme) else {
        return Err(Refusal::CredentialInvalid("Authorization takes the schemes Bearer and DPoP here."));
    };
    let credential = credential.trim();
    match scheme {
        _ if credential.is_empty() => {
            Err(Refusal::CredentialInvalid("Authorization has no credential after its scheme."))
        }
        Scheme::Bearer if credential.starts_with(API_KEY) => Ok(Presented::ApiKey(credential)),
        Scheme::Bearer => Ok(Presented::AccessToken(credential)),
        Scheme::Dpop if credential.starts_with(API_KEY) => {
            Err(Refusal::CredentialInvalid("An API key is sent in X-Api-Key, or as Bearer."))
        }
        Scheme::Dpop => Ok(Presented::BoundToken(credential)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(texts: &[&str]) -> Vec<HeaderValue> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn once(values: &[HeaderValue]) -> Once<'_> {
        let mut once = Once::default();
        values.iter().for_each(|value| once.see(value));
        once
    }

    fn find<'h>(
        authorization: &'h [HeaderValue],
        api_key: &'h [HeaderValue],
    ) -> Result<Presented<'h>, Refusal> {
        super::find(Shown { authorization: once(authorization), api_key: once(api_key), is_signed: false })
    }

    #[test]
    fn one_credential_is_found_in_any_letter_case() {
        assert!(matches!(find(&[], &[]), Ok(Presented::Nothing)));
        let sent = values(&["bEaReR  abc.def"]);
        assert!(matches!(find(&sent, &[]), Ok(Presented::AccessToken("abc.def"))));
        let sent = values(&["Bearer tg_live_x"]);
        assert!(matches!(find(&sent, &[]), Ok(Presented::ApiKey("tg_live_x"))));
        let sent = values(&["tg_live_x"]);
        assert!(matches!(find(&[], &sent), Ok(Presented::ApiKey("tg_live_x"))));
        let sent = values(&["dpOp abc.def"]);
        assert!(matches!(find(&sent, &[]), Ok(Presented::BoundToken("abc.def"))));
    }

    #[test]
    fn a_credential_with_more_around_it_than_usual_is_not_plain() {
        for (field, text, is_plain) in [
            (Field::Authorization, "Bearer tg_live_x", true),
            (Field::Authorization, "bearer abc.def", true),
            (Field::Authorization, "Bearer  tg_live_x", false),
            (Field::Authorization, "Bearer tg_live_x ", false),
            (Field::Authorization, "DPoP abc.def", true),
            (Field::Authorization, "DPoP  abc.def", false),
            (Field::ApiKey, "tg_live_x", true),
            (Field::ApiKey, " tg_live_x", false),
        ] {
            let value = HeaderValue::from_static(text);
            let mut shown = Shown::default();
            match field {
                Field::Authorization => shown.authorization.see(&value),
                Field::ApiKey => shown.api_key.see(&value),
            }
            assert_eq!(super::find(shown).unwrap().is_plain(shown), is_plain, "{text:?}");
        }
    }

    #[test]
    fn a_signature_is_a_credential_beside_which_there_is_no_other() {
        let sent = values(&["Bearer a"]);
        let with_token = Shown { authorization: once(&sent), is_signed: true, ..Shown::default() };
        assert!(matches!(super::find(with_token), Err(Refusal::CredentialRepeated)));
        assert!(!with_token.is_signed_alone() && with_token.only().is_none());
        let alone = Shown { is_signed: true, ..Shown::default() };
        assert!(alone.is_signed_alone() && alone.is_something() && alone.only().is_none());
    }

    #[test]
    fn two_credentials_or_another_scheme_are_refused() {
        for (authorization, api_key) in
            [(&["Bearer a"][..], &["b"][..]), (&["Bearer a", "Bearer a"], &[]), (&[], &["a", "b"])]
        {
            let (authorization, api_key) = (values(authorization), values(api_key));
            assert!(matches!(find(&authorization, &api_key), Err(Refusal::CredentialRepeated)));
        }
        for value in
            ["Basic abc", "Bearer", "Bearer ", "abc", "", "DPoP", "DPoP ", "DPoP tg_live_x", "DPoPx abc"]
        {
            assert!(matches!(find(&values(&[value]), &[]), Err(Refusal::CredentialInvalid(_))), "{value:?}");
        }
    }
}
