//! Balances: what an app or a partner may still spend on fees, and what an app may still cost in a merchant's name. Money paid ahead, a
//! credit limit and a monthly budget are one object, told apart by what bounds it and by whose it is.
//!
//! What is left follows from sums alone: what was paid in, what was spent, and what is reserved for calls that nodes may still let
//! through.

use super::id::{AppId, BalanceId, ItemName, MerchantId, NodeId, PartnerId, ProductName};
use super::money::Currency;
use super::plan::PlanRef;
use super::time::{Period, Timestamp};

/// Whose a balance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// It pays for one app.
    App(AppId),
    /// It pays for all apps of a partner.
    Partner(PartnerId),
    /// It pays for nothing: it is the cap of a merchant on what one app may cost in its name.
    Merchant {
        /// Whose cap it is.
        merchant: MerchantId,
        /// Which app it bounds, and that app's calls for the merchant alone.
        app: AppId,
    },
}

impl Owner {
    /// The kind of owner, as the store and the admin API name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::App(_) => "app",
            Self::Partner(_) => "partner",
            Self::Merchant { .. } => "merchant",
        }
    }

    /// The owner's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::App(app) => app.as_str(),
            Self::Partner(partner) => partner.as_str(),
            Self::Merchant { merchant, .. } => merchant.as_str(),
        }
    }

    /// The app that a merchant's cap bounds; none of an owner that pays.
    #[must_use]
    pub fn capped(&self) -> Option<&AppId> {
        match self {
            Self::App(_) | Self::Partner(_) => None,
            Self::Merchant { app, .. } => Some(app),
        }
    }
}

/// What bounds a balance; limits are in minor units and at least zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BalanceKind {
    /// What was paid in.
    Prepaid,
    /// So much more than was paid in: the platform's trust.
    Credit(i64),
    /// So much in each service period, whatever is paid: the owner's own bound.
    Budget(i64),
}

impl BalanceKind {
    /// The name used in the store, the admin API and commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepaid => "prepaid",
            Self::Credit(_) => "credit",
            Self::Budget(_) => "budget",
        }
    }

    /// The kind of that [`Self::name`], with its limit in minor units, which money paid ahead has none of.
    #[must_use]
    pub fn named(name: &str, limit: i64) -> Option<Self> {
        match name {
            "prepaid" => Some(Self::Prepaid),
            "credit" => Some(Self::Credit(limit)),
            "budget" => Some(Self::Budget(limit)),
            _ => None,
        }
    }

    /// The limit in minor units, if it has one.
    #[must_use]
    pub fn limit(self) -> Option<i64> {
        match self {
            Self::Prepaid => None,
            Self::Credit(limit) | Self::Budget(limit) => Some(limit),
        }
    }

    /// The stable code of a call that a balance of this kind does not bear which pays for it.
    #[must_use]
    pub fn code_when_exhausted(self) -> &'static str {
        match self {
            Self::Prepaid => "balance_exhausted",
            Self::Credit(_) => "credit_exhausted",
            Self::Budget(_) => "budget_exhausted",
        }
    }

    pub(super) fn title_when_exhausted(self) -> &'static str {
        match self {
            Self::Prepaid => "The balance is used up",
            Self::Credit(_) => "The credit is used up",
            Self::Budget(_) => "The budget is used up",
        }
    }

    /// Whether what is spent counts for its service period alone.
    #[must_use]
    pub fn is_monthly(self) -> bool {
        matches!(self, Self::Budget(_))
    }
}

/// A balance. Only its limit changes, and that it ends; what moves are the sums of what is paid in and spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Its id.
    pub id: BalanceId,
    /// Whose it is.
    pub owner: Owner,
    /// What bounds it.
    pub kind: BalanceKind,
    /// Fees in this currency are counted on it, and no others.
    pub currency: Currency,
    /// Since when fees are counted on it.
    pub created_at: Timestamp,
    /// Until when they are, if it has ended: those of later calls are owed, or paid from another.
    pub ended_at: Option<Timestamp>,
    /// Whether shares are counted on it, too, once they are earned; never on a cap.
    pub counts_shares: bool,
    /// Until when no call passes that may bring a share, as what was spent has reached its bound.
    pub used_up_until: Option<Timestamp>,
}

/// The sums of a balance, in minor units; what is spent of a budget is that of one service period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Funds {
    /// What was paid in.
    pub paid_in: i64,
    /// What the fees of recorded calls came to, and their shares if it counts those.
    pub spent: i64,
    /// The most that the fees of calls can come to that nodes may still let through, or that are not recorded yet.
    pub reserved: i64,
}

impl Balance {
    /// Whether fees of calls of that time are counted on it.
    #[must_use]
    pub fn is_for(&self, at: Timestamp) -> bool {
        self.created_at <= at && self.ended_at.is_none_or(|ended| at < ended)
    }

    /// What of the money that was paid in may be paid out again, in minor units: what nothing was spent of, and nothing is reserved of.
    #[must_use]
    pub fn withdrawable(&self, funds: Funds) -> i64 {
        let unspent = funds.paid_in.saturating_sub(funds.spent.max(0));
        match self.kind {
            BalanceKind::Prepaid | BalanceKind::Credit(_) => self.left(funds).min(unspent).max(0),
            BalanceKind::Budget(_) => 0,
        }
    }

