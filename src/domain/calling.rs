//! What the credentials of calls rest on, as far as calls are concerned: an app, and a merchant's grant to it.

use super::balance::PaidFrom;
use super::identity::{Grant, Standing};
use super::principal::AppFacts;
use super::refusal::Subject;
use super::token_rules::TokenRules;

/// An app as far as its calls are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallingApp {
    /// What the data plane needs to know of it.
    pub facts: AppFacts,
    /// Whose suspension keeps it from calling, its partner's before its own; `None`: it may call.
    pub suspended: Option<Subject>,
    /// What holds of all its access tokens.
    pub token_rules: TokenRules,
}

impl CallingApp {
    /// An app that stands like that, and whose partner does, without rules for its access tokens.
    #[must_use]
    pub fn new(facts: AppFacts, standing: Standing, partner: Standing) -> Self {
        let suspended = match (partner, standing) {
            (Standing::Suspended, _) => Some(Subject::Partner),
            (Standing::Active, Standing::Suspended) => Some(Subject::App),
            (Standing::Active, Standing::Active) => None,
        };
        Self { facts, suspended, token_rules: TokenRules::default() }
    }
}

/// A grant as far as calls by it are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallingGrant {
    /// The grant, revoked or not.
    pub grant: Grant,
    /// Whether its merchant may be acted for.
    pub merchant: Standing,
    /// The merchant's caps on what the app may cost in its name, one for each currency; nearly always none.
    pub caps: Vec<PaidFrom>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Environment;
    use crate::domain::scope::ScopeSet;

    #[test]
    fn an_app_calls_only_if_it_and_its_partner_are_active_and_the_partners_suspension_is_told_first() {
        let facts = AppFacts {
            id: "app_1".parse().unwrap(),
            partner: "partner_1".parse().unwrap(),
            environment: Environment::Live,
            scopes: ScopeSet::default(),
            subscriptions: Vec::new(),
            balances: Vec::new(),
        };
        let (active, suspended) = (Standing::Active, Standing::Suspended);
        for (standing, partner, expected) in [
            (active, active, None),
            (suspended, active, Some(Subject::App)),
            (active, suspended, Some(Subject::Partner)),
            (suspended, suspended, Some(Subject::Partner)),
        ] {
            assert_eq!(CallingApp::new(facts.clone(), standing, partner).suspended, expected);
        }
    }
}
