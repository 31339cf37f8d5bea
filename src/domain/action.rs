//! What administrators, merchants and nodes do that is recorded: a closed set, so that whoever asks for a record by a name that
//! there is not is told so.

use std::fmt;
use std::str::FromStr;

use super::api_key::KEY_ID_PREFIX;
use super::app_certificate::CERTIFICATE_PREFIX;
use super::signature_key::SIGNATURE_KEY_PREFIX;
use super::time::Period;

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
    BalanceCorrect = "balance.correct" of Balance,
    BalanceCreate = "balance.create" of Balance,
    BalanceDeposit = "balance.deposit" of Balance,
    BalanceEnd = "balance.end" of Balance,
    BalanceGiveBack = "balance.give_back" of Balance,
    BalanceLimit = "balance.limit" of Balance,
    BalanceWithdraw = "balance.withdraw" of Balance,
    ClientCertificateCreate = "client_certificate.create" of ClientCertificate,
    ClientCertificateRevoke = "client_certificate.revoke" of ClientCertificate,
    ClientCertificateRotate = "client_certificate.rotate" of ClientCertificate,
    ExceptionResolve = "exception.resolve" of Exception,
    GrantGive = "grant.give" of Grant,
    GrantRevoke = "grant.revoke" of Grant,
    KeyCreate = "key.create" of Key,
    KeyRevoke = "key.revoke" of Key,
    KeyRotate = "key.rotate" of Key,
    KillSwitchOff = "kill_switch.off" of KillSwitch,
    KillSwitchOn = "kill_switch.on" of KillSwitch,
    LedgerPost = "ledger.post" of Ledger,
    LedgerResolve = "ledger.resolve" of Ledger,
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
    ProofKeyRotate = "proof_key.rotate" of ProofKey,
    ProofKeyRevoke = "proof_key.revoke" of ProofKey,
    SecondFactorOffer = "second_factor.offer" of Merchant,
    SecondFactorConfirm = "second_factor.confirm" of Merchant,
    SecondFactorRecover = "second_factor.recover" of Merchant,
    SecondFactorRemove = "second_factor.remove" of Merchant,
    SessionEnd = "session.end" of Session,
    SignatureKeyCreate = "signature_key.create" of SignatureKey,
    SignatureKeyRevoke = "signature_key.revoke" of SignatureKey,
    SignatureKeyRotate = "signature_key.rotate" of SignatureKey,
    SigningKeyRotate = "signing_key.rotate" of SigningKey,
    SigningKeyRevoke = "signing_key.revoke" of SigningKey,
    StatementClose = "statement.close" of Statement,
    SubscriptionCreate = "subscription.create" of Subscription,
    SubscriptionEnd = "subscription.end" of Subscription,
    SubscriptionMove = "subscription.move" of Subscription,
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

/// What other ids begin with: those of client secrets, of calls that could not be rated, of what can be switched off, and of what was
/// posted by hand.
const OTHERS: [&str; 6] = ["sec_", "usage:", "journal:", "route:", "upstream:", "manual:"];
/// By what the policies go.
const POLICIES: &str = "policies";
/// Characters of the id of a key that signs, a thumbprint (RFC 7638).
const THUMBPRINT: usize = 43;