    /// What may still be promised, in minor units. Below zero only by calls that no node had promised anything for, and by shares.
    #[must_use]
    pub fn left(&self, funds: Funds) -> i64 {
        let Funds { paid_in, spent, reserved } = funds;
        let bound = match self.kind {
            BalanceKind::Prepaid => i128::from(paid_in),
            BalanceKind::Credit(limit) => i128::from(limit).saturating_add(paid_in.into()),
            BalanceKind::Budget(limit) => i128::from(limit),
        };
        let left = bound.saturating_sub(spent.into()).saturating_sub(reserved.into());
        i64::try_from(left).unwrap_or(if left < 0 { i64::MIN } else { i64::MAX })
    }
}

/// What the data plane needs to know of a balance on which an app's fees are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PaidFrom {
    /// The balance.
    pub balance: BalanceId,
    /// What bounds it.
    pub kind: BalanceKind,
    /// Fees in this currency are counted on it.
    pub currency: Currency,
    /// The merchant whose cap it is; none of one that pays.
    pub merchant: Option<MerchantId>,
    /// Until when no call passes that may bring a share.
    pub used_up_until: Option<Timestamp>,
}

impl PaidFrom {
    /// The stable code of a call that it does not bear: of a cap another one, as somebody else is to be asked for more.
    pub(super) fn code_when_exhausted(&self) -> &'static str {
        if self.merchant.is_some() { "cap_exhausted" } else { self.kind.code_when_exhausted() }
    }

    pub(super) fn title_when_exhausted(&self) -> &'static str {
        if self.merchant.is_some() {
            "The merchant's cap is used up"
        } else {
            self.kind.title_when_exhausted()
        }
    }

    /// What a caller is told whose call it does not bear, and what to do.
    pub(super) fn detail_when_exhausted(&self) -> String {
        let Self { balance, kind, currency, merchant, .. } = self;
        if let Some(merchant) = merchant {
            return format!(
                "What the cap {balance} of merchant {merchant} has left for this app in {currency} this month, beside what is reserved for \
                 calls under way and on other nodes, is less than this call may cost, which had no effect. It is whole again next month; \
                 ask the merchant, or the platform, for more."
            );
        }
        let what = match kind {
            BalanceKind::Prepaid => "Pay money in, and a second later calls pass again.",
            BalanceKind::Credit(_) => "Pay what is owed, or ask the platform for more credit.",
            BalanceKind::Budget(_) => "It is whole again next month; ask whoever set it for more.",
        };
        format!(
            "What balance {balance} has left in {currency}, beside what is reserved for calls under way and on other nodes, is less \
             than this call may cost, which had no effect. {what}"
        )
    }
}

/// Which units of a plan version a call uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part {
    /// Those of the item of that name.
    pub item: ItemName,
    /// Those in its promotion of that place, from 0; else those that go by its own price.
    pub promotion: Option<usize>,
}

/// For what units of a balance are leased. What they come to is known for all of an item together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stretch {
    /// The balance.
    pub balance: BalanceId,
    /// Whose calls.
    pub app: AppId,
    /// The API product that they use.
    pub product: ProductName,
    /// The plan version in force.
    pub plan: PlanRef,
    /// Which of its units; none: any of them, as older programs leased.
    pub part: Option<Part>,
    /// The period in which they are used.
    pub service_period: Period,
}

/// A run of a node, from start to stop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    /// The node.
    pub node: NodeId,
    /// The last record of its journal when it started: those of the run's calls come behind it.
    pub since: u64,
}

/// Units of a balance that a node may let through, or has let through and are not recorded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// For what.
    pub stretch: Stretch,
    /// To which run of a node.
    pub run: Run,
    /// How many; above zero.
    pub units: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(kind: BalanceKind) -> Balance {
        Balance {
            id: BalanceId::new("bal_1").unwrap(),
            owner: Owner::App(AppId::new("app_1").unwrap()),
            kind,
            currency: "CNY".parse().unwrap(),
            created_at: Timestamp::default(),
            ended_at: None,
            counts_shares: true,
            used_up_until: None,
        }
    }

    #[test]
    fn what_may_be_paid_out_is_neither_spent_nor_reserved_nor_credit() {
        let out =
            |kind, paid_in, spent, reserved| balance(kind).withdrawable(Funds { paid_in, spent, reserved });
        assert_eq!(out(BalanceKind::Prepaid, 100, 30, 7), 63);
        assert_eq!(out(BalanceKind::Prepaid, 100, 130, 0), 0);
        assert_eq!(out(BalanceKind::Credit(50), 100, 30, 7), 70, "what is reserved is within the credit");
        assert_eq!(out(BalanceKind::Credit(50), 100, 30, 90), 30);
        assert_eq!(out(BalanceKind::Credit(50), 10, 30, 0), 0);
        assert_eq!(out(BalanceKind::Budget(50), 0, 0, 0), 0);
    }

    #[test]
    fn what_is_left_is_the_bound_less_what_was_spent_and_is_reserved() {
        let funds = Funds { paid_in: 100, spent: 30, reserved: 7 };
        for (kind, left) in
            [(BalanceKind::Prepaid, 63), (BalanceKind::Credit(50), 113), (BalanceKind::Budget(40), 3)]
        {
            assert_eq!(balance(kind).left(funds), left, "{kind:?}");
            assert_eq!(BalanceKind::named(kind.name(), kind.limit().unwrap_or(0)), Some(kind));
        }
        let huge = Funds { paid_in: i64::MAX, ..Funds::default() };
        assert_eq!(balance(BalanceKind::Credit(i64::MAX)).left(huge), i64::MAX);
        let owed = Funds { spent: i64::MAX, reserved: i64::MAX, ..Funds::default() };
        assert_eq!(balance(BalanceKind::Prepaid).left(owed), i64::MIN);
    }
}
