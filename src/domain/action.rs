//! What administrators, merchants and nodes do that is recorded: a closed set, so that whoever asks for a record by a name that
//! there is not is told so.

use std::fmt;
use std::str::FromStr;

macro_rules! actions {
    ($($action:ident = $name:literal of $kind:ident),+ $(,)?) => {
        /// What was done. Its name says to what kind of thing, and then what.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $(
                #[doc = concat!("`", $name, "`.")]
                $action,
            )+
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$action),+];

            /// The name in the store, the admin API and commands.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$action => $name,)+
                }
            }

            /// What kind of thing it is done to.
            #[must_use]
            pub fn subject(self) -> SubjectKind {
                match self {
                    $(Self::$action => SubjectKind::$kind,)+
                }
            }
        }
    };
}

actions! {
    AppCreate = "app.create" of App,
    AppUpdate = "app.update" of App,
    AppSuspend = "app.suspend" of App,
    AppResume = "app.resume" of App,
    AppIntrospection = "app.introspection" of App,
    AppAddSecret = "app.add_secret" of App,
    AppRevokeSecret = "app.revoke_secret" of App,
    ExceptionResolve = "exception.resolve" of Exception,
    GrantGive = "grant.give" of Grant,
    GrantRevoke = "grant.revoke" of Grant,
    KeyCreate = "key.create" of Key,
    KeyRevoke = "key.revoke" of Key,
    MerchantCreate = "merchant.create" of Merchant,
    MerchantSuspend = "merchant.suspend" of Merchant,
    MerchantResume = "merchant.resume" of Merchant,
    MerchantSetPassword = "merchant.set_password" of Merchant,
    MerchantLink = "merchant.link" of Merchant,
    MerchantUnlink = "merchant.unlink" of Merchant,
    MerchantEndSessions = "merchant.end_sessions" of Merchant,
    MerchantRemoveSecondFactor = "merchant.remove_second_factor" of Merchant,
    PartnerCreate = "partner.create" of Partner,
    PartnerSuspend = "partner.suspend" of Partner,
    PartnerResume = "partner.resume" of Partner,
    PolicyActivate = "policy.activate" of Policies,
    PolicyReload = "policy.reload" of Policies,
    SecondFactorOffer = "second_factor.offer" of Merchant,
    SecondFactorConfirm = "second_factor.confirm" of Merchant,
    SecondFactorRecover = "second_factor.recover" of Merchant,
    SecondFactorRemove = "second_factor.remove" of Merchant,
    SessionEnd = "session.end" of Session,
    SigningKeyRotate = "signing_key.rotate" of SigningKey,
    SigningKeyRevoke = "signing_key.revoke" of SigningKey,
    StatementClose = "statement.close" of Statement,
    SubscriptionCreate = "subscription.create" of Subscription,
    SubscriptionEnd = "subscription.end" of Subscription,
    TokenCreate = "token.create" of Token,
    TokenRevoke = "token.revoke" of Token,
}

impl Action {
    /// The action of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}

/// A name that no action has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownAction;

impl fmt::Display for UnknownAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
        write!(f, "is not known; there are: {}", known.join(", "))
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Self, UnknownAction> {
        Self::named(name).ok_or(UnknownAction)
    }
}

/// A kind of thing that is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// An app.
    App,
    /// A billable call that could not be rated.
    Exception,
    /// A grant.
    Grant,
    /// An API key.
    Key,
    /// A merchant.
    Merchant,
    /// A partner.
    Partner,
    /// The policies, which are one.
    Policies,
    /// A session of a merchant's.
    Session,
    /// A key that signs access tokens.
    SigningKey,
    /// The statements of a billing period.
    Statement,
    /// A subscription.
    Subscription,
    /// A named admin token.
    Token,
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::App,
        Self::Exception,
        Self::Grant,
        Self::Key,
        Self::Merchant,
        Self::Partner,
        Self::Policies,
        Self::Session,
        Self::SigningKey,
        Self::Statement,
        Self::Subscription,
        Self::Token,
    ];

    /// The name in the admin API and commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Exception => "exception",
            Self::Grant => "grant",
            Self::Key => "key",
            Self::Merchant => "merchant",
            Self::Partner => "partner",
            Self::Policies => "policies",
            Self::Session => "session",
            Self::SigningKey => "signing_key",
            Self::Statement => "statement",
            Self::Subscription => "subscription",
            Self::Token => "token",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_action_has_a_name_of_its_own_that_leads_back() {
        let names: HashSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(action.name().parse(), Ok(*action));
            assert!(SubjectKind::ALL.contains(&action.subject()), "{action:?}");
        }
        let told = "app.suspnd".parse::<Action>().unwrap_err().to_string();
        assert!(told.contains("app.suspend, app.resume"), "{told}");
    }
}