/// A kind of thing that is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// An app.
    App,
    /// A balance that fees are paid from.
    Balance,
    /// A client certificate that an app has registered.
    ClientCertificate,
    /// A billable call that could not be rated.
    Exception,
    /// A grant.
    Grant,
    /// An API key.
    Key,
    /// A kill switch, by what it switches off.
    KillSwitch,
    /// The ledger, by the cause of what was posted.
    Ledger,
    /// A merchant.
    Merchant,
    /// A partner.
    Partner,
    /// The policies, which are one.
    Policies,
    /// A key that signs heads of closed periods.
    ProofKey,
    /// A session of a merchant's.
    Session,
    /// A key by which an app signs its requests.
    SignatureKey,
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
    pub const ALL: [Self; 18] = [
        Self::App,
        Self::Balance,
        Self::ClientCertificate,
        Self::Exception,
        Self::Grant,
        Self::Key,
        Self::KillSwitch,
        Self::Ledger,
        Self::Merchant,
        Self::Partner,
        Self::Policies,
        Self::ProofKey,
        Self::Session,
        Self::SignatureKey,
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
            Self::Balance => "balance",
            Self::ClientCertificate => "client_certificate",
            Self::Exception => "exception",
            Self::Grant => "grant",
            Self::Key => "key",
            Self::KillSwitch => "kill_switch",
            Self::Ledger => "ledger",
            Self::Merchant => "merchant",
            Self::Partner => "partner",
            Self::Policies => "policies",
            Self::ProofKey => "proof_key",
            Self::Session => "session",
            Self::SignatureKey => "signature_key",
            Self::SigningKey => "signing_key",
            Self::Statement => "statement",
            Self::Subscription => "subscription",
            Self::Token => "token",
        }
    }

    /// What the ids of such things begin with, and no others; `None` if they begin with whatever.
    #[must_use]
    pub fn prefix(self) -> Option<&'static str> {
        match self {
            Self::App => Some("app_"),
            Self::Balance => Some("bal_"),
            Self::ClientCertificate => Some(CERTIFICATE_PREFIX),
            Self::Grant => Some("gr_"),
            Self::Key => Some(KEY_ID_PREFIX),
            Self::Merchant => Some("mer_"),
            Self::Partner => Some("partner_"),
            Self::Session => Some("ses_"),
            Self::SignatureKey => Some(SIGNATURE_KEY_PREFIX),
            Self::Subscription => Some("sub_"),
            Self::Token => Some("adm_"),
            Self::Exception
            | Self::KillSwitch
            | Self::Ledger
            | Self::Policies
            | Self::ProofKey
            | Self::SigningKey
            | Self::Statement => None,
        }
    }

    /// Of what kind the thing of that id is, if the id tells.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.prefix().is_some_and(|prefix| id.starts_with(prefix)))
    }

    /// Whether anything at all that records tell of may have that id.
    #[must_use]
    pub fn any_may_have(id: &str) -> bool {
        let is_thumbprint = || {
            let is_of_one = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            id.len() == THUMBPRINT && id.bytes().all(is_of_one)
        };
        Self::of(id).is_some()
            || OTHERS.iter().any(|start| id.starts_with(start))
            || id == POLICIES
            || id.parse::<Period>().is_ok()
            || is_thumbprint()
    }

    /// What the names of actions on such things begin with, up to a point.
    #[must_use]
    pub fn of_actions(self) -> &'static str {
        let of_it = Action::ALL.iter().find(|action| action.subject() == self);
        of_it.and_then(|action| action.name().split('.').next()).unwrap_or_else(|| self.name())
    }

    /// Whether a thing of this kind may have that id.
    #[must_use]
    pub fn may_have(self, id: &str) -> bool {
        match Self::of(id) {
            Some(kind) => kind == self,
            None => self.prefix().is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_id_tells_of_what_kind_it_is_or_may_be_of_any_that_has_no_prefix() {
        for (id, kind) in [
            ("app_1", Some(SubjectKind::App)),
            ("gr_1", Some(SubjectKind::Grant)),
            ("usage:019ac000-0000-7000-8000-000000000001", None),
            ("2026-11", None),
            ("policies", None),
            ("application", None),
        ] {
            assert_eq!(SubjectKind::of(id), kind, "{id}");
            for other in SubjectKind::ALL {
                let expected = kind.map_or(other.prefix().is_none(), |kind| kind == other);
                assert_eq!(other.may_have(id), expected, "{other:?} {id}");
            }
        }
    }

    #[test]
    fn what_nothing_can_be_called_is_no_id() {
        for id in [
            "app_1",
            "sec_1",
            "usage:019ac000-0000-7000-8000-000000000001",
            "journal:node-1:5-9",
            "route:place-order",
            "upstream:order",
            "manual:payment-1",
            "policies",
            "2026-11",
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ] {
            assert!(SubjectKind::any_may_have(id), "{id}");
        }
        for id in ["", "nope", "shop:x", "policy", "2026-13", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9X"] {
            assert!(!SubjectKind::any_may_have(id), "{id}");
        }
    }

    #[test]
    fn each_action_has_a_name_of_its_own_that_leads_back() {
        let names: HashSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(action.name().parse(), Ok(*action));
            assert!(SubjectKind::ALL.contains(&action.subject()), "{action:?}");
            let kind = action.subject();
            let is_told = action.name().split('.').next() == Some(kind.of_actions());
            assert!(is_told || kind.prefix().is_some(), "{action:?}: nothing else tells what it is done to");
        }
        let told = "app.suspnd".parse::<Action>().unwrap_err().to_string();
        assert!(told.contains("app.suspend, app.resume"), "{told}");
    }
}
