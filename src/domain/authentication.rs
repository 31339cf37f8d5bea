//! How and when a merchant proved itself (RFC 9470, section 5; OpenID Connect Core, section 2).

use super::time::Timestamp;

/// The authentication context class (`acr`), the weaker first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthenticationClass {
    /// One factor: a password, or what the platform's identity provider took for enough.
    OneFactor,
    /// Two factors: a one-time password too.
    TwoFactors,
}

impl AuthenticationClass {
    /// All of them, the weaker first.
    pub const ALL: [Self; 2] = [Self::OneFactor, Self::TwoFactors];

    /// The value of `acr` and `acr_values`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OneFactor => "urn:tollgate:acr:one-factor",
            Self::TwoFactors => "urn:tollgate:acr:two-factors",
        }
    }

    /// The class of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// That a merchant proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentication {
    /// When (`auth_time`).
    pub at: Timestamp,
    /// How (`acr`).
    pub class: AuthenticationClass,
}
