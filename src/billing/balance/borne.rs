//! Whether a balance bears more units, as a node would be told that asks to lease them. Nothing is leased by asking.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::available::{Counted, Whose, cost};
use super::reserved::Reserved;
use crate::billing::error::BillingError;
use crate::billing::rating::Unrated;
use crate::domain::balance::{Balance, Part, Stretch};
use crate::store::Store;

/// What a balance says of more units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Borne {
    /// The most that they come to beside all that is leased, in minor units.
    pub cost: i64,
    /// Whether what is left is enough for that.
    pub is_enough: bool,
    /// Units of the same kind that nodes have leased: they need not ask for these.
    pub leased: u64,
    /// Units of other kinds that nodes have leased: what they do not use of them comes back.
    pub leased_for_others: u64,
}

/// Whether a balance bears what a call of so many units takes of a stretch; none if it does not pay in the currency of their price.
///
/// # Errors
/// [`BillingError::Store`]; [`BillingError::PlanUnknown`]; [`BillingError::Unrated`] if sums are too large.
pub async fn borne(
    store: &Store,
    balance: &Balance,
    stretch: &Stretch,
    units: u64,
) -> Result<Option<Borne>, BillingError> {
    let mut transaction = store.begin_reading().await?;
    let reserved = Reserved::read(&mut transaction, balance, stretch.service_period, Some(stretch)).await?;
    let leases = transaction.open_leases(&balance.id).await?;
    transaction.roll_back().await?;
    let counted = reserved.counted(stretch).filter(|counted| counted.tariff.currency == balance.currency);
    let Some(counted) = counted else { return Ok(None) };
    let units = match counted.whose {
        Whose::All => units,
        Whose::Some => taken_of_cap(counted, stretch, units),
    };
    let before = cost(counted).map_err(Unrated::from)?;
    let with = counted.clone().with(stretch.part.as_ref(), units).map_err(Unrated::from)?;
    let after = cost(&with).map_err(Unrated::from)?;
    let more = after.checked_sub(before).ok_or(Unrated::TooLarge)?;
    let (mut leased, mut leased_for_others) = (0_u64, 0_u64);
    for lease in &leases {
        let of_kind = if lease.stretch == *stretch { &mut leased } else { &mut leased_for_others };
        *of_kind = of_kind.saturating_add(lease.units);
    }
    // Units that cost nothing are never refused.
    let is_enough = more <= balance.left(reserved.funds).max(0);
    Ok(Some(Borne { cost: more, is_enough, leased, leased_for_others }))
}

/// How many units a call takes of a cap; of prices that the books do not have, as many as it is.
fn taken_of_cap(counted: &Counted, stretch: &Stretch, units: u64) -> u64 {
    let Some(Part { item, promotion }) = &stretch.part else { return units };
    let item = counted.tariff.fees.iter().find(|one| one.terms().name == *item);
    item.map_or(units, |item| item.cap_units(*promotion).of_call(units))
}
