//! What is asked of a call, in the order in which it is asked, for who wants to see it: `tollgate policy explain` has the same code
//! decide as the data plane, which watches nothing and pays nothing for it.

use crate::domain::location::Location;

/// What is asked of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// May the route be called from there?
    Address,
    /// May its key be used from there?
    Network,
    /// Does the route take callers without a credential, and if not, is there one?
    Access,
    /// Has the app a subscription to an API product with the route?
    Subscription,
    /// Is the upstream of the app's environment?
    Environment,
    /// Has the credential the scopes?
    Scopes,
    /// Is it for a merchant?
    Merchant,
    /// Has the merchant proved itself well enough, and lately?
    Login,
    /// Does the request name that merchant?
    Binding,
    /// Is the last condition met?
    Condition,
}

impl Question {
    /// Its name: `address`, `network` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Network => "network",
            Self::Access => "access",
            Self::Subscription => "subscription",
            Self::Environment => "environment",
            Self::Scopes => "scopes",
            Self::Merchant => "merchant",
            Self::Login => "login",
            Self::Binding => "binding",
            Self::Condition => "condition",
        }
    }
}

/// Sees what is asked.
pub trait Witness {
    /// A question is asked next: by the policy at `place`, if by a policy. What it asks for is `what`. It was answered with yes if
    /// another one follows, or if all ends well.
    fn asked(&mut self, question: Question, place: Option<&Location>, what: impl FnOnce() -> String);

    /// The last question was answered with yes, because of this: the policy at `place`, if of a policy.
    fn answered(&mut self, place: Option<&Location>, why: impl FnOnce() -> String);
}

/// Sees nothing.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Witness for Nobody {
    fn asked(&mut self, _: Question, _: Option<&Location>, _: impl FnOnce() -> String) {}

    fn answered(&mut self, _: Option<&Location>, _: impl FnOnce() -> String) {}
}
