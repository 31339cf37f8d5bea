//! How and when a merchant proved itself (RFC 9470, section 5; OpenID Connect Core, section 2).

use std::time::Duration;

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

/// By what a merchant proved itself first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// Its password.
    Password,
    /// Its account at an identity provider.
    Provider,
}

impl LoginMethod {
    /// The name in the store and the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Provider => "provider",
        }
    }

    /// The method of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Password, Self::Provider].into_iter().find(|method| method.name() == name)
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

/// What is asked of how and when a merchant proved itself (RFC 9470, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// At least so well, if that is asked (`acr_values`).
    pub class: Option<AuthenticationClass>,
    /// At most so long ago, if that is asked (`max_age`).
    pub max_age: Option<Duration>,
}

impl Step {
    /// Whether a merchant that proved itself so has taken it at `now`.
    #[must_use]
    pub fn is_taken(self, by: Authentication, now: Timestamp) -> bool {
        // In whole seconds, as a token tells it, so that who asks for a token and who takes it are of one mind.
        let at = Timestamp::from_seconds(by.at.as_seconds());
        self.class.is_none_or(|class| class <= by.class)
            && self.max_age.is_none_or(|max_age| now.since(at) <= max_age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_taken_by_who_proved_itself_well_and_lately_enough() {
        let at = Timestamp::from_seconds(1_000);
        let (one, two) = (AuthenticationClass::OneFactor, AuthenticationClass::TwoFactors);
        let minute = Some(Duration::from_secs(60));
        for (class, max_age, by, seconds, is_taken) in [
            (None, None, one, 9_999, true),
            (Some(one), None, one, 9_999, true),
            (Some(one), None, two, 9_999, true),
            (Some(two), None, two, 9_999, true),
            (Some(two), None, one, 0, false),
            (None, minute, one, 60, true),
            (None, minute, one, 61, false),
            (Some(two), minute, two, 61, false),
        ] {
            let now = at.plus(Duration::from_secs(seconds));
            let step = Step { class, max_age };
            assert_eq!(
                step.is_taken(Authentication { at, class: by }, now),
                is_taken,
                "{step:?} {by:?} {seconds}"
            );
        }
    }
}
