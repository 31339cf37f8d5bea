//! Sales as the books remember them, with the sums of what became of each.

use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::account::Party;
use super::id::{AppId, ItemName, MerchantId, PartnerId, ProductName};
use super::location::Location;
use super::money::{Amount, Currency, Rounding};
use super::plan::PlanRef;
use super::running_total::TierFamily;
use super::share::Earned;
use super::split::Split;
use super::time::Timestamp;
use super::transaction::TransactionKind;

/// Which sale.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SaleKey {
    /// The app through which it was made.
    pub app: AppId,
    /// The upstream's id of it.
    pub id: String,
    /// Its currency.
    pub currency: Currency,
}

/// A sale, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sale {
    /// The usage record that made it, if it is known.
    pub usage: Option<Uuid>,
    /// When it was made; the beginning of time, if that is not known.
    pub at: Timestamp,
    /// Whose app made it, and owes the share if nobody else does; not known of some old ones.
    pub partner: Option<PartnerId>,
    /// The merchant who owes the share in the partner's place.
    pub payer: Option<MerchantId>,
    /// The API product.
    pub product: ProductName,
    /// The plan version in force.
    pub plan: PlanRef,
    /// The item of its share.
    pub item: ItemName,
    /// The percentage of the share that was taken; of tiers, that of the band which was reached.
    pub percent: Decimal,
    /// How much is taken, in words; none if the percentage says all.
    pub price: Option<Arc<str>>,
    /// Its rounding.
    pub rounding: Rounding,
    /// Its rule; none if the plan takes no share.
    pub rule: Option<Location>,
    /// What the sale was worth.
    pub amount: Amount,
    /// Minor units of that of which the share is a percentage; never more than the amount.
    pub base: i64,
    /// The share that was taken of all of it. Of tiers, it is an estimate as far as it is not earned.
    pub share: Amount,
    /// The sales with which it is summed up, if its share has tiers.
    pub family: Option<TierFamily>,
    /// By how many minor units what became of it moved what these come to, beside its own share.
    pub walked: i64,
    /// When that is earned.
    pub earned: Earned,
    /// How long it may wait for that before someone should ask.
    pub settles_within: Option<Duration>,
    /// Who gets which part of it; the platform gets all, if nobody is named.
    pub split: Option<Split<Party>>,
    /// What became of it.
    pub sums: Sums,
}

/// What became of a sale: sums alone, in minor units, so that it does not matter in which order it came to be known. None ever falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Refunded.
    pub refunded: i64,
    /// Cancelled by amounts.
    pub cancelled: i64,
    /// Charged back.
    pub charged_back: i64,
    /// Won back after chargebacks.
    pub won_back: i64,
    /// Settled by amounts.
    pub settled: i64,
    /// Whether all that was left was cancelled.
    pub is_cancelled: bool,
    /// Whether all that was left was settled.
    pub is_settled: bool,
    /// The first call that cancelled all that was left, by the calls' own times, which order their ids; none if an older program may
    /// have counted something since.
    pub cancelled_by: Option<Uuid>,
    /// What was refunded and cancelled by amounts and later calls than that one.
    pub given_since: i64,
}

/// Which transaction of a sale; the sale itself is one of them. Those of a sale stand together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey {
    /// The sale.
    pub sale: SaleKey,
    /// What the transaction means for it.
    pub kind: TransactionKind,
    /// The upstream's id of the transaction; the sale's, if it has none of its own.
    pub id: String,
}

/// A transaction of a sale that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The usage record that made it, if it is known.
    pub usage: Option<Uuid>,
    /// Its amount in minor units; none of all that was left.
    pub amount: Option<i64>,
    /// What of the amount is beyond the sale, and changed nothing.
    pub beyond: i64,
    /// By how many minor units it changed what is pending of the share.
    pub pending: i64,
    /// By how many minor units it changed what is earned of the share.
    pub earned: i64,
    /// By how many more it moved what the sales come to with which its own is summed up.
    pub walked: i64,
}

/// A transaction of a sale that is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingEvent {
    /// The usage record that made it.
    pub usage: Uuid,
    /// Its amount in minor units; none of all that is left.
    pub amount: Option<i64>,
}
