//! What holds of all access tokens of an app, whoever made them.

use super::confirmation::Confirmation;
use super::time::Timestamp;

/// What holds of all access tokens of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenRules {
    /// From when on those hold that it gets for itself, if older ones were ended.
    pub valid_from: Option<Timestamp>,
    /// What they are to be bound to, if they must be.
    pub binding: Option<Binding>,
}

/// The kind of thing that a token is to be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// A key (`dpop_bound_access_tokens`; RFC 9449, section 5.2).
    Key,
    /// The app's certificate (`tls_client_certificate_bound_access_tokens`; RFC 8705, section 3.4).
    Certificate,
}

impl Binding {
    /// Whether a token with that confirmation is bound so.
    #[must_use]
    pub fn is_met_by(self, confirmation: Option<Confirmation>) -> bool {
        match confirmation {
            Some(Confirmation::Key(_)) => self == Self::Key,
            Some(Confirmation::Certificate(_)) => self == Self::Certificate,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::confirmation::Thumbprint;

    #[test]
    fn a_token_is_bound_to_the_one_kind_of_thing_or_it_is_not() {
        let thumbprint = Thumbprint([7; 32]);
        let (key, certificate) = (Confirmation::Key(thumbprint), Confirmation::Certificate(thumbprint));
        for (confirmation, by_key, by_certificate) in
            [(Some(key), true, false), (Some(certificate), false, true), (None, false, false)]
        {
            assert_eq!(Binding::Key.is_met_by(confirmation), by_key);
            assert_eq!(Binding::Certificate.is_met_by(confirmation), by_certificate);
        }
    }
}
